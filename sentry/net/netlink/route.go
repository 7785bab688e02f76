package netlink

import (
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// routes is what NETLINK_ROUTE answers: a type, and how (rtnetlink(7)).
var routes = map[uint16]func(s *Socket, st *stack.Stack, r *request) error{
	linux.RTM_GETLINK:  getLink,
	linux.RTM_GETADDR:  getAddr,
	linux.RTM_GETROUTE: getRoute,
	linux.RTM_GETNEIGH: getNeigh,
	linux.RTM_GETRULE:  getRule,
	linux.RTM_NEWLINK:  newLink,
	linux.RTM_SETLINK:  newLink,
	linux.RTM_DELLINK:  delLink,
	linux.RTM_NEWADDR:  newAddr,
	linux.RTM_DELADDR:  delAddr,
	linux.RTM_NEWROUTE: newRoute,
	linux.RTM_DELROUTE: delRoute,
	linux.RTM_NEWNEIGH: newNeigh,
	linux.RTM_GETNSID:  getNSID,
}

// route is rtnetlink_rcv_msg. Types come in fours: new, delete, get, set.
func route(s *Socket, r *request) error {
	if r.typ > linux.RTM_MAX {
		return linux.EOPNOTSUPP
	}
	if len(r.data) < 1 {
		return nil // as Linux ignores it
	}
	if t, ok := s.ns.net.(Teller); ok {
		return relay(s, t, r)
	}
	const get = 2
	if r.typ&3 != get && !r.admin {
		return linux.EPERM
	}
	f, ok := routes[r.typ]
	if !ok {
		if r.typ&3 == get && r.dump() {
			return dumpAll(s, r, []int(nil), 0, nil) // of what there is none
		}
		return linux.EOPNOTSUPP
	}
	st, err := s.ns.net.Stack()
	if err != nil {
		return err
	}
	return f(s, st, r)
}

// An ifaddr is an address and its interface.
type ifaddr struct {
	nic stack.NIC
	p   netip.Prefix
}

const sizeOfIfaddrmsg = 8

// getAddr is RTM_GETADDR: of a family and an interface, or all.
func getAddr(s *Socket, st *stack.Stack, r *request) error {
	if !r.dump() {
		return linux.EOPNOTSUPP
	}
	family, id := r.data[0], int32(0)
	if len(r.data) >= sizeOfIfaddrmsg {
		id = int32(binary.NativeEndian.Uint32(r.data[4:]))
	}
	var all []ifaddr
	for _, v6 := range []bool{false, true} {
		for _, n := range st.NICs() {
			for _, p := range n.Addresses {
				if p.Addr().Is6() == v6 && has(family, p.Addr()) && (id == 0 || id == n.ID) {
					all = append(all, ifaddr{n, p})
				}
			}
		}
	}
	return dumpAll(s, r, all, linux.RTM_NEWADDR, putAddr)
}

// has reports whether ip is of a family, or of any if it is 0.
func has(family uint8, ip netip.Addr) bool { return family == 0 || family == familyOf(ip) }

func familyOf(ip netip.Addr) uint8 {
	if ip.Is4() {
		return linux.AF_INET
	}
	return linux.AF_INET6
}

// scopeOf is RT_SCOPE_*.
func scopeOf(ip netip.Addr) uint8 {
	switch {
	case ip.IsLoopback():
		return linux.RT_SCOPE_HOST
	case ip.IsLinkLocalUnicast() && ip.Is6():
		return linux.RT_SCOPE_LINK
	}
	return linux.RT_SCOPE_UNIVERSE
}

func putAddr(b *builder, a ifaddr) {
	const permanent = 0x80
	ip := a.p.Addr()
	b.u8(familyOf(ip), uint8(a.p.Bits()), permanent, scopeOf(ip))
	b.u32(uint32(a.nic.ID))
	b.attr(linux.IFA_ADDRESS, ip.AsSlice())
	if ip.Is4() {
		b.attr(linux.IFA_LOCAL, ip.AsSlice())
		if !a.nic.Loopback && a.p.Bits() < 31 {
			b.attr(linux.IFA_BROADCAST, broadcast(a.p))
		}
		b.attrString(linux.IFA_LABEL, a.nic.Name)
	}
	b.attr32(linux.IFA_FLAGS, permanent)
	forever := binary.NativeEndian.AppendUint64(nil, ^uint64(0))
	b.attr(linux.IFA_CACHEINFO, append(forever, make([]byte, 8)...))
}

func broadcast(p netip.Prefix) []byte {
	a := p.Addr().As4()
	v := binary.BigEndian.Uint32(a[:]) | ^uint32(0)>>p.Bits()
	return binary.BigEndian.AppendUint32(nil, v)
}

// readAddr reads a message about an address.
func readAddr(r *request) (nic int32, p netip.Prefix, err error) {
	attrs, err := r.attributes(sizeOfIfaddrmsg)
	if err != nil {
		return 0, p, err
	}
	raw, ok := attrs[linux.IFA_LOCAL]
	if !ok {
		raw = attrs[linux.IFA_ADDRESS]
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok || familyOf(ip) != r.data[0] || int(r.data[1]) > ip.BitLen() {
		return 0, p, linux.EINVAL
	}
	return int32(binary.NativeEndian.Uint32(r.data[4:])), netip.PrefixFrom(ip, int(r.data[1])), nil
}

// newAddr is RTM_NEWADDR: with an address comes the way to its network.
func newAddr(s *Socket, st *stack.Stack, r *request) error {
	nic, p, err := readAddr(r)
	switch {
	case err != nil:
		return err
	case !st.HasNIC(nic):
		return linux.ENODEV
	}
	n := 0
	for _, i := range st.NICs() {
		n += len(i.Addresses)
	}
	if n >= maxAddresses {
		return linux.ENOBUFS
	}
	if err := st.AddAddress(nic, p); err != nil {
		if err == linux.EEXIST && r.flags&linux.NLM_F_REPLACE != 0 && r.flags&linux.NLM_F_EXCL == 0 {
			return nil
		}
		return err
	}
	if n, ok := st.NIC(nic); ok && n.Flags&linux.IFF_UP != 0 && p.Bits() < p.Addr().BitLen() {
		st.AddRoute(stack.Connected(nic, p))
	}
	s.ns.tellAddr(st, linux.RTM_NEWADDR, nic, p)
	return nil
}

func delAddr(s *Socket, st *stack.Stack, r *request) error {
	nic, p, err := readAddr(r)
	switch {
	case err != nil:
		return err
	case !st.HasNIC(nic):
		return linux.ENODEV
	}
	if err := st.RemoveAddress(nic, p.Addr()); err != nil {
		return linux.EADDRNOTAVAIL
	}
	st.RemoveRoutes(func(o stack.Route) bool {
		return o.NIC == nic && o.Prefix == p.Masked() && !o.Gateway.IsValid()
	})
	s.ns.tellAddr(st, linux.RTM_DELADDR, nic, p)
	return nil
}

// A path is a route as it is told.
type path struct {
	stack.Route
	table, typ, scope, proto uint8
	flags                    uint32
}

// paths are the routes of st: what is its own by the local table, the rest by the main
// one.
func paths(st *stack.Stack) (all []path) {
	loop := map[int32]bool{}
	for _, n := range st.NICs() {
		loop[n.ID] = n.Loopback
		for _, p := range n.Addresses {
			local := path{Route: stack.Route{Prefix: netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), NIC: n.ID}, table: linux.RT_TABLE_LOCAL,
				typ: linux.RTN_LOCAL, scope: linux.RT_SCOPE_HOST, proto: linux.RTPROT_KERNEL}
			if p.Addr().Is4() {
				local.Source = p.Addr()
			} else {
				local.scope = linux.RT_SCOPE_UNIVERSE
			}
			all = append(all, local)
		}
	}
	for _, r := range st.Routes() {
		all = append(all, told(r, loop[r.NIC]))
	}
	return all
}

// told is a route as it is told; own says that it is lo's.
func told(r stack.Route, own bool) path {
	p := path{Route: r, table: linux.RT_TABLE_MAIN, typ: linux.RTN_UNICAST, scope: linux.RT_SCOPE_LINK, proto: linux.RTPROT_KERNEL}
	switch {
	case own && r.Prefix.Addr().Is4():
		p.table, p.typ, p.scope, p.Source = linux.RT_TABLE_LOCAL, linux.RTN_LOCAL, linux.RT_SCOPE_HOST, netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case r.Gateway.IsValid():
		p.scope, p.proto = linux.RT_SCOPE_UNIVERSE, linux.RTPROT_BOOT
	case r.Prefix.Addr().Is6():
		p.scope = linux.RT_SCOPE_UNIVERSE
	}
	return p
}

const sizeOfRtmsg = 12

// getRoute is RTM_GETROUTE: all of a family, or the way to one address.
func getRoute(s *Socket, st *stack.Stack, r *request) error {
	if r.dump() {
		var all []path
		for _, p := range paths(st) {
			if has(r.data[0], p.Prefix.Addr()) {
				all = append(all, p)
			}
		}
		return dumpAll(s, r, all, linux.RTM_NEWROUTE, putRoute)
	}
	attrs, err := r.attributes(sizeOfRtmsg)
	if err != nil {
		return err
	}
	to, ok := netip.AddrFromSlice(attrs[linux.RTA_DST])
	if !ok || familyOf(to) != r.data[0] {
		return linux.EINVAL
	}
	from, err := st.Source(to)
	if err != nil {
		return linux.ENETUNREACH
	}
	const cloned = 0x200 // RTM_F_CLONED
	p := path{Route: stack.Route{Prefix: netip.PrefixFrom(to, to.BitLen()), NIC: from.NIC, Source: from.IP}, table: linux.RT_TABLE_MAIN,
		typ: linux.RTN_UNICAST, flags: cloned}
	if st.IsLocal(to) != 0 {
		p.typ = linux.RTN_LOCAL // the tables are one until there are rules
	} else {
		p.Gateway = gateway(st, to)
	}
	var b builder
	b.begin(r, linux.RTM_NEWROUTE, 0)
	putRoute(&b, p)
	b.end()
	s.reply(&b)
	return nil
}

// gateway is where packets to ip go first, invalid if it is on a link of ours.
func gateway(st *stack.Stack, ip netip.Addr) (g netip.Addr) {
	best := -1
	for _, r := range st.Routes() {
		if r.Prefix.Contains(ip) && r.Prefix.Bits() > best {
			best, g = r.Prefix.Bits(), r.Gateway
		}
	}
	return g
}

func putRoute(b *builder, p path) {
	dst := p.Prefix.Addr()
	b.u8(familyOf(dst), uint8(p.Prefix.Bits()), 0, 0, p.table, p.proto, p.scope, p.typ)
	b.u32(p.flags)
	b.attr32(linux.RTA_TABLE, uint32(p.table))
	if p.Prefix.Bits() > 0 {
		b.attr(linux.RTA_DST, dst.AsSlice())
	}
	if p.Gateway.IsValid() {
		b.attr(linux.RTA_GATEWAY, p.Gateway.AsSlice())
	}
	b.attr32(linux.RTA_OIF, uint32(p.NIC))
	if p.Source.IsValid() {
		b.attr(linux.RTA_PREFSRC, p.Source.AsSlice())
	}
	if dst.Is6() {
		b.attr32(linux.RTA_PRIORITY, 256)
	}
}

// readRoute reads a message about a route.
func readRoute(st *stack.Stack, r *request) (stack.Route, error) {
	var o stack.Route
	attrs, err := r.attributes(sizeOfRtmsg)
	if err != nil {
		return o, err
	}
	any := netip.IPv4Unspecified()
	if r.data[0] == linux.AF_INET6 {
		any = netip.IPv6Unspecified()
	}
	dst, ok := netip.AddrFromSlice(attrs[linux.RTA_DST])
	if !ok {
		dst = any
	}
	if familyOf(dst) != r.data[0] || int(r.data[1]) > dst.BitLen() {
		return o, linux.EINVAL
	}
	o.Prefix = netip.PrefixFrom(dst, int(r.data[1]))
	if o.Prefix != o.Prefix.Masked() {
		return o, linux.EINVAL
	}
	o.Gateway, _ = netip.AddrFromSlice(attrs[linux.RTA_GATEWAY])
	o.Source, _ = netip.AddrFromSlice(attrs[linux.RTA_PREFSRC])
	if o.Gateway.IsValid() && familyOf(o.Gateway) != r.data[0] || o.Source.IsValid() && familyOf(o.Source) != r.data[0] {
		return o, linux.EINVAL
	}
	if oif := attrs[linux.RTA_OIF]; len(oif) >= 4 {
		o.NIC = int32(binary.NativeEndian.Uint32(oif))
	} else if o.Gateway.IsValid() {
		from, err := st.Source(o.Gateway)
		if err != nil {
			return o, linux.ENETUNREACH
		}
		o.NIC = from.NIC
	}
	return o, nil
}

// What a guest can have the Sentry keep.
const (
	maxRoutes     = 4096
	maxAddresses  = 1024
	maxNeighbours = 1024 // gc_thresh3
)

func newRoute(s *Socket, st *stack.Stack, r *request) error {
	o, err := readRoute(st, r)
	if err != nil {
		return err
	}
	if !st.HasNIC(o.NIC) {
		return linux.ENODEV
	}
	all := st.Routes()
	for _, old := range all {
		if old.Prefix == o.Prefix && r.flags&linux.NLM_F_REPLACE == 0 {
			return linux.EEXIST
		}
	}
	if len(all) >= maxRoutes {
		return linux.ENOBUFS
	}
	st.RemoveRoutes(func(old stack.Route) bool { return old.Prefix == o.Prefix })
	st.AddRoute(o)
	s.ns.tellRoute(st, linux.RTM_NEWROUTE, o)
	return nil
}

func delRoute(s *Socket, st *stack.Stack, r *request) error {
	o, err := readRoute(st, r)
	if err != nil {
		return err
	}
	n := st.RemoveRoutes(func(old stack.Route) bool {
		return old.Prefix == o.Prefix && (o.NIC == 0 || old.NIC == o.NIC) && (!o.Gateway.IsValid() || old.Gateway == o.Gateway)
	})
	if n == 0 {
		return linux.ESRCH
	}
	s.ns.tellRoute(st, linux.RTM_DELROUTE, o)
	return nil
}

const sizeOfNdmsg = 12

func getNeigh(s *Socket, st *stack.Stack, r *request) error {
	if !r.dump() {
		return linux.EOPNOTSUPP
	}
	var all []stack.Neighbour
	for _, nic := range st.NICs() {
		for _, n := range st.Neighbours(nic.ID) {
			if has(r.data[0], n.IP) {
				all = append(all, n)
			}
		}
	}
	return dumpAll(s, r, all, linux.RTM_NEWNEIGH, func(b *builder, n stack.Neighbour) {
		b.u8(familyOf(n.IP), 0, 0, 0)
		b.u32(uint32(n.NIC))
		b.u16(n.State)
		b.u8(0, linux.RTN_UNICAST)
		b.attr(linux.NDA_DST, n.IP.AsSlice())
		if len(n.LinkAddr) > 0 {
			b.attr(linux.NDA_LLADDR, n.LinkAddr)
		}
	})
}

func newNeigh(_ *Socket, st *stack.Stack, r *request) error {
	attrs, err := r.attributes(sizeOfNdmsg)
	if err != nil {
		return err
	}
	ip, ok := netip.AddrFromSlice(attrs[linux.NDA_DST])
	nic := int32(binary.NativeEndian.Uint32(r.data[4:]))
	if !ok || len(attrs[linux.NDA_LLADDR]) != 6 {
		return linux.EINVAL
	}
	if !st.HasNIC(nic) {
		return linux.ENODEV
	}
	if len(st.Neighbours(nic)) >= maxNeighbours {
		return linux.ENOBUFS
	}
	return st.AddNeighbour(stack.Neighbour{NIC: nic, IP: ip, LinkAddr: attrs[linux.NDA_LLADDR]})
}

// A rule is one of those that every namespace has: which table is looked at when.
type rule struct {
	family, table uint8
	priority      uint32
}

var rules = []rule{
	{linux.AF_INET, linux.RT_TABLE_LOCAL, 0}, {linux.AF_INET, linux.RT_TABLE_MAIN, 32766}, {linux.AF_INET, linux.RT_TABLE_DEFAULT, 32767},
	{linux.AF_INET6, linux.RT_TABLE_LOCAL, 0}, {linux.AF_INET6, linux.RT_TABLE_MAIN, 32766},
}

func getRule(s *Socket, _ *stack.Stack, r *request) error {
	if !r.dump() {
		return linux.EOPNOTSUPP
	}
	var all []rule
	for _, o := range rules {
		if r.data[0] == 0 || r.data[0] == o.family {
			all = append(all, o)
		}
	}
	return dumpAll(s, r, all, linux.RTM_NEWRULE, func(b *builder, o rule) {
		const toTable = 1
		b.u8(o.family, 0, 0, 0, o.table, 0, 0, toTable)
		b.u32(0)
		b.attr32(linux.FRA_TABLE, uint32(o.table))
		b.attr32(linux.FRA_SUPPRESS_PREFIXLEN, ^uint32(0))
		if o.priority != 0 {
			b.attr32(linux.FRA_PRIORITY, o.priority)
		}
	})
}
