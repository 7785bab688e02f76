package socket

import "net/netip"

// An Entry is what is told of an Internet socket to those who look at all of them
// (/proc/net, sock_diag(7)).
type Entry struct {
	ID                     uint64 // the inode number
	Domain, Type, Protocol int
	State                  int // TCP_*; of one without a stream TCP_ESTABLISHED or TCP_CLOSE
	Local, Remote          netip.AddrPort
	Device                 int32
	Unread, Unsent         uint32
	UID                    uint32
	Drops                  uint32
	Shutdown               uint8 // 1 to read, 2 to write
}
