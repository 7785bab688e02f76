package stack

import (
	"cmp"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"

	"glovebox/abi/linux"
)

// A NIC is an interface (netdevice(7)).
type NIC struct {
	ID        int32
	Name      string
	Loopback  bool
	MTU       uint32
	LinkAddr  []byte // six bytes, all zero for lo
	Addresses []netip.Prefix
	Stats     NICStats

	Flags        uint32 // IFF_*
	HardwareType uint16 // ARPHRD_*
	OperState    uint8  // IF_OPER_*
	QueueLen     uint32
	// Lower is the interface that it is on, or the other end of a pair; its own number
	// for none. Elsewhere says that it is one of another namespace, with the number there.
	Lower     int32
	Elsewhere *Stack
	Master    int32  // the bridge that it is a port of, 0 for none
	Kind      string // of what was made here, "" for others
}

// NICStats counts what went through an interface.
type NICStats struct {
	RxPackets, RxBytes, TxPackets, TxBytes, RxDropped, TxDropped uint64
	RxErrors, TxErrors, Multicast, Collisions                    uint64
}

// NICs returns the interfaces by number.
func (st *Stack) NICs() []NIC {
	rtnl.Lock()
	defer rtnl.Unlock()
	infos := st.s.NICInfo()
	nics := make([]NIC, 0, len(infos))
	for id, i := range infos {
		n := NIC{ID: int32(id), Name: i.Name, Loopback: i.Flags.Loopback, MTU: i.MTU, LinkAddr: make([]byte, 6)}
		copy(n.LinkAddr, i.LinkAddress)
		n.QueueLen, n.Lower, n.HardwareType = 1000, n.ID, linux.ARPHRD_ETHER
		state := linux.IF_OPER_UP
		if d, ok := i.Context.(*device); ok {
			state = d.describe(st, &n)
		} else if n.Loopback {
			n.Flags, n.HardwareType, state = linux.IFF_LOOPBACK, linux.ARPHRD_LOOPBACK, linux.IF_OPER_UNKNOWN
		} else {
			n.Flags = linux.IFF_BROADCAST | linux.IFF_MULTICAST
		}
		n.OperState = linux.IF_OPER_DOWN
		if i.Flags.Running {
			n.Flags |= linux.IFF_UP
			n.OperState = uint8(state)
		}
		if i.Flags.Running && state != linux.IF_OPER_DOWN && state != linux.IF_OPER_LOWERLAYERDOWN {
			n.Flags |= linux.IFF_RUNNING
		}
		for _, a := range i.ProtocolAddresses {
			if ip := ip(a.AddressWithPrefix.Address); ip.IsValid() {
				n.Addresses = append(n.Addresses, netip.PrefixFrom(ip, a.AddressWithPrefix.PrefixLen))
			}
		}
		slices.SortStableFunc(n.Addresses, func(a, b netip.Prefix) int { return cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()) })
		s := &i.Stats
		n.Stats = NICStats{RxPackets: s.Rx.Packets.Value(), RxBytes: s.Rx.Bytes.Value(), TxPackets: s.Tx.Packets.Value(), TxBytes: s.Tx.Bytes.Value(),
			TxDropped: s.TxPacketsDroppedNoBufferSpace.Value()}
		nics = append(nics, n)
	}
	slices.SortFunc(nics, func(a, b NIC) int { return cmp.Compare(a.ID, b.ID) })
	return nics
}

// NIC returns the interface of a number.
func (st *Stack) NIC(id int32) (NIC, bool) {
	all := st.NICs()
	i := slices.IndexFunc(all, func(n NIC) bool { return n.ID == id })
	if i < 0 {
		return NIC{}, false
	}
	return all[i], true
}

// HasNIC reports whether there is an interface of that number.
func (st *Stack) HasNIC(id int32) bool { return st.s.HasNIC(tcpip.NICID(id)) }

// AddAddress gives an interface an address and the network it is in.
func (st *Stack) AddAddress(nic int32, p netip.Prefix) error {
	return errno(st.s.AddProtocolAddress(tcpip.NICID(nic), tcpip.ProtocolAddress{
		Protocol:          proto(p.Addr()),
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address(p.Addr()), PrefixLen: p.Bits()},
	}, engine.AddressProperties{}))
}

// RemoveAddress takes it away again.
func (st *Stack) RemoveAddress(nic int32, ip netip.Addr) error {
	return errno(st.s.RemoveAddress(tcpip.NICID(nic), address(ip)))
}

// IsLocal returns the interface that has ip, 0 if none has. On lo all of its network is
// local.
func (st *Stack) IsLocal(ip netip.Addr) int32 {
	return int32(st.s.CheckLocalAddress(0, proto(ip), address(ip)))
}

// A Route says where packets to a network go.
type Route struct {
	Prefix  netip.Prefix
	Gateway netip.Addr // invalid: the network is the interface's own
	NIC     int32
	Source  netip.Addr // preferred, invalid if it does not matter
	MTU     uint32
}

// AddRoute adds a route. The engine prefers the longest prefix.
func (st *Stack) AddRoute(r Route) { st.s.AddRoute(r.engine()) }

// RemoveRoutes removes those for which drop is true, and returns how many.
func (st *Stack) RemoveRoutes(drop func(Route) bool) int {
	return st.s.RemoveRoutes(func(r tcpip.Route) bool { return drop(route(r)) })
}

// Routes returns all of them.
func (st *Stack) Routes() []Route {
	var all []Route
	for _, r := range st.s.GetRouteTable() {
		all = append(all, route(r))
	}
	return all
}

func (r Route) engine() tcpip.Route {
	e := tcpip.Route{
		Destination: tcpip.AddressWithPrefix{Address: address(r.Prefix.Addr()), PrefixLen: r.Prefix.Bits()}.Subnet(),
		NIC:         tcpip.NICID(r.NIC), MTU: r.MTU,
	}
	if r.Gateway.IsValid() {
		e.Gateway = address(r.Gateway)
	}
	if r.Source.IsValid() {
		e.SourceHint = address(r.Source)
	}
	return e
}

func route(r tcpip.Route) Route {
	return Route{Prefix: netip.PrefixFrom(ip(r.Destination.ID()), r.Destination.Prefix()), NIC: int32(r.NIC),
		Gateway: ip(r.Gateway), Source: ip(r.SourceHint), MTU: r.MTU}
}

// Source returns the address that packets to ip would come from, and the interface
// they would leave by: ENETUNREACH if there is no way.
func (st *Stack) Source(ip netip.Addr) (Addr, error) {
	r, err := st.s.FindRoute(0, tcpip.Address{}, address(ip), proto(ip), false)
	if err != nil {
		return Addr{}, errno(err)
	}
	defer r.Release()
	return addr(tcpip.FullAddress{Addr: r.LocalAddress(), NIC: r.NICID()}), nil
}

// A Neighbour is a known address on a link.
type Neighbour struct {
	NIC      int32
	IP       netip.Addr
	LinkAddr []byte
	State    uint16 // NUD_*
}

// nudStates is NUD_* by the engine's states.
var nudStates = map[engine.NeighborState]uint16{
	engine.Incomplete: 0x01, engine.Reachable: 0x02, engine.Stale: 0x04, engine.Delay: 0x08,
	engine.Probe: 0x10, engine.Unreachable: 0x20, engine.Static: 0x80,
}

// Neighbours returns those of an interface.
func (st *Stack) Neighbours(nic int32) []Neighbour {
	var all []Neighbour
	for _, p := range []tcpip.NetworkProtocolNumber{header.IPv4ProtocolNumber, header.IPv6ProtocolNumber} {
		entries, err := st.s.Neighbors(tcpip.NICID(nic), p)
		if err != nil {
			continue // a link without them
		}
		for _, e := range entries {
			all = append(all, Neighbour{NIC: nic, IP: ip(e.Addr), LinkAddr: []byte(e.LinkAddr), State: nudStates[e.State]})
		}
	}
	return all
}

// AddNeighbour makes a permanent entry.
func (st *Stack) AddNeighbour(n Neighbour) error {
	return errno(st.s.AddStaticNeighbor(tcpip.NICID(n.NIC), proto(n.IP), address(n.IP), tcpip.LinkAddress(n.LinkAddr)))
}
