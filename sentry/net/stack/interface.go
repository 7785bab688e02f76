package stack

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"

	"glovebox/abi/linux"
)

// rtnl serialises what changes interfaces, those of all namespaces: a pair may lie in two.
// It is taken before any lock of a stack.
var rtnl sync.Mutex

// maxDevices is how many interfaces may be made in a namespace.
const maxDevices = 1024

// A Spec is what a new interface is to be. What is zero is chosen.
type Spec struct {
	Name     string // a pattern with %d takes the first number that is free
	ID       int32
	MTU      uint32 // bytes
	LinkAddr []byte
	Bare     bool // packets without a frame
}

// AddDevice makes an interface of a kind that stands alone, and returns its number. It is
// down.
func (st *Stack) AddDevice(kind string, s Spec) (int32, error) {
	rtnl.Lock()
	defer rtnl.Unlock()
	switch kind {
	case Dummy:
		return st.attach(newDevice(kind, s), s)
	case Bridge:
		return st.attach(newBridge(s).dev, s)
	}
	return 0, linux.EOPNOTSUPP
}

// AddVeth makes a pair: one end here, whose number it returns, the other in a namespace
// that may be the same.
func (st *Stack) AddVeth(s Spec, other *Stack, o Spec) (int32, error) {
	rtnl.Lock()
	defer rtnl.Unlock()
	a, b := newDevice(Veth, s), newDevice(Veth, o)
	a.peer, b.peer = b, a
	a.send, b.send = b.arrive, a.arrive
	a.arriving, b.arriving = make(chan []byte, backlog), make(chan []byte, backlog)
	if _, err := other.attach(b, o); err != nil {
		return 0, err
	}
	id, err := st.attach(a, s)
	if err != nil {
		other.detach(b)
		return 0, err
	}
	go a.run()
	go b.run()
	return id, nil
}

// attach adds an interface, down. rtnl is held.
func (st *Stack) attach(d *device, s Spec) (int32, error) {
	if s.MTU != 0 && (s.MTU < minMTU || s.MTU > maxMTU) {
		return 0, linux.EINVAL
	}
	if len(s.LinkAddr) > 0 && !validLinkAddr(s.LinkAddr) {
		return 0, linux.EADDRNOTAVAIL
	}
	infos := st.s.NICInfo()
	if st.closed {
		return 0, linux.ENODEV
	}
	if len(infos) > maxDevices {
		return 0, linux.ENOSPC
	}
	name, err := freeName(infos, s.Name, d.kind)
	if err != nil {
		return 0, err
	}
	id := s.ID
	for n := range infos {
		if s.ID == 0 {
			id = max(id, int32(n)+1)
		} else if int32(n) == s.ID {
			return 0, linux.EBUSY
		}
	}
	o := engine.NICOptions{Name: name, Kind: d.kind, Context: d, Disabled: true, DeliverLinkPackets: true}
	if err := st.s.CreateNICWithOptions(tcpip.NICID(id), d, o); err != nil {
		return 0, errno(err)
	}
	d.stack, d.id = st, id
	st.tap(id)
	return id, nil
}

// freeName checks a name, and finds one where that is left open (dev_alloc_name).
func freeName(infos map[tcpip.NICID]engine.NICInfo, name, kind string) (string, error) {
	taken := map[string]bool{}
	for _, i := range infos {
		taken[i.Name] = true
	}
	if name == "" {
		name = kind + "%d"
	}
	if before, after, ok := strings.Cut(name, "%d"); ok {
		if strings.Contains(after, "%") {
			return "", linux.EINVAL
		}
		for i := 0; ; i++ {
			if n := before + strconv.Itoa(i) + after; !taken[n] {
				name = n
				break
			}
		}
	}
	switch {
	case !ValidName(name):
		return "", linux.EINVAL
	case taken[name]:
		return "", linux.EEXIST
	}
	return name, nil
}

// ValidName is dev_valid_name.
func ValidName(s string) bool {
	return s != "" && len(s) < linux.IFNAMSIZ && s != "." && s != ".." && !strings.ContainsAny(s, "/: \t\n\v\f\r%")
}

// deviceOf returns the device at id. rtnl is held.
func (st *Stack) deviceOf(id int32) (*device, error) {
	info, ok := st.s.SingleNICInfo(tcpip.NICID(id))
	if !ok {
		return nil, linux.ENODEV
	}
	d, ok := info.Context.(*device)
	if !ok {
		return nil, linux.EOPNOTSUPP
	}
	return d, nil
}

// Remove ends an interface that was made here, with the other end of a pair.
func (st *Stack) Remove(id int32) error {
	rtnl.Lock()
	defer rtnl.Unlock()
	d, err := st.deviceOf(id)
	if err != nil {
		return err
	}
	d.remove()
	return nil
}

// remove ends d and the other end of a pair. rtnl is held.
func (d *device) remove() {
	for _, e := range []*device{d, d.peer} {
		if e == nil || e.ended {
			continue
		}
		if e.stack != nil {
			e.stack.detach(e)
		}
		e.ended = true
		close(e.gone)
		if e.onEnd != nil {
			e.onEnd()
		}
	}
}

// detach takes an interface from its stack. rtnl is held.
func (st *Stack) detach(d *device) {
	st.setMaster(d, nil)
	if b := d.self; b != nil {
		for _, p := range b.members() {
			b.remove(p)
		}
	}
	d.setUp(false)
	_ = st.s.RemoveNIC(tcpip.NICID(d.id)) // it is there
	d.stack = nil
}

// Move gives an interface that was made here to another namespace, down and without
// addresses (dev_change_net_namespace). Name is its new one, "" for the same.
func (st *Stack) Move(id int32, to *Stack, name string) error {
	rtnl.Lock()
	defer rtnl.Unlock()
	d, err := st.deviceOf(id)
	if err != nil {
		return err
	}
	info, _ := st.s.SingleNICInfo(tcpip.NICID(id))
	switch {
	case to == st:
		return nil
	case d.kind == Bridge:
		return linux.EINVAL // NETIF_F_NETNS_LOCAL
	}
	s := Spec{Name: name, ID: id}
	if name == "" {
		s.Name = info.Name
	}
	infos := to.s.NICInfo()
	if _, err := freeName(infos, s.Name, d.kind); err != nil {
		return err
	}
	if _, ok := infos[tcpip.NICID(id)]; ok {
		s.ID = 0
	}
	if to.closed || len(infos) > maxDevices {
		return linux.ENOSPC
	}
	st.detach(d)
	_, err = to.attach(d, s)
	if err != nil {
		d.remove() // it is nowhere
	}
	return err
}

// SetMaster makes an interface a port of a bridge, of none for 0.
func (st *Stack) SetMaster(id, master int32) error {
	rtnl.Lock()
	defer rtnl.Unlock()
	d, err := st.deviceOf(id)
	if err != nil {
		return err
	}
	if master == 0 {
		st.setMaster(d, nil)
		return nil
	}
	m, err := st.deviceOf(master)
	switch {
	case err != nil:
		return err
	case m.self == nil:
		return linux.EOPNOTSUPP
	case d.self != nil:
		return linux.ELOOP
	case d.bare:
		return linux.EINVAL
	}
	st.setMaster(d, m.self)
	return nil
}

func (st *Stack) setMaster(d *device, b *bridge) {
	d.mu.RLock()
	old := d.bridge
	d.mu.RUnlock()
	if old != nil {
		old.remove(d)
	}
	if b != nil {
		b.add(d)
	}
}

// SetUp brings an interface up or down. Down, it has no routes and no address of IPv6.
func (st *Stack) SetUp(id int32, up bool) error {
	rtnl.Lock()
	defer rtnl.Unlock()
	info, ok := st.s.SingleNICInfo(tcpip.NICID(id))
	if !ok {
		return linux.ENODEV
	}
	if info.Flags.Running == up {
		return nil
	}
	d, _ := info.Context.(*device)
	if !up {
		st.RemoveRoutes(func(r Route) bool { return r.NIC == id })
		for _, a := range info.ProtocolAddresses {
			if a.Protocol == header.IPv6ProtocolNumber {
				_ = st.RemoveAddress(id, ip(a.AddressWithPrefix.Address))
			}
		}
		if d != nil {
			d.setUp(false)
		}
		return errno(st.s.DisableNIC(tcpip.NICID(id)))
	}
	if d != nil {
		d.setUp(true)
	}
	if err := st.s.EnableNIC(tcpip.NICID(id)); err != nil {
		return errno(err)
	}
	return st.address(id, info, d)
}

// address gives an interface that came up the addresses and routes that it has by itself.
func (st *Stack) address(id int32, info *engine.NICInfo, d *device) error {
	var own []netip.Prefix
	have := map[netip.Addr]bool{}
	for _, a := range info.ProtocolAddresses {
		p := netip.PrefixFrom(ip(a.AddressWithPrefix.Address), a.AddressWithPrefix.PrefixLen)
		have[p.Addr()] = true
		if p.Bits() < p.Addr().BitLen() {
			st.AddRoute(Connected(id, p))
		}
	}
	switch {
	case info.Flags.Loopback:
		own = loAddresses
	case d != nil && !d.bare:
		own = []netip.Prefix{netip.PrefixFrom(ip(header.LinkLocalAddr(d.LinkAddress())), 64)}
	}
	for _, p := range own {
		if have[p.Addr()] {
			continue
		}
		if err := st.AddAddress(id, p); err != nil {
			return err
		}
		st.AddRoute(Connected(id, p))
	}
	return nil
}

// Connected is the route to the network that an address of an interface is in.
func Connected(id int32, p netip.Prefix) Route {
	r := Route{Prefix: p.Masked(), NIC: id}
	if p.Addr().Is4() && !p.Addr().IsLoopback() {
		r.Source = p.Addr()
	}
	return r
}

func (d *device) setUp(up bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.up = up
}

// Rename gives an interface another name.
func (st *Stack) Rename(id int32, name string) error {
	rtnl.Lock()
	defer rtnl.Unlock()
	infos := st.s.NICInfo()
	info, ok := infos[tcpip.NICID(id)]
	if !ok {
		return linux.ENODEV
	}
	if info.Name == name {
		return nil
	}
	name, err := freeName(infos, name, "")
	if err != nil {
		return err
	}
	return errno(st.s.SetNICName(tcpip.NICID(id), name))
}

// Bounds of an MTU, in bytes (ETH_MIN_MTU, ETH_MAX_MTU).
const (
	minMTU = 68
	maxMTU = 65535
)

// SetMTU changes how long packets may be.
func (st *Stack) SetMTU(id int32, n uint32) error {
	if n < minMTU || n > maxMTU {
		return linux.EINVAL
	}
	rtnl.Lock()
	defer rtnl.Unlock()
	return errno(st.s.SetNICMTU(tcpip.NICID(id), n))
}

// validLinkAddr is is_valid_ether_addr.
func validLinkAddr(a []byte) bool {
	l := tcpip.LinkAddress(a)
	return len(a) == header.EthernetAddressSize && !header.IsMulticastEthernetAddress(l) && l != header.UnspecifiedEthernetAddress
}

// SetLinkAddr changes an interface's link address.
func (st *Stack) SetLinkAddr(id int32, a []byte) error {
	l := tcpip.LinkAddress(a)
	if !validLinkAddr(a) {
		return linux.EADDRNOTAVAIL
	}
	rtnl.Lock()
	defer rtnl.Unlock()
	info, ok := st.s.SingleNICInfo(tcpip.NICID(id))
	switch {
	case !ok:
		return linux.ENODEV
	case info.Flags.Loopback:
		return linux.EOPNOTSUPP
	}
	if d, ok := info.Context.(*device); ok {
		if d.bare {
			return linux.EOPNOTSUPP
		}
		d.ownAddr = true
	}
	return errno(st.s.SetNICAddress(tcpip.NICID(id), l))
}

// Close ends every endpoint and interface, and the other ends of pairs.
func (st *Stack) Close() {
	rtnl.Lock()
	st.closed = true
	for _, i := range st.s.NICInfo() {
		if d, ok := i.Context.(*device); ok {
			d.remove()
		}
	}
	rtnl.Unlock()
	st.s.Destroy()
}

// describe says of d what n, an interface of st, is beyond the rest, and its state when it
// is up. rtnl is held.
func (d *device) describe(st *Stack, n *NIC) (state int) {
	n.Kind = d.kind
	n.Flags = linux.IFF_BROADCAST | linux.IFF_MULTICAST
	d.mu.RLock()
	b := d.bridge
	d.mu.RUnlock()
	if b != nil {
		n.Master = b.dev.id
	}
	switch {
	case d.kind == Veth:
		n.Lower = d.peer.id
		if d.peer.stack != st {
			n.Elsewhere = d.peer.stack
		}
		switch {
		case d.carrier():
		case n.Elsewhere == nil:
			return linux.IF_OPER_LOWERLAYERDOWN
		default:
			return linux.IF_OPER_DOWN
		}
	case d.kind == Dummy:
		n.Flags = linux.IFF_BROADCAST | linux.IFF_NOARP
		return linux.IF_OPER_UNKNOWN
	case d.bare:
		n.Flags = linux.IFF_POINTOPOINT | linux.IFF_NOARP | linux.IFF_MULTICAST
		n.HardwareType, n.LinkAddr = linux.ARPHRD_NONE, nil
		return linux.IF_OPER_UNKNOWN
	case !d.carrier():
		return linux.IF_OPER_DOWN
	case d.self != nil && !d.self.wasUsed():
		return linux.IF_OPER_UNKNOWN
	}
	return linux.IF_OPER_UP
}

// SetForwarding says whether packets for others are passed on.
func (st *Stack) SetForwarding(on bool) error {
	if err := errno(st.s.SetForwardingDefaultAndAllNICs(header.IPv4ProtocolNumber, on)); err != nil {
		return err
	}
	return errno(st.s.SetForwardingDefaultAndAllNICs(header.IPv6ProtocolNumber, on))
}
