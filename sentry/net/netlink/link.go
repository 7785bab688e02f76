package netlink

import (
	"bytes"
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/nsfs"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/stack"
)

const sizeOfIfinfomsg = 16

// getLink is RTM_GETLINK: all, or the one of an index or a name.
func getLink(s *Socket, st *stack.Stack, r *request) error {
	nics := st.NICs()
	if r.dump() {
		return dumpAll(s, r, nics, linux.RTM_NEWLINK, s.ns.putLink)
	}
	attrs, err := r.attributes(sizeOfIfinfomsg)
	if err != nil {
		return err
	}
	n, err := link(nics, r, attrs)
	if err != nil {
		return err
	}
	var b builder
	b.begin(r, linux.RTM_NEWLINK, 0)
	s.ns.putLink(&b, n)
	b.end()
	s.reply(&b)
	return nil
}

// cstring is an attribute that is a string.
func cstring(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// link returns the interface that a message with a struct ifinfomsg means.
func link(nics []stack.NIC, r *request, attrs map[uint16][]byte) (stack.NIC, error) {
	id := int32(binary.NativeEndian.Uint32(r.data[4:]))
	name, ok := attrs[linux.IFLA_IFNAME]
	if !ok {
		name, ok = attrs[linux.IFLA_ALT_IFNAME]
	}
	if id <= 0 && !ok {
		return stack.NIC{}, linux.EINVAL
	}
	for _, n := range nics {
		if id > 0 && n.ID == id || id <= 0 && n.Name == cstring(name) {
			return n, nil
		}
	}
	return stack.NIC{}, linux.ENODEV
}

func (ns *Namespace) putLink(b *builder, n stack.NIC) {
	broadcast := bytes.Repeat([]byte{0xff}, len(n.LinkAddr))
	if n.Loopback {
		clear(broadcast)
	}
	up := n.Flags & linux.IFF_RUNNING / linux.IFF_RUNNING
	b.u8(0, 0)
	b.u16(n.HardwareType)
	b.u32(uint32(n.ID))
	b.u32(n.Flags | up*linux.IFF_LOWER_UP)
	b.u32(0)
	b.attrString(linux.IFLA_IFNAME, n.Name)
	b.attr32(linux.IFLA_TXQLEN, n.QueueLen)
	b.attr8(linux.IFLA_OPERSTATE, n.OperState)
	b.attr8(linux.IFLA_LINKMODE, 0)
	b.attr32(linux.IFLA_MTU, n.MTU)
	b.attr32(linux.IFLA_GROUP, 0)
	b.attr32(linux.IFLA_PROMISCUITY, 0)
	b.attr32(linux.IFLA_NUM_TX_QUEUES, 1)
	b.attr32(linux.IFLA_NUM_RX_QUEUES, 1)
	b.attr8(linux.IFLA_CARRIER, uint8(up))
	b.attrString(linux.IFLA_QDISC, qdisc(n))
	if n.Lower != n.ID {
		b.attr32(linux.IFLA_LINK, uint32(n.Lower))
	}
	if n.Elsewhere != nil {
		b.attr32(linux.IFLA_LINK_NETNSID, ns.nsid(n.Elsewhere))
	}
	if n.Master != 0 {
		b.attr32(linux.IFLA_MASTER, uint32(n.Master))
	}
	b.attr(linux.IFLA_ADDRESS, n.LinkAddr)
	b.attr(linux.IFLA_BROADCAST, broadcast)
	if n.Kind != "" {
		var info builder
		info.attrString(linux.IFLA_INFO_KIND, n.Kind)
		if n.Master != 0 {
			info.attrString(linux.IFLA_INFO_SLAVE_KIND, stack.Bridge)
		}
		b.attr(linux.IFLA_LINKINFO, info.b)
	}
	// struct rtnl_link_stats64 and its shorter sister begin alike.
	const fields, fields64 = 24, 25
	var s32 [fields * 4]byte
	var s64 [fields64 * 8]byte
	for i, v := range []uint64{n.Stats.RxPackets, n.Stats.TxPackets, n.Stats.RxBytes, n.Stats.TxBytes, 0, 0, n.Stats.RxDropped, n.Stats.TxDropped} {
		binary.NativeEndian.PutUint32(s32[4*i:], uint32(v))
		binary.NativeEndian.PutUint64(s64[8*i:], v)
	}
	b.attr(linux.IFLA_STATS64, s64[:])
	b.attr(linux.IFLA_STATS, s32[:])
}

// qdisc is what an interface's queue is: none that has a name while it is down.
func qdisc(n stack.NIC) string {
	if n.Flags&linux.IFF_UP == 0 {
		return "noop"
	}
	return "noqueue"
}

// newLink is RTM_NEWLINK and RTM_SETLINK: it makes an interface, or changes one
// (rtnl_newlink).
func newLink(s *Socket, st *stack.Stack, r *request) error {
	attrs, err := r.attributes(sizeOfIfinfomsg)
	if err != nil {
		return err
	}
	info, err := nested(attrs[linux.IFLA_LINKINFO])
	if err != nil {
		return err
	}
	n, err := link(st.NICs(), r, attrs)
	switch kind := cstring(info[linux.IFLA_INFO_KIND]); {
	case err == nil && r.flags&linux.NLM_F_EXCL != 0:
		return linux.EEXIST
	case err == nil && (r.flags&linux.NLM_F_REPLACE != 0 || kind != "" && kind != n.Kind):
		return linux.EOPNOTSUPP
	case err == nil:
		return s.changeLink(st, r, n, attrs)
	case err == linux.EINVAL && r.flags&linux.NLM_F_CREATE != 0:
		// Without a name it gets one.
	case err == linux.EINVAL:
		return linux.ENODEV
	case r.typ == linux.RTM_SETLINK || r.flags&linux.NLM_F_CREATE == 0:
		return err
	}
	return s.makeLink(st, r, attrs, info)
}

// makeLink makes an interface of a kind.
func (s *Socket) makeLink(st *stack.Stack, r *request, attrs, info map[uint16][]byte) error {
	const vethInfoPeer = 1
	to, err := s.namespace(r, st, attrs)
	if err != nil {
		return err
	}
	spec, err := specOf(r.data, attrs)
	if err != nil {
		return err
	}
	id := int32(0)
	switch kind := cstring(info[linux.IFLA_INFO_KIND]); kind {
	case "":
		return linux.EOPNOTSUPP
	case stack.Veth:
		data, err := nested(info[linux.IFLA_INFO_DATA])
		if err != nil {
			return err
		}
		peer, other := &request{task: r.task, data: data[vethInfoPeer]}, to
		var o stack.Spec
		if len(peer.data) > 0 {
			pa, err := peer.attributes(sizeOfIfinfomsg)
			if err != nil {
				return err
			}
			if other, err = s.namespace(r, to, pa); err != nil {
				return err
			}
			if o, err = specOf(peer.data, pa); err != nil {
				return err
			}
		}
		if id, err = to.AddVeth(spec, other, o); err != nil {
			return err
		}
	default:
		if id, err = to.AddDevice(kind, spec); err != nil {
			return err
		}
	}
	if to != st {
		return nil // those who listen are elsewhere
	}
	nic, ok := st.NIC(id)
	if !ok {
		return nil // somebody has moved it meanwhile
	}
	return s.changeLink(st, r, nic, without(attrs, linux.IFLA_IFNAME, linux.IFLA_ADDRESS, linux.IFLA_MTU, linux.IFLA_NET_NS_FD, linux.IFLA_NET_NS_PID))
}

func without(m map[uint16][]byte, keys ...uint16) map[uint16][]byte {
	for _, k := range keys {
		delete(m, k)
	}
	return m
}

// specOf reads what a new interface is to be.
func specOf(data []byte, attrs map[uint16][]byte) (stack.Spec, error) {
	s := stack.Spec{Name: cstring(attrs[linux.IFLA_IFNAME]), ID: int32(binary.NativeEndian.Uint32(data[4:])), LinkAddr: attrs[linux.IFLA_ADDRESS]}
	if s.ID < 0 || len(s.LinkAddr) != 0 && len(s.LinkAddr) != 6 {
		return s, linux.EINVAL
	}
	if v, ok := attrs[linux.IFLA_MTU]; ok {
		if len(v) < 4 {
			return s, linux.ERANGE
		}
		s.MTU = binary.NativeEndian.Uint32(v)
	}
	return s, nil
}

// namespace returns the network namespace that a message names, or else st
// (rtnl_link_get_net_capable).
func (s *Socket) namespace(r *request, st *stack.Stack, attrs map[uint16][]byte) (*stack.Stack, error) {
	var o any
	switch fd, pid := attrs[linux.IFLA_NET_NS_FD], attrs[linux.IFLA_NET_NS_PID]; {
	case len(fd) >= 4:
		f, err := r.task.Files().FDs.Get(int32(binary.NativeEndian.Uint32(fd)))
		if err != nil {
			return nil, linux.EINVAL
		}
		defer f.Dec()
		_, o, _ = nsfs.Of(f)
	case len(pid) >= 4:
		tg := r.task.PIDNamespace().Group(int32(binary.NativeEndian.Uint32(pid)))
		if tg == nil {
			return nil, linux.ESRCH
		}
		o = tg.Leader().NetNamespace()
	default:
		return st, nil
	}
	n, ok := o.(Network)
	if !ok {
		return nil, linux.EINVAL
	}
	if !r.admin {
		return nil, linux.EPERM
	}
	return n.Stack()
}

// changes is what can be changed of an interface, in do_setlink's order, and how long its
// attribute is at least.
var changes = []struct {
	attr uint16
	size int
	set  func(st *stack.Stack, id int32, v []byte) error
}{
	{linux.IFLA_ADDRESS, 1, (*stack.Stack).SetLinkAddr},
	{linux.IFLA_MTU, 4, func(st *stack.Stack, id int32, v []byte) error { return st.SetMTU(id, binary.NativeEndian.Uint32(v)) }},
	{linux.IFLA_IFNAME, 1, func(st *stack.Stack, id int32, v []byte) error { return st.Rename(id, cstring(v)) }},
	{linux.IFLA_MASTER, 4, func(st *stack.Stack, id int32, v []byte) error {
		return st.SetMaster(id, int32(binary.NativeEndian.Uint32(v)))
	}},
}

// changeLink is do_setlink.
func (s *Socket) changeLink(st *stack.Stack, r *request, n stack.NIC, attrs map[uint16][]byte) error {
	to, err := s.namespace(r, st, attrs)
	if err != nil {
		return err
	}
	if to != st {
		if err := st.Move(n.ID, to, cstring(attrs[linux.IFLA_IFNAME])); err != nil {
			return err
		}
		s.ns.tellLink(linux.RTM_DELLINK, n)
		return nil
	}
	if binary.NativeEndian.Uint32(r.data[4:]) == 0 {
		delete(attrs, linux.IFLA_IFNAME) // it says which
	}
	for _, c := range changes {
		v, ok := attrs[c.attr]
		switch {
		case !ok:
		case len(v) < c.size:
			return linux.EINVAL
		default:
			if err := c.set(st, n.ID, v); err != nil {
				return err
			}
		}
	}
	f, change := binary.NativeEndian.Uint32(r.data[8:]), binary.NativeEndian.Uint32(r.data[12:])
	if change&linux.IFF_UP != 0 {
		if err := st.SetUp(n.ID, f&linux.IFF_UP != 0); err != nil {
			return err
		}
	}
	if n, ok := st.NIC(n.ID); ok {
		s.ns.tellLink(linux.RTM_NEWLINK, n)
	}
	return nil
}

// delLink is RTM_DELLINK.
func delLink(s *Socket, st *stack.Stack, r *request) error {
	attrs, err := r.attributes(sizeOfIfinfomsg)
	if err != nil {
		return err
	}
	n, err := link(st.NICs(), r, attrs)
	if err != nil {
		return err
	}
	if err := st.Remove(n.ID); err != nil {
		return err
	}
	s.ns.tellLink(linux.RTM_DELLINK, n)
	return nil
}

// taskOf returns who makes a call.
func taskOf(t any) *kernel.Task {
	k, _ := t.(*kernel.Task)
	return k
}
