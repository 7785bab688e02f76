package linux

import "structs"

// Address families.
const (
	AF_UNSPEC      = 0
	AF_UNIX        = 1
	AF_INET        = 2
	AF_INET6       = 10
	AF_NETLINK     = 16
	AF_PACKET      = 17
	AF_VSOCK       = 40
	AF_MAX         = 46
	SOCK_STREAM    = 1
	SOCK_DGRAM     = 2
	SOCK_RAW       = 3
	SOCK_RDM       = 4
	SOCK_SEQPACKET = 5
	SOCK_DCCP      = 6
	SOCK_PACKET    = 10
	SOCK_MAX       = 11

	SOCK_TYPE_MASK = 0xf
	SOCK_CLOEXEC   = 0o2000000
	SOCK_NONBLOCK  = 0o4000
)

// Levels and options of getsockopt(2), from include/uapi/asm-generic/socket.h.
const (
	SOL_SOCKET  = 1
	SOL_NETLINK = 270

	SO_DEBUG         = 1
	SO_REUSEADDR     = 2
	SO_TYPE          = 3
	SO_ERROR         = 4
	SO_DONTROUTE     = 5
	SO_BROADCAST     = 6
	SO_SNDBUF        = 7
	SO_RCVBUF        = 8
	SO_KEEPALIVE     = 9
	SO_OOBINLINE     = 10
	SO_NO_CHECK      = 11
	SO_PRIORITY      = 12
	SO_LINGER        = 13
	SO_BSDCOMPAT     = 14
	SO_REUSEPORT     = 15
	SO_PASSCRED      = 16
	SO_PEERCRED      = 17
	SO_RCVLOWAT      = 18
	SO_SNDLOWAT      = 19
	SO_RCVTIMEO      = 20
	SO_SNDTIMEO      = 21
	SO_BINDTODEVICE  = 25
	SO_ATTACH_FILTER = 26
	SO_DETACH_FILTER = 27
	SO_PEERNAME      = 28
	SO_TIMESTAMP     = 29
	SO_ACCEPTCONN    = 30
	SO_PEERSEC       = 31
	SO_SNDBUFFORCE   = 32
	SO_RCVBUFFORCE   = 33
	SO_PASSSEC       = 34
	SO_TIMESTAMPNS   = 35
	SO_MARK          = 36
	SO_TIMESTAMPING  = 37
	SO_PROTOCOL      = 38
	SO_DOMAIN        = 39
	SO_RXQ_OVFL      = 40
	SO_PEEK_OFF      = 42
	SO_LOCK_FILTER   = 44
	SO_BUSY_POLL     = 46
	SO_INCOMING_CPU  = 49
	SO_COOKIE        = 57
	SO_PEERGROUPS    = 59
	SO_ZEROCOPY      = 60
	SO_RCVTIMEO_NEW  = 66
	SO_SNDTIMEO_NEW  = 67
	SO_PASSPIDFD     = 76
	SO_PEERPIDFD     = 77
)

// Flags of send(2) and recv(2).
const (
	MSG_OOB          = 0x1
	MSG_PEEK         = 0x2
	MSG_DONTROUTE    = 0x4
	MSG_CTRUNC       = 0x8
	MSG_PROBE        = 0x10
	MSG_TRUNC        = 0x20
	MSG_DONTWAIT     = 0x40
	MSG_EOR          = 0x80
	MSG_WAITALL      = 0x100
	MSG_CONFIRM      = 0x800
	MSG_ERRQUEUE     = 0x2000
	MSG_NOSIGNAL     = 0x4000
	MSG_MORE         = 0x8000
	MSG_WAITFORONE   = 0x10000
	MSG_FASTOPEN     = 0x20000000
	MSG_CMSG_CLOEXEC = 0x40000000
	MSG_CMSG_COMPAT  = 0x80000000
)

// Ways of shutdown(2).
const (
	SHUT_RD   = 0
	SHUT_WR   = 1
	SHUT_RDWR = 2
)

// SOMAXCONN is the default of net.core.somaxconn.
const SOMAXCONN = 4096

// Ancillary data of SOL_SOCKET (unix(7)).
const (
	SCM_RIGHTS      = 1
	SCM_CREDENTIALS = 2
	SCM_SECURITY    = 3
	SCM_PIDFD       = 4

	// SCM_MAX_FD is the most descriptors in one SCM_RIGHTS message.
	SCM_MAX_FD = 253
)

// SizeOfSockaddrStorage is the most that an address can take.
const SizeOfSockaddrStorage = 128

// MsgHdr is struct msghdr (recvmsg(2)); Name, Iov and Control are guest
// addresses.
type MsgHdr struct {
	_          structs.HostLayout
	Name       uint64
	NameLen    uint32
	_          uint32
	Iov        uint64
	IovLen     uint64
	Control    uint64
	ControlLen uint64
	Flags      uint32
	_          uint32
}

// MMsgHdr is struct mmsghdr (recvmmsg(2)).
type MMsgHdr struct {
	_   structs.HostLayout
	Hdr MsgHdr
	Len uint32
	_   uint32
}

// CmsgHdr is struct cmsghdr (cmsg(3)).
type CmsgHdr struct {
	_     structs.HostLayout
	Len   uint64
	Level int32
	Type  int32
}

// Ucred is struct ucred (unix(7)).
type Ucred struct {
	_   structs.HostLayout
	PID int32
	UID uint32
	GID uint32
}

// Linger is struct linger (socket(7)).
type Linger struct {
	_      structs.HostLayout
	OnOff  int32
	Linger int32
}
