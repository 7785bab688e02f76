// Package netns is network namespaces (network_namespaces(7)): the families of sockets
// that know of one another, put together.
package netns

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
	"glovebox/sentry/guest"
	"glovebox/sentry/namespace"
	"glovebox/sentry/net/inet"
	"glovebox/sentry/net/netlink"
	"glovebox/sentry/net/packet"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/net/unix"
	"glovebox/sentry/vfs"
)

// maxNamespaces is how many there may be beside the first
// (user.max_net_namespaces): an engine takes some goroutines and 100 KiB.
const maxNamespaces = 256

// An Internet is sockets of AF_INET and AF_INET6, and what is to be told of their
// network: the Sentry's own (inet), or the host's (hostinet).
type Internet interface {
	// Stack returns the interfaces, addresses, routes and neighbours.
	Stack() (*stack.Stack, error)
	// NICs returns the interfaces by number.
	NICs() []stack.NIC
	// Entries returns the sockets, by ID.
	Entries() []socket.Entry
	// FirstPort is the first that everybody may bind
	// (net.ipv4.ip_unprivileged_port_start).
	FirstPort() int
	SetFirstPort(int) error
	// Forwards is 1 if packets of others are passed on (net.ipv4.ip_forward).
	Forwards() int
	SetForwards(int) error
	Families() socket.Families
	// Netdevice is ioctl(2) of netdevice(7).
	Netdevice(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg guest.Addr) (uintptr, error)
}

// A Namespace is one. It implements socket.Namespace.
type Namespace struct {
	Internet // immutable
	// Unix is the sockets of AF_UNIX. Immutable.
	Unix     *unix.Namespace
	families socket.Families
	refs     ref.Count
	id       namespace.ID
	count    *atomic.Int32 // of those beside the first
	own      *inet.Namespace
	packets  *packet.Namespace // nil on the host's network
}

var _ socket.Namespace = (*Namespace)(nil)

// First returns the namespace that a sandbox starts with, with one reference.
func First(i Internet) *Namespace { return assemble(i, unix.New(i.Netdevice), new(atomic.Int32)) }

func assemble(i Internet, u *unix.Namespace, count *atomic.Int32) *Namespace {
	n := &Namespace{Internet: i, id: namespace.NewID(), count: count, Unix: u}
	n.families = i.Families()
	n.families[linux.AF_NETLINK] = netlink.New(i, n)
	if _, ok := i.(*inet.Namespace); ok {
		n.packets = packet.New(i, n)
		n.families[linux.AF_PACKET] = n.packets
	}
	n.families[linux.AF_UNIX] = u
	return n
}

// Fresh implements socket.Namespace.
func (n *Namespace) Fresh() (socket.Namespace, error) {
	if n.count.Add(1) > maxNamespaces {
		n.count.Add(-1)
		return nil, linux.ENOSPC
	}
	own := &inet.Namespace{Down: true}
	if i, ok := n.Internet.(*inet.Namespace); ok {
		own.Inherit(i)
	}
	f := assemble(own, n.Unix.Fresh(own.Netdevice), n.count)
	f.own = own
	own.Owner = f
	return f, nil
}

// ID implements namespace.Object.
func (n *Namespace) ID() namespace.ID { return n.id }

// Families implements socket.Namespace.
func (n *Namespace) Families() socket.Families { return n.families }

// Packets tells of the packet sockets.
func (n *Namespace) Packets() []packet.Entry {
	if n.packets == nil {
		return nil
	}
	return n.packets.Entries()
}

// Inc implements socket.Namespace.
func (n *Namespace) Inc() { n.refs.Inc() }

// TryInc implements namespace.Object.
func (n *Namespace) TryInc() bool { return n.refs.TryInc() }

// Dec implements namespace.Object. The last ends the engine and its interfaces.
func (n *Namespace) Dec() {
	if n.refs.Dec() && n.own != nil {
		n.count.Add(-1)
		n.own.Close()
	}
}
