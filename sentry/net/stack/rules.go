package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"

	"glovebox/abi/linux"
)

// Tables of rules by what iptables(8) calls them.
var tables = map[string]engine.TableID{
	"nat": engine.NATID, "mangle": engine.MangleID, "filter": engine.FilterID, "raw": engine.RawID,
}

// NumHooks is how many places there are in a packet's way where rules are asked
// (NF_INET_NUMHOOKS): before routing, in, on, out and behind routing.
const NumHooks = int(engine.NumHooks)

// A Table is rules, where each hook's begin, and which rule holds when a hook's return: -1
// for a hook that the table does not have.
type Table struct {
	Rules            []Rule
	Entry, Underflow [NumHooks]int
}

// A Rule is what packets it is about and what is to be done with them.
type Rule struct {
	Header  Header
	Matches []func(*View) bool
	Do      Action
	Error   bool // where a chain begins, and a table ends
}

// A Header is what a rule wants of a packet's addresses. A prefix need not be one: bits of
// Mask count. Interfaces end with + for all that begin so.
type Header struct {
	Src, SrcMask, Dst, DstMask              netip.Addr
	NotSrc, NotDst, NotIn, NotOut, NotProto bool
	In, Out                                 string
	Proto                                   uint8 // 0 for any
}

// A View is what matches see of a packet.
type View struct {
	Proto     uint8
	Transport []byte // its header, empty for a fragment
	Src, Dst  netip.Addr
	UID, GID  uint32
	Owned     bool  // UID and GID are those of a socket
	State     uint8 // CT*

	st *Stack
}

// States of a packet's connection (enum ip_conntrack_info, as iptables' bits have them).
const (
	CTInvalid = 1 << iota
	CTEstablished
	CTRelated
	CTNew
)

// IsLocal reports whether ip is one of the namespace's own addresses.
func (v *View) IsLocal(ip netip.Addr) bool { return ip.IsLoopback() || v.st.IsLocal(ip) != 0 }

// A Verdict is what becomes of a packet.
type Verdict uint8

// Verdicts.
const (
	Accept Verdict = iota
	Drop
	Return
	Jump
	Redirect
	DNAT
	SNAT
	Masquerade
	Reject
)

// An Action is a verdict and what it needs.
type Action struct {
	Verdict Verdict
	To      int // of Jump: a rule
	// Addr and Port are those of NAT: invalid and 0 to leave them.
	Addr netip.Addr
	Port uint16
	With int // of Reject: IPT_ICMP_* or IP6T_*
}

// hooks of verdicts that have no meaning elsewhere.
var actionHooks = map[Verdict]uint{
	Redirect: 1<<engine.Prerouting | 1<<engine.Output, DNAT: 1<<engine.Prerouting | 1<<engine.Output,
	SNAT: 1<<engine.Postrouting | 1<<engine.Input, Masquerade: 1 << engine.Postrouting,
	Reject: 1<<engine.Input | 1<<engine.Forward | 1<<engine.Output,
}

// ReplaceTable has packets of IPv4 or IPv6 go by new rules.
func (st *Stack) ReplaceTable(name string, v6 bool, t *Table) error {
	id, ok := tables[name]
	if !ok {
		return linux.ENOENT
	}
	e := engine.Table{BuiltinChains: t.Entry, Underflows: t.Underflow, Rules: make([]engine.Rule, 0, len(t.Rules))}
	for i := range t.Rules {
		r, err := st.rule(&t.Rules[i], v6)
		if err != nil {
			return err
		}
		e.Rules = append(e.Rules, r)
	}
	st.s.IPTables().ReplaceTable(id, e, v6)
	return nil
}

func (st *Stack) rule(r *Rule, v6 bool) (engine.Rule, error) {
	h := &r.Header
	e := engine.Rule{Filter: engine.IPHeaderFilter{
		Src: address(h.Src), SrcMask: address(h.SrcMask), SrcInvert: h.NotSrc,
		Dst: address(h.Dst), DstMask: address(h.DstMask), DstInvert: h.NotDst,
		InputInterface: h.In, InputInterfaceInvert: h.NotIn, OutputInterface: h.Out, OutputInterfaceInvert: h.NotOut,
	}}
	e.Filter.Protocol, e.Filter.CheckProtocol = tcpip.TransportProtocolNumber(h.Proto), h.Proto != 0 && !h.NotProto
	if h.Proto != 0 && h.NotProto {
		e.Matchers = append(e.Matchers, matcher{st, func(v *View) bool { return v.Proto != h.Proto }})
	}
	for _, f := range r.Matches {
		e.Matchers = append(e.Matchers, matcher{st, f})
	}
	t, err := st.target(&r.Do, v6)
	e.Target = t
	return e, err
}

// matcher implements the engine's Matcher.
type matcher struct {
	st *Stack
	f  func(*View) bool
}

// Match implements engine.Matcher.
func (m matcher) Match(_ engine.Hook, p *engine.PacketBuffer, _, _ string) (matches, drop bool) {
	n := p.Network()
	v := View{Proto: uint8(p.TransportProtocolNumber), Transport: p.TransportHeader().Slice(), Src: ip(n.SourceAddress()), Dst: ip(n.DestinationAddress()), st: m.st}
	if p.TransportProtocolNumber == 0 {
		v.Proto = uint8(n.TransportProtocol())
	}
	if o, ok := p.Owner.(owner); ok {
		v.UID, v.GID, v.Owned = o.uid, o.gid, true
	}
	v.State = CTInvalid
	var info engine.ConnTrackInfo
	if p.FillConnTrackInfo(engine.ConnTrackInfoOpts{FillState: true}, &info) {
		switch {
		case p.IsReplyPacket() || info.State == engine.ConnTrackStateEstablished || info.State == engine.ConnTrackStateEstablishedReply:
			v.State = CTEstablished
		case info.State == engine.ConnTrackStateNew:
			v.State = CTNew
		case info.State != engine.ConnTrackStateInvalid:
			v.State = CTRelated
		}
	}
	return m.f(&v), false
}

// owner implements tcpip.PacketOwner.
type owner struct{ uid, gid uint32 }

func (o owner) KUID() uint32 { return o.uid }
func (o owner) KGID() uint32 { return o.gid }

// SetOwner says whose packets an endpoint's are.
func (e *Endpoint) SetOwner(uid, gid uint32) { e.ep.SetOwner(owner{uid, gid}) }

// OriginalDst is where a connection went before rules sent it here (SO_ORIGINAL_DST).
func (e *Endpoint) OriginalDst() (Addr, error) {
	var o tcpip.OriginalDestinationOption
	if err := e.ep.GetSockOpt(&o); err != nil {
		return Addr{}, linux.ENOENT
	}
	return addr(tcpip.FullAddress(o)), nil
}

// target implements the engine's Target.
type target struct {
	hooks uint // where it may be: elsewhere packets are lost
	do    engine.Target
}

// Action implements engine.Target.
func (t target) Action(p *engine.PacketBuffer, h engine.Hook, r *engine.Route, a engine.AddressableEndpoint) (engine.RuleVerdict, int) {
	if t.hooks&(1<<h) == 0 {
		return engine.RuleDrop, 0
	}
	if _, ok := t.do.(*engine.RedirectTarget); ok && h == engine.Prerouting && (a == nil || a.MainAddress().Address.BitLen() == 0) {
		return engine.RuleDrop, 0 // to an interface without an address
	}
	return t.do.Action(p, h, r, a)
}

// jump implements engine.Target.
type jump int

// Action implements engine.Target.
func (j jump) Action(*engine.PacketBuffer, engine.Hook, *engine.Route, engine.AddressableEndpoint) (engine.RuleVerdict, int) {
	return engine.RuleJump, int(j)
}

func (st *Stack) target(a *Action, v6 bool) (engine.Target, error) {
	net := tcpip.NetworkProtocolNumber(header.IPv4ProtocolNumber)
	if v6 {
		net = header.IPv6ProtocolNumber
	}
	to := tcpip.Address{}
	if a.Addr.IsValid() {
		to = address(a.Addr)
	}
	var t engine.Target
	switch a.Verdict {
	case Accept:
		return &engine.AcceptTarget{NetworkProtocol: net}, nil
	case Drop:
		return &engine.DropTarget{NetworkProtocol: net}, nil
	case Return:
		return &engine.ReturnTarget{NetworkProtocol: net}, nil
	case Jump:
		return jump(a.To), nil
	case Redirect:
		t = &engine.RedirectTarget{Port: a.Port, NetworkProtocol: net}
	case DNAT:
		t = &engine.DNATTarget{Addr: to, Port: a.Port, NetworkProtocol: net, ChangeAddress: a.Addr.IsValid(), ChangePort: a.Port != 0}
	case SNAT:
		t = &engine.SNATTarget{Addr: to, Port: a.Port, NetworkProtocol: net, ChangeAddress: a.Addr.IsValid(), ChangePort: a.Port != 0}
	case Masquerade:
		t = &engine.MasqueradeTarget{NetworkProtocol: net}
	case Reject:
		var err error
		if t, err = st.reject(a.With, v6); err != nil {
			return nil, err
		}
	default:
		return nil, linux.EINVAL
	}
	return target{actionHooks[a.Verdict], t}, nil
}

// rejects are the engine's answers by IPT_ICMP_* (ipt_REJECT.h), rejects6 by IP6T_*
// (ip6t_REJECT.h): those that it has.
var (
	rejects = map[int]engine.RejectIPv4WithICMPType{
		0: engine.RejectIPv4WithICMPNetUnreachable, 1: engine.RejectIPv4WithICMPHostUnreachable, 3: engine.RejectIPv4WithICMPPortUnreachable,
		5: engine.RejectIPv4WithICMPNetProhibited, 6: engine.RejectIPv4WithICMPHostProhibited, 7: engine.RejectIPv4WithTCPReset,
		8: engine.RejectIPv4WithICMPAdminProhibited,
	}
	rejects6 = map[int]engine.RejectIPv6WithICMPType{
		0: engine.RejectIPv6WithICMPNoRoute, 1: engine.RejectIPv6WithICMPAdminProhibited, 3: engine.RejectIPv6WithICMPAddrUnreachable,
		4: engine.RejectIPv6WithICMPPortUnreachable, 6: engine.RejectIPv6WithTCPReset,
	}
)

// later4 and later6 answer a packet that is refused when its sender has let go of its
// endpoint, whose lock the answer needs: on lo it comes at once.
type later4 struct{ engine.RejectIPv4WithHandler }

type later6 struct{ engine.RejectIPv6WithHandler }

// answers bounds how many wait; those beyond are not sent.
var answers = make(chan struct{}, 256)

func answer(p *engine.PacketBuffer, f func(*engine.PacketBuffer)) {
	select {
	case answers <- struct{}{}:
	default:
		return
	}
	p = p.Clone()
	go func() {
		f(p)
		p.DecRef()
		<-answers
	}()
}

// SendRejectionError implements engine.RejectIPv4WithHandler.
func (l later4) SendRejectionError(p *engine.PacketBuffer, with engine.RejectIPv4WithICMPType, in bool) tcpip.Error {
	answer(p, func(p *engine.PacketBuffer) { _ = l.RejectIPv4WithHandler.SendRejectionError(p, with, in) })
	return nil
}

// SendRejectionError implements engine.RejectIPv6WithHandler.
func (l later6) SendRejectionError(p *engine.PacketBuffer, with engine.RejectIPv6WithICMPType, in bool) tcpip.Error {
	answer(p, func(p *engine.PacketBuffer) { _ = l.RejectIPv6WithHandler.SendRejectionError(p, with, in) })
	return nil
}

func (st *Stack) reject(with int, v6 bool) (engine.Target, error) {
	if v6 {
		h, ok := st.s.NetworkProtocolInstance(ipv6.ProtocolNumber).(engine.RejectIPv6WithHandler)
		w, has := rejects6[with]
		if !ok || !has {
			return nil, linux.EINVAL
		}
		return &engine.RejectIPv6Target{Handler: later6{h}, RejectWith: w}, nil
	}
	h, ok := st.s.NetworkProtocolInstance(ipv4.ProtocolNumber).(engine.RejectIPv4WithHandler)
	w, has := rejects[with]
	if !ok || !has {
		return nil, linux.EINVAL
	}
	return &engine.RejectIPv4Target{Handler: later4{h}, RejectWith: w}, nil
}
