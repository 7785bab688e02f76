// Package inet is sockets of AF_INET and AF_INET6 (ip(7), ipv6(7), tcp(7), udp(7),
// icmp(7), raw(7)) on the TCP/IP engine of sentry/net/stack.
//
// A Namespace is the engine, made when the first socket is, and the sockets there are.
// A Socket is an engine's endpoint and what Linux says that the engine does not:
// options as they were set, errors that wait, messages that were received.
//
// Lock order: Socket.sendMu, Socket.mu, the engine's locks, Socket.recvMu, wait
// queues. Never are two sockets locked at once.
package inet

import (
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/netfilter"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// A Namespace is a network namespace's Internet. The zero value has lo and nothing
// else once it is used.
type Namespace struct {
	// Owner is what sockets hold; nil for nothing. Down says that lo is down at first.
	// Both are set before the first socket is made.
	Owner Owner
	Down  bool

	once  sync.Once
	stack *stack.Stack // set by once
	err   error        // set by once

	// firstPort is the first port that everybody may bind
	// (net.ipv4.ip_unprivileged_port_start), less 1024.
	firstPort atomic.Int32
	forwards  atomic.Int32

	rules netfilter.Tables

	pressure pressure

	mu      sync.Mutex // a leaf
	sockets map[*Socket]struct{}
}

// Stack returns the engine, which is made now if it was not before.
func (ns *Namespace) Stack() (*stack.Stack, error) {
	ns.once.Do(func() {
		if ns.stack, ns.err = stack.New(); ns.err == nil && !ns.Down {
			ns.err = ns.stack.SetUp(stack.LoopbackNIC, true)
		}
	})
	return ns.stack, ns.err
}

// Close ends the engine. There are no sockets any more.
func (ns *Namespace) Close() {
	ns.once.Do(func() { ns.err = linux.ENODEV })
	if ns.stack != nil {
		go ns.stack.Close() // it waits for connections that end by themselves
	}
}

// An Owner is what the sockets of a namespace hold.
type Owner interface {
	Inc()
	Dec()
}

// FirstPort is the first port that everybody may bind.
func (ns *Namespace) FirstPort() int { return int(ns.firstPort.Load()) + 1024 }

// SetFirstPort changes it.
func (ns *Namespace) SetFirstPort(n int) error {
	ns.firstPort.Store(int32(n - 1024))
	return nil
}

// Forwards is 1 if packets of others are passed on (net.ipv4.ip_forward).
func (ns *Namespace) Forwards() int { return int(ns.forwards.Load()) }

// SetForwards changes it.
func (ns *Namespace) SetForwards(n int) error {
	st, err := ns.Stack()
	if err != nil {
		return err
	}
	ns.forwards.Store(int32(min(n, 1)))
	return st.SetForwarding(n != 0)
}

// NICs returns the interfaces by number.
func (ns *Namespace) NICs() []stack.NIC {
	st, err := ns.Stack()
	if err != nil {
		return nil
	}
	return st.NICs()
}

// Families returns what makes the sockets of ns, by AF_*.
func (ns *Namespace) Families() socket.Families {
	return socket.Families{linux.AF_INET: family{ns, linux.AF_INET}, linux.AF_INET6: family{ns, linux.AF_INET6}}
}

// Sockets returns those that there are, in no order.
func (ns *Namespace) Sockets() []*Socket {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	all := make([]*Socket, 0, len(ns.sockets))
	for s := range ns.sockets {
		all = append(all, s)
	}
	return all
}

func (ns *Namespace) add(s *Socket) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.sockets == nil {
		ns.sockets = map[*Socket]struct{}{}
	}
	ns.sockets[s] = struct{}{}
	if ns.Owner != nil {
		ns.Owner.Inc()
	}
}

// remove forgets s, and returns how many are left.
func (ns *Namespace) remove(s *Socket) int {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(ns.sockets, s)
	return len(ns.sockets)
}

// family implements socket.Family.
type family struct {
	ns     *Namespace
	domain int
}

// protocolMax is IPPROTO_MAX.
const protocolMax = 263

// kindOf says what a type and a protocol make (inet_create, inetsw_array). Protocol 0
// is the type's own.
func kindOf(domain, typ, protocol int) (k stack.Kind, proto int, err error) {
	if protocol < 0 || protocol >= protocolMax {
		return 0, 0, linux.EINVAL
	}
	ping := linux.IPPROTO_ICMP
	if domain == linux.AF_INET6 {
		ping = linux.IPPROTO_ICMPV6
	}
	switch {
	case typ == linux.SOCK_STREAM && (protocol == 0 || protocol == linux.IPPROTO_TCP):
		return stack.TCP, linux.IPPROTO_TCP, nil
	case typ == linux.SOCK_DGRAM && (protocol == 0 || protocol == linux.IPPROTO_UDP):
		return stack.UDP, linux.IPPROTO_UDP, nil
	case typ == linux.SOCK_DGRAM && protocol == ping:
		return stack.Ping, ping, nil
	case typ == linux.SOCK_RAW && protocol != 0:
		return stack.Raw, protocol, nil
	case typ == linux.SOCK_STREAM, typ == linux.SOCK_DGRAM, typ == linux.SOCK_RAW:
		return 0, 0, linux.EPROTONOSUPPORT
	}
	return 0, 0, linux.ESOCKTNOSUPPORT
}

// Socket implements socket.Family.
func (f family) Socket(c *vfs.Ctx, typ, protocol int) (socket.Socket, error) {
	k, protocol, err := kindOf(f.domain, typ, protocol)
	if err != nil {
		return nil, err
	}
	if k == stack.Raw && !c.Creds.Has(auth.CapNetRaw) {
		return nil, linux.EPERM
	}
	st, err := f.ns.Stack()
	if err != nil {
		return nil, err
	}
	ep, err := st.NewEndpoint(k, f.domain, protocol)
	if err != nil {
		return nil, err
	}
	s := newSocket(f.ns, k, f.domain, typ, protocol, ep)
	s.uid = c.Creds.UID
	ep.SetOwner(c.Creds.FSUID, c.Creds.FSGID)
	f.ns.add(s)
	return s, nil
}

// Pair implements socket.Family.
func (f family) Pair(c *vfs.Ctx, typ, protocol int) (socket.Socket, socket.Socket, error) {
	s, err := f.Socket(c, typ, protocol)
	if err != nil {
		return nil, nil, err
	}
	s.Release()
	return nil, nil, linux.EOPNOTSUPP
}
