// Package hostinet is sockets of AF_INET and AF_INET6 that are the host's
// (--network=host): those of the network namespace that the Sentry was started in.
//
// A Namespace is what the Sentry knows of that network: the sockets it has made, one
// poller for all of them, and what it opened before it was sealed to tell of interfaces
// and routes. A Socket is a socket of the host that never blocks, owned by one open
// file. What a guest names of it (options, ioctls, ancillary data, addresses) is looked
// up in a table first; what is in none never reaches the host. Raw sockets there are
// none: the host wants CAP_NET_RAW, and no Sentry has a capability.
//
// Lock order: the poller's, Namespace.mu, wait queues. Namespace.mu is held over host calls that
// tell of a socket, so that it is not closed meanwhile; none of them waits.
package hostinet

import (
	"cmp"
	"slices"
	"sync"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/lib/wait"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// A Namespace is the host's network as the Sentry has it.
type Namespace struct {
	host   *host.InetHost // immutable
	poller *host.Poller   // immutable

	// routeMu is held for a question and its answer.
	routeMu sync.Mutex
	routeNo uint32 // of the last question; guarded by routeMu

	mu      sync.Mutex
	sockets map[uint64]*Socket // by ID; guarded by mu
}

// procFiles are those of /proc/net that the host writes. Those about sockets are not
// among them: they are about everybody's.
var procFiles = []string{"dev", "route", "ipv6_route", "if_inet6", "arp", "snmp", "igmp"}

// Open opens the host's network, for a process that is not sealed yet. procFD is the
// root of a procfs.
func Open(procFD int) (*Namespace, error) {
	h, err := host.OpenInet(procFD, procFiles)
	if err != nil {
		return nil, err
	}
	p, err := host.NewPoller()
	if err != nil {
		return nil, err
	}
	ns := &Namespace{host: h, poller: p, sockets: map[uint64]*Socket{}}
	go ns.poll()
	return ns, nil
}

// poll tells the queues of the sockets what happens to them. The Namespace, and so this
// goroutine, lives as long as the Sentry.
func (ns *Namespace) poll() {
	for ns.poller.Wait(ns.happened) == nil {
	}
}

func (ns *Namespace) happened(id uint64, events uint32) {
	ns.mu.Lock()
	s := ns.sockets[id]
	ns.mu.Unlock()
	if s != nil {
		s.queue.Notify(wait.Mask(events))
	}
}

// Families returns what makes the sockets, by AF_*.
func (ns *Namespace) Families() socket.Families {
	return socket.Families{linux.AF_INET: family{ns, linux.AF_INET}, linux.AF_INET6: family{ns, linux.AF_INET6}}
}

// FirstPort is the first port that everybody may bind.
func (ns *Namespace) FirstPort() int { return ns.host.FirstPort }

// SetFirstPort refuses: it is the host's.
func (ns *Namespace) SetFirstPort(int) error { return linux.EPERM }

// Forwards says that nothing is passed on in the sandbox's name.
func (ns *Namespace) Forwards() int { return 0 }

// SetForwards refuses: it is the host's.
func (ns *Namespace) SetForwards(int) error { return linux.EPERM }

// Stack says that there is no engine.
func (ns *Namespace) Stack() (*stack.Stack, error) { return nil, linux.EOPNOTSUPP }

// ProcNet returns the content of a file of the host's /proc/net.
func (ns *Namespace) ProcNet(name string) ([]byte, bool) {
	const most = 4 << 20
	fd, ok := ns.host.Files[name]
	if !ok {
		return nil, false
	}
	b, err := host.ReadAll(fd, most)
	return b, err == nil
}

// Settings returns files of /proc/sys/net by their paths, as they were at the start.
func (ns *Namespace) Settings() map[string]string { return ns.host.Settings }

// Entries tells of the sandbox's own sockets, by ID.
func (ns *Namespace) Entries() []socket.Entry {
	ns.mu.Lock()
	entries := make([]socket.Entry, 0, len(ns.sockets))
	for _, s := range ns.sockets {
		entries = append(entries, s.entry())
	}
	ns.mu.Unlock()
	slices.SortFunc(entries, func(a, b socket.Entry) int { return cmp.Compare(a.ID, b.ID) })
	return entries
}

// add makes a Socket of a descriptor, which becomes its own or is closed.
func (ns *Namespace) add(s *Socket) error {
	s.ID = socket.NextID()
	ns.mu.Lock()
	ns.sockets[s.ID] = s
	ns.mu.Unlock()
	if err := ns.poller.Add(s.fd, s.ID, ns.happened); err != nil {
		s.Release()
		return errno(err)
	}
	return nil
}

// family implements socket.Family.
type family struct {
	ns     *Namespace
	domain int
}

// protocols are those there are by type, and by their number for each domain.
var protocols = map[int][]int{
	linux.SOCK_STREAM: {linux.IPPROTO_TCP},
	linux.SOCK_DGRAM:  {linux.IPPROTO_UDP, linux.IPPROTO_ICMP, linux.IPPROTO_ICMPV6},
}

// check says what Linux does of a type and a protocol, to one without CAP_NET_RAW, and
// without protocols that are modules of its own.
func check(typ, protocol int) error {
	const protocolMax = 263 // IPPROTO_MAX
	list, ok := protocols[typ]
	switch {
	case protocol < 0 || protocol >= protocolMax:
		return linux.EINVAL
	case typ == linux.SOCK_RAW && protocol != 0:
		return linux.EPERM
	case typ == linux.SOCK_RAW, ok && protocol != 0 && !slices.Contains(list, protocol):
		return linux.EPROTONOSUPPORT
	case !ok:
		return linux.ESOCKTNOSUPPORT
	}
	return nil
}

// Socket implements socket.Family.
func (f family) Socket(c *vfs.Ctx, typ, protocol int) (socket.Socket, error) {
	if err := check(typ, protocol); err != nil {
		return nil, err
	}
	fd, err := host.InetSocket(f.domain, typ, protocol)
	if err != nil {
		return nil, errno(err)
	}
	if protocol == 0 {
		protocol = protocols[typ][0]
	}
	s := &Socket{ns: f.ns, fd: fd, uid: c.Creds.UID}
	s.Domain, s.Type, s.Protocol = f.domain, typ, protocol
	if err := f.ns.add(s); err != nil {
		return nil, err
	}
	return s, nil
}

// Pair implements socket.Family.
func (f family) Pair(_ *vfs.Ctx, typ, protocol int) (socket.Socket, socket.Socket, error) {
	if err := check(typ, protocol); err != nil {
		return nil, nil, err
	}
	return nil, nil, linux.EOPNOTSUPP
}
