// Package netlink is sockets of AF_NETLINK (netlink(7)): NETLINK_ROUTE tells of
// interfaces, addresses, routes and neighbours and changes some of them,
// NETLINK_SOCK_DIAG tells of sockets, NETLINK_KOBJECT_UEVENT has nothing to tell. The
// rest of Linux's protocols is not there.
//
// A Namespace knows which sockets have which port. Lock order: Socket.mu, then
// Namespace.mu, the network's locks, wait queues.
package netlink

import (
	"sync"
	"weak"

	"glovebox/abi/linux"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// A Network is what the messages are about.
type Network interface {
	// Stack returns the interfaces, addresses and routes.
	Stack() (*stack.Stack, error)
	// Entries returns the sockets, by ID.
	Entries() []socket.Entry
}

// A Namespace makes the netlink sockets of a network namespace. It implements
// socket.Family.
type Namespace struct {
	net   Network // immutable
	owner Owner   // immutable; may be nil

	mu    sync.Mutex       // a leaf
	ports map[port]*Socket // guarded by mu
	last  uint32           // guarded by mu
	// ids are the numbers of other namespaces, lastNS the next one's. Guarded by mu.
	ids    map[weak.Pointer[stack.Stack]]uint32
	lastNS uint32
}

// An Owner is what the sockets of a namespace hold.
type Owner interface {
	Inc()
	Dec()
}

// A port is what a socket is bound to: an address within a protocol.
type port struct {
	protocol int
	id       uint32
}

// New returns the namespace of a network, whose owner may be nil.
func New(n Network, owner Owner) *Namespace {
	return &Namespace{net: n, owner: owner, ports: map[port]*Socket{}}
}

// protocols is what there is, and what handles its messages.
var protocols = map[int]handler{
	linux.NETLINK_ROUTE:          route,
	linux.NETLINK_SOCK_DIAG:      diag,
	linux.NETLINK_KOBJECT_UEVENT: func(*Socket, *request) error { return linux.EOPNOTSUPP },
}

// Socket implements socket.Family (netlink_create).
func (ns *Namespace) Socket(_ *vfs.Ctx, typ, protocol int) (socket.Socket, error) {
	if typ != linux.SOCK_RAW && typ != linux.SOCK_DGRAM {
		return nil, linux.ESOCKTNOSUPPORT
	}
	if _, ok := protocols[protocol]; !ok {
		return nil, linux.EPROTONOSUPPORT
	}
	s := &Socket{ns: ns}
	if ns.owner != nil {
		ns.owner.Inc()
	}
	s.Domain, s.Type, s.Protocol, s.ID = linux.AF_NETLINK, typ, protocol, socket.NextID()
	s.rcvbuf, s.sndbuf = defaultBuf, defaultBuf
	return s, nil
}

// Pair implements socket.Family.
func (ns *Namespace) Pair(*vfs.Ctx, int, int) (a, b socket.Socket, err error) {
	return nil, nil, linux.EOPNOTSUPP
}

// claim gives s a port, any if it is 0: the process's id for its first socket
// (netlink_autobind).
func (ns *Namespace) claim(s *Socket, id uint32, tgid int32) (uint32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if id != 0 {
		if ns.ports[port{s.Protocol, id}] != nil {
			return 0, linux.EADDRINUSE
		}
	} else {
		for id = uint32(tgid); id == 0 || ns.ports[port{s.Protocol, id}] != nil; {
			ns.last++
			id = 1<<32 - 4096 - ns.last%(1<<30)
		}
	}
	ns.ports[port{s.Protocol, id}] = s
	return id, nil
}

func (ns *Namespace) release(s *Socket, id uint32) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.ports[port{s.Protocol, id}] == s {
		delete(ns.ports, port{s.Protocol, id})
	}
}
