// Package unix is sockets of AF_UNIX (unix(7)): streams, datagrams and
// sequenced packets, with descriptors and credentials.
//
// A Socket keeps what it has received; sending is putting it there. A Namespace
// knows what names sockets are bound to and which open files are on the way
// between sockets.
//
// Lock order: common.flightMu, Socket.mu, Namespace.mu and common.pathMu, then wait queues.
// Never are two sockets locked at once. A sender is told of room by the
// receiver's room queue, which its own queue is tied to while they are
// connected.
package unix

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// A Namespace is the sockets of one network namespace. It implements socket.Family.
type Namespace struct {
	netdevice Netdevice // immutable

	mu       sync.Mutex           // a leaf
	abstract map[string]*Socket   // guarded by mu
	lastAuto uint32               // guarded by mu
	all      map[*Socket]struct{} // guarded by mu

	*common
}

var _ socket.Family = (*Namespace)(nil)

// A Netdevice answers netdevice(7)'s ioctls, for which any socket will do.
type Netdevice func(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg guest.Addr) (uintptr, error)

// common is what all namespaces of a sandbox share: names that are paths, and what is on
// the way.
type common struct {
	pathMu sync.Mutex            // a leaf
	inodes map[vfs.Inode]*Socket // by what bind(2) made; guarded by pathMu

	flights
}

// New returns the first namespace of a sandbox. The function may be nil, if there are no
// interfaces.
func New(n Netdevice) *Namespace {
	return &Namespace{netdevice: n, common: &common{}, abstract: map[string]*Socket{}, all: map[*Socket]struct{}{}}
}

// Fresh returns another namespace, in whose files the same sockets are found.
func (ns *Namespace) Fresh(n Netdevice) *Namespace {
	f := New(n)
	f.common = ns.common
	return f
}

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
	ns.abstract[name] = s
	return abstractAddr(name), nil
}

// bindInode makes s the socket that is found by i.
func (ns *Namespace) bindInode(s *Socket, i vfs.Inode) {
	ns.pathMu.Lock()
	defer ns.pathMu.Unlock()
	if ns.inodes == nil {
		ns.inodes = map[vfs.Inode]*Socket{}
	}
	ns.inodes[i] = s
}

// unbind forgets s, which had the address a and, for a path, the inode i.
func (ns *Namespace) unbind(s *Socket, a *addr, i vfs.Inode) {
	if i != nil {
		ns.pathMu.Lock()
		defer ns.pathMu.Unlock()
		delete(ns.inodes, i)
		return
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if a != nil && ns.abstract[string(a.raw[2:])] == s {
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
		ns.pathMu.Lock()
		s = ns.inodes[i]
		ns.pathMu.Unlock()
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

// An Entry is a socket as /proc/net/unix shows it.
type Entry struct {
	ID        uint64
	Type      int
	Listening bool
	Connected bool
	Path      string // with @ for each NUL of an abstract name; "" for none
}

// Entries tells of every socket, by ID.
func (ns *Namespace) Entries() []Entry {
	ns.mu.Lock()
	all := slices.Collect(maps.Keys(ns.all))
	ns.mu.Unlock()
	entries := make([]Entry, 0, len(all))
	for _, s := range all {
		s.mu.Lock()
		e := Entry{ID: s.ID, Type: s.Type, Listening: s.state == listening, Connected: s.peer != nil}
		if s.addr != nil {
			if p := string(s.addr.raw[2:]); p[0] == 0 {
				e.Path = strings.ReplaceAll(p, "\x00", "@")
			} else {
				e.Path, _, _ = strings.Cut(p, "\x00")
			}
		}
		s.mu.Unlock()
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return entries
}
