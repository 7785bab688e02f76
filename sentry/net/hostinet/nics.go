package hostinet

import (
	"cmp"
	"encoding/binary"
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

const (
	sizeOfIfinfomsg = 16
	sizeOfRtattr    = 4
)

// NICs returns the interfaces by number as the host has them now, without addresses.
func (ns *Namespace) NICs() (nics []stack.NIC) {
	all, err := ns.Ask(linux.RTM_GETLINK, linux.NLM_F_DUMP, make([]byte, sizeOfIfinfomsg))
	if err != nil {
		return nil
	}
	for _, m := range all {
		if p := m[linux.SizeOfNlmsghdr:]; len(p) >= sizeOfIfinfomsg {
			nics = append(nics, nic(p))
		}
	}
	slices.SortFunc(nics, func(a, b stack.NIC) int { return cmp.Compare(a.ID, b.ID) })
	return nics
}

// nic reads a struct ifinfomsg and its attributes.
func nic(p []byte) stack.NIC {
	n := stack.NIC{
		HardwareType: binary.NativeEndian.Uint16(p[2:]),
		ID:           int32(binary.NativeEndian.Uint32(p[4:])),
		// IFF_LOWER_UP and its like are above these.
		Flags:    binary.NativeEndian.Uint32(p[8:]) & 0xffff,
		LinkAddr: make([]byte, 6),
	}
	n.Lower = n.ID
	n.Loopback = n.Flags&linux.IFF_LOOPBACK != 0
	for p = p[sizeOfIfinfomsg:]; len(p) >= sizeOfRtattr; {
		size := int(binary.NativeEndian.Uint16(p))
		if size < sizeOfRtattr || size > len(p) {
			break
		}
		if set, ok := attributes[binary.NativeEndian.Uint16(p[2:])]; ok && size-sizeOfRtattr >= set.least {
			set.to(&n, p[sizeOfRtattr:size])
		}
		p = p[min((size+3)&^3, len(p)):]
	}
	return n
}

// attributes are those of an interface that matter (rtnetlink(7)).
var attributes = map[uint16]struct {
	least int
	to    func(n *stack.NIC, v []byte)
}{
	linux.IFLA_IFNAME:    {1, func(n *stack.NIC, v []byte) { n.Name = string(v[:len(v)-1]) }},
	linux.IFLA_ADDRESS:   {0, func(n *stack.NIC, v []byte) { copy(n.LinkAddr, v) }},
	linux.IFLA_MTU:       {4, func(n *stack.NIC, v []byte) { n.MTU = binary.NativeEndian.Uint32(v) }},
	linux.IFLA_TXQLEN:    {4, func(n *stack.NIC, v []byte) { n.QueueLen = binary.NativeEndian.Uint32(v) }},
	linux.IFLA_LINK:      {4, func(n *stack.NIC, v []byte) { n.Lower = int32(binary.NativeEndian.Uint32(v)) }},
	linux.IFLA_OPERSTATE: {1, func(n *stack.NIC, v []byte) { n.OperState = v[0] }},
	linux.IFLA_STATS64: {80, func(n *stack.NIC, v []byte) { // struct rtnl_link_stats64
		s := &n.Stats
		for i, to := range []*uint64{&s.RxPackets, &s.TxPackets, &s.RxBytes, &s.TxBytes, &s.RxErrors, &s.TxErrors,
			&s.RxDropped, &s.TxDropped, &s.Multicast, &s.Collisions} {
			*to = binary.NativeEndian.Uint64(v[8*i:])
		}
	}},
}
