package inet

import (
	"cmp"
	"net/netip"
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
)

// Entries tells of every socket, by ID.
func (ns *Namespace) Entries() []socket.Entry {
	all := ns.Sockets()
	entries := make([]socket.Entry, 0, len(all))
	for _, s := range all {
		entries = append(entries, s.entry())
	}
	slices.SortFunc(entries, func(a, b socket.Entry) int { return cmp.Compare(a.ID, b.ID) })
	return entries
}

func (s *Socket) entry() socket.Entry {
	s.mu.Lock()
	local, remote, st := s.local, s.remote, s.state
	s.mu.Unlock()
	ep := s.ep.Load()
	if l := ep.Local(); l.Port != 0 || l.IP.IsValid() {
		if l.IP.IsValid() {
			local.IP = l.IP
		}
		local.Port = l.Port
	}
	e := socket.Entry{ID: s.ID, Domain: s.Domain, Type: s.Type, Protocol: s.Protocol, UID: s.uid, Device: s.device.Load(),
		Local: s.addrPort(local), Remote: s.addrPort(remote), State: linux.TCP_CLOSE, Shutdown: uint8(s.shut.Load())}
	if s.stream() {
		if e.State = ep.State(); st != listening {
			e.Unread = uint32(ep.Unread())
		}
		return e
	}
	if st == connected {
		e.State = linux.TCP_ESTABLISHED
	}
	s.recvMu.Lock()
	e.Unread, e.Drops = uint32(s.recvd.cost), s.recvd.drops
	s.recvMu.Unlock()
	return e
}

// addrPort is a as s shows addresses.
func (s *Socket) addrPort(a stack.Addr) netip.AddrPort {
	ip := a.IP
	switch {
	case !ip.IsValid() && s.Domain == linux.AF_INET:
		ip = netip.IPv4Unspecified()
	case !ip.IsValid():
		ip = netip.IPv6Unspecified()
	case s.Domain == linux.AF_INET:
		ip = ip.Unmap()
	default:
		ip = netip.AddrFrom16(ip.As16())
	}
	return netip.AddrPortFrom(ip, a.Port)
}
