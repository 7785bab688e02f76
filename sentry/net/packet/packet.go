// Package packet is sockets of AF_PACKET (packet(7)): frames of interfaces as they are
// (SOCK_RAW), or what is in them (SOCK_DGRAM), and rings of memory in which a program finds
// them (PACKET_RX_RING, which libpcap captures by).
//
// Lock order: Socket.mu, the engine's locks, Socket.recvMu, those of the ring's memory,
// wait queues.
package packet

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// A Network is whose packets there are.
type Network interface {
	Stack() (*stack.Stack, error)
	// Netdevice is ioctl(2) of netdevice(7).
	Netdevice(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg guest.Addr) (uintptr, error)
}

// An Owner is what the sockets of a namespace hold.
type Owner interface {
	Inc()
	Dec()
}

// A Namespace makes the packet sockets of a network namespace. It implements
// socket.Family.
type Namespace struct {
	net   Network // immutable
	owner Owner   // immutable

	mu      sync.Mutex // a leaf
	sockets map[*Socket]struct{}
}

// New returns the namespace of a network.
func New(n Network, owner Owner) *Namespace {
	return &Namespace{net: n, owner: owner, sockets: map[*Socket]struct{}{}}
}

// Socket implements socket.Family (packet_create). The protocol is in network order.
func (ns *Namespace) Socket(c *vfs.Ctx, typ, protocol int) (socket.Socket, error) {
	switch {
	case !c.Creds.Has(auth.CapNetRaw):
		return nil, linux.EPERM
	case typ != linux.SOCK_RAW && typ != linux.SOCK_DGRAM:
		return nil, linux.ESOCKTNOSUPPORT
	}
	s := &Socket{ns: ns, uid: c.Creds.UID}
	s.Domain, s.Type, s.Protocol, s.ID = linux.AF_PACKET, typ, protocol, socket.NextID()
	s.limit = stack.Buffers.Default
	ns.owner.Inc()
	ns.mu.Lock()
	ns.sockets[s] = struct{}{}
	ns.mu.Unlock()
	if err := s.listen(0, swap(uint16(protocol))); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

// Pair implements socket.Family.
func (ns *Namespace) Pair(*vfs.Ctx, int, int) (a, b socket.Socket, err error) {
	return nil, nil, linux.EOPNOTSUPP
}

// An Entry is a socket as /proc/net/packet shows it.
type Entry struct {
	Type   int
	Proto  uint16
	NIC    int32
	Bound  bool
	Unread int // bytes
	UID    uint32
	ID     uint64
}

// Entries tells of every socket, by ID.
func (ns *Namespace) Entries() []Entry {
	ns.mu.Lock()
	all := make([]Entry, 0, len(ns.sockets))
	for s := range ns.sockets {
		all = append(all, s.entry())
	}
	ns.mu.Unlock()
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// swap changes between the host's order and the network's.
func swap(v uint16) uint16 { return bits.ReverseBytes16(v) }

// sockaddr makes a struct sockaddr_ll. Without all of the address's bytes it is cut.
func sockaddr(proto uint16, nic int32, hardware uint16, typ uint8, addr []byte) []byte {
	b := make([]byte, linux.SizeOfSockaddrLl)
	binary.NativeEndian.PutUint16(b, linux.AF_PACKET)
	binary.BigEndian.PutUint16(b[2:], proto)
	binary.NativeEndian.PutUint32(b[4:], uint32(nic))
	binary.NativeEndian.PutUint16(b[8:], hardware)
	b[10], b[11] = typ, uint8(len(addr))
	copy(b[12:], addr)
	return b
}

// An address is a struct sockaddr_ll that a guest gave.
type address struct {
	proto uint16
	nic   int32
	addr  []byte
}

// parse reads one that is long enough.
func parse(raw []byte) address {
	return address{binary.BigEndian.Uint16(raw[2:]), int32(binary.NativeEndian.Uint32(raw[4:])), slices.Clone(raw[12:18])}
}
