// Package unix is sockets of AF_UNIX (unix(7)): streams, datagrams and
// sequenced packets, with descriptors and credentials.
//
// A Socket keeps what it has received; sending is putting it there. A Namespace
// knows what names sockets are bound to and which open files are on the way
// between sockets.
//
// Lock order: Namespace.flightMu, Socket.mu, Namespace.mu, then wait queues.
// Never are two sockets locked at once. A sender is told of room by the
// receiver's room queue, which its own queue is tied to while they are
// connected.
package unix

import (
	"fmt"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// A Namespace is the sockets of one network namespace; the zero value is empty.
// It implements socket.Family.
type Namespace struct {
	// Netdevice answers netdevice(7)'s ioctls, for which any socket will do; nil if
	// there are no interfaces. Immutable.
	Netdevice func(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg guest.Addr) (uintptr, error)

	mu       sync.Mutex            // a leaf
	abstract map[string]*Socket    // guarded by mu
	inodes   map[vfs.Inode]*Socket // by what bind(2) made; guarded by mu
	lastAuto uint32                // guarded by mu

	flights
}

var _ socket.Family = (*Namespace)(nil)

// Socket implements socket.Family (unix_create).
func (ns *Namespace) Socket(_ *vfs.Ctx, typ, protocol int) (socket.Socket, error) {
	s, err := ns.create(typ, protocol)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Pair implements socket.Family (unix_socketpair).
func (ns *Namespace) Pair(c *vfs.Ctx, typ, protocol int) (socket.Socket, socket.Socket, error) {
	a, err := ns.create(typ, protocol)
	if err != nil {
		return nil, nil, err
	}
	b, err := ns.create(typ, protocol)
	if err != nil {
		return nil, nil, err
	}
	a.peer, b.peer = b, a
	a.peerCred, b.peerCred = credOf(c), credOf(c)
	if a.Type != linux.SOCK_DGRAM {
		a.state, b.state = connected, connected
	}
	a.tie(b)
	b.tie(a)
	return a, b, nil
}

func (ns *Namespace) create(typ, protocol int) (*Socket, error) {
	if protocol != 0 && protocol != linux.AF_UNIX {
		return nil, linux.EPROTONOSUPPORT
	}
	switch typ {
	case linux.SOCK_STREAM, linux.SOCK_DGRAM, linux.SOCK_SEQPACKET:
	case linux.SOCK_RAW:
		typ = linux.SOCK_DGRAM // as BSD believed
	default:
		return nil, linux.ESOCKTNOSUPPORT
	}
	return newSocket(ns, typ), nil
}

// bindAbstract gives s the abstract name, or any that is free if it is "".
func (ns *Namespace) bindAbstract(s *Socket, name string) (*addr, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if name == "" {
		const tries = 1 << 20 // five hexadecimal digits (unix_autobind)
		for range tries {
			ns.lastAuto = (ns.lastAuto + 1) % tries
			if name = fmt.Sprintf("\x00%05x", ns.lastAuto); ns.abstract[name] == nil {
				break
			}
			name = ""
		}
		if name == "" {
			return nil, linux.ENOSPC
		}
	}
	if ns.abstract[name] != nil {
		return nil, linux.EADDRINUSE
	}
	if ns.abstract == nil {
		ns.abstract = map[string]*Socket{}
	}
	ns.abstract[name] = s
	return abstractAddr(name), nil
}

// bindInode makes s the socket that is found by i.
func (ns *Namespace) bindInode(s *Socket, i vfs.Inode) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.inodes == nil {
		ns.inodes = map[vfs.Inode]*Socket{}
	}
	ns.inodes[i] = s
}

// unbind forgets s, which had the address a and, for a path, the inode i.
func (ns *Namespace) unbind(s *Socket, a *addr, i vfs.Inode) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if i != nil {
		delete(ns.inodes, i)
	} else if a != nil && ns.abstract[string(a.raw[2:])] == s {
		delete(ns.abstract, string(a.raw[2:]))
	}
}

// find returns the socket of type typ that raw names (unix_find_other).
func (ns *Namespace) find(c *vfs.Ctx, raw []byte, typ int) (*Socket, error) {
	path, abstract, err := parse(raw)
	if err != nil {
		return nil, err
	}
	var s *Socket
	switch {
	case path != "":
		i, err := lookup(c, path)
		if err != nil {
			return nil, err
		}
		ns.mu.Lock()
		s = ns.inodes[i]
		ns.mu.Unlock()
	case abstract != "":
		ns.mu.Lock()
		s = ns.abstract[abstract]
		ns.mu.Unlock()
	default:
		return nil, linux.EINVAL
	}
	if s == nil {
		return nil, linux.ECONNREFUSED
	}
	if s.Type != typ {
		return nil, linux.EPROTOTYPE
	}
	return s, nil
}
