package netfilter

import (
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// An extension is a match or target by name and revision.
type extension struct {
	name     string
	revision uint8
}

// matches are what a rule can ask of a packet (iptables-extensions(8)): each makes a
// function of the match's data, nil for what is always true.
var matches = map[extension]func(data []byte) (func(*stack.View) bool, error){
	{"tcp", 0}:       tcp,
	{"udp", 0}:       udp,
	{"icmp", 0}:      icmp,
	{"icmp6", 0}:     icmp,
	{"multiport", 1}: multiport,
	{"owner", 1}:     ownerMatch,
	{"addrtype", 0}:  addrtype0,
	{"addrtype", 1}:  addrtype,
	{"state", 0}:     state,
	{"conntrack", 1}: conntrack1,
	{"conntrack", 2}: conntrack,
	{"conntrack", 3}: conntrack,
	{"comment", 0}:   func([]byte) (func(*stack.View) bool, error) { return nil, nil },
}

// ports are those of a TCP segment or UDP datagram, false for what has none.
func ports(v *stack.View) (src, dst uint16, ok bool) {
	if len(v.Transport) < 4 || v.Proto != linux.IPPROTO_TCP && v.Proto != linux.IPPROTO_UDP {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(v.Transport), binary.BigEndian.Uint16(v.Transport[2:]), true
}

// A portRange is from the first to the second.
type portRange [2]uint16

func rangeAt(b []byte) portRange {
	return portRange{binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:])}
}

func (r portRange) has(p uint16) bool { return r[0] <= p && p <= r[1] }

// tcp is struct xt_tcp.
func tcp(b []byte) (func(*stack.View) bool, error) {
	if len(b) < 12 || b[8] != 0 || b[11]&^7 != 0 {
		return nil, linux.EINVAL // no look at TCP's options
	}
	src, dst, mask, cmp, not := rangeAt(b), rangeAt(b[4:]), b[9], b[10], b[11]
	return func(v *stack.View) bool {
		s, d, ok := ports(v)
		const flags = 13 // offset in the header
		if !ok || v.Proto != linux.IPPROTO_TCP || len(v.Transport) <= flags {
			return false
		}
		return src.has(s) != (not&1 != 0) && dst.has(d) != (not&2 != 0) && (v.Transport[flags]&mask == cmp) != (not&4 != 0)
	}, nil
}

// udp is struct xt_udp.
func udp(b []byte) (func(*stack.View) bool, error) {
	if len(b) < 10 || b[8]&^3 != 0 {
		return nil, linux.EINVAL
	}
	src, dst, not := rangeAt(b), rangeAt(b[4:]), b[8]
	return func(v *stack.View) bool {
		s, d, ok := ports(v)
		return ok && v.Proto == linux.IPPROTO_UDP && src.has(s) != (not&1 != 0) && dst.has(d) != (not&2 != 0)
	}, nil
}

// icmp is struct ipt_icmp and ip6t_icmp.
func icmp(b []byte) (func(*stack.View) bool, error) {
	if len(b) < 4 || b[3]&^1 != 0 {
		return nil, linux.EINVAL
	}
	typ, low, high, not := b[0], b[1], b[2], b[3] != 0
	const any = 0xff
	return func(v *stack.View) bool {
		if len(v.Transport) < 2 || v.Proto != linux.IPPROTO_ICMP && v.Proto != linux.IPPROTO_ICMPV6 {
			return false
		}
		t, c := v.Transport[0], v.Transport[1]
		return (typ == any || t == typ && low <= c && c <= high) != not
	}, nil
}

// multiport is struct xt_multiport_v1.
func multiport(b []byte) (func(*stack.View) bool, error) {
	const most = 15
	if len(b) < 48 || b[0] > 2 || b[1] > most {
		return nil, linux.EINVAL
	}
	var list []portRange
	for i := 0; i < int(b[1]); i++ {
		r := portRange{binary.NativeEndian.Uint16(b[2+2*i:]), binary.NativeEndian.Uint16(b[2+2*i:])}
		if b[32+i] != 0 && i+1 < int(b[1]) { // the first of a range
			i++
			r[1] = binary.NativeEndian.Uint16(b[2+2*i:])
		}
		list = append(list, r)
	}
	which, not := b[0], b[47] != 0
	return func(v *stack.View) bool {
		s, d, ok := ports(v)
		if !ok {
			return false
		}
		found := false
		for _, r := range list {
			found = found || which != 1 && r.has(s) || which != 0 && r.has(d)
		}
		return found != not
	}, nil
}

// ownerMatch is struct xt_owner_match_info.
func ownerMatch(b []byte) (func(*stack.View) bool, error) {
	const uid, gid, socket = 1, 2, 4
	if len(b) < 18 || b[16]&^(uid|gid|socket) != 0 {
		return nil, linux.EINVAL
	}
	var id [4]uint32
	for i := range id {
		id[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	match, not := b[16], b[17]
	return func(v *stack.View) bool {
		switch {
		case !v.Owned:
			return match&not == match
		case match&socket != 0 && not&socket != 0:
			return false
		case match&uid != 0 && (id[0] <= v.UID && v.UID <= id[1]) == (not&uid != 0):
			return false
		case match&gid != 0 && (id[2] <= v.GID && v.GID <= id[3]) == (not&gid != 0):
			return false
		}
		return true
	}, nil
}

// Types of addresses (XT_ADDRTYPE_*).
const (
	typeUnicast   = 1 << 1
	typeLocal     = 1 << 2
	typeBroadcast = 1 << 3
	typeMulticast = 1 << 5
	knownTypes    = typeUnicast | typeLocal | typeBroadcast | typeMulticast
)

func typeOf(v *stack.View, ip netip.Addr) uint16 {
	switch {
	case ip.IsMulticast():
		return typeMulticast
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return typeBroadcast
	case v.IsLocal(ip):
		return typeLocal
	}
	return typeUnicast
}

func byType(src, dst uint16, notSrc, notDst bool) (func(*stack.View) bool, error) {
	if (src|dst)&^knownTypes != 0 {
		return nil, linux.EINVAL
	}
	return func(v *stack.View) bool {
		return (src == 0 || (typeOf(v, v.Src)&src != 0) != notSrc) && (dst == 0 || (typeOf(v, v.Dst)&dst != 0) != notDst)
	}, nil
}

// addrtype0 is struct xt_addrtype_info, addrtype xt_addrtype_info_v1.
func addrtype0(b []byte) (func(*stack.View) bool, error) {
	if len(b) < 12 {
		return nil, linux.EINVAL
	}
	return byType(binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:]), binary.NativeEndian.Uint32(b[4:]) != 0, binary.NativeEndian.Uint32(b[8:]) != 0)
}

func addrtype(b []byte) (func(*stack.View) bool, error) {
	const notSrc, notDst = 1, 2
	if len(b) < 8 {
		return nil, linux.EINVAL
	}
	f := binary.NativeEndian.Uint32(b[4:])
	if f&^(notSrc|notDst) != 0 {
		return nil, linux.EINVAL // not of one interface
	}
	return byType(binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:]), f&notSrc != 0, f&notDst != 0)
}

// knownStates are bits of a state that there is.
const knownStates = stack.CTInvalid | stack.CTEstablished | stack.CTRelated | stack.CTNew

func inState(mask uint32, not bool) (func(*stack.View) bool, error) {
	return func(v *stack.View) bool { return (uint32(v.State)&mask&knownStates != 0) != not }, nil
}

// state is struct xt_state_info.
func state(b []byte) (func(*stack.View) bool, error) {
	if len(b) < 4 {
		return nil, linux.EINVAL
	}
	return inState(binary.NativeEndian.Uint32(b), false)
}

// conntrack is struct xt_conntrack_mtinfo2 and 3, conntrack1 is mtinfo1: its state alone.
func conntrack(b []byte) (func(*stack.View) bool, error) {
	return connection(b, func(b []byte) uint32 { return uint32(binary.NativeEndian.Uint16(b)) })
}

func conntrack1(b []byte) (func(*stack.View) bool, error) {
	return connection(b, func(b []byte) uint32 { return uint32(b[0]) })
}

func connection(b []byte, mask func([]byte) uint32) (func(*stack.View) bool, error) {
	// An alias is the match called state.
	const flags, inverted, states, byState, alias = 146, 148, 150, 1, 1 << 13
	if len(b) < states+2 || binary.NativeEndian.Uint16(b[flags:])&^alias != byState {
		return nil, linux.EINVAL
	}
	return inState(mask(b[states:]), binary.NativeEndian.Uint16(b[inverted:])&byState != 0)
}
