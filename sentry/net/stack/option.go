package stack

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"glovebox/abi/linux"
)

// An Option is something to set of an Endpoint. Values are as in Linux: 0 and 1,
// seconds or milliseconds where Linux has them.
type Option uint8

// Options. None is for what only a socket remembers.
const (
	None Option = iota
	ReuseAddr
	ReusePort
	Broadcast
	KeepAlive
	NoChecksum
	Nagle // the inverse of TCP_NODELAY
	Cork
	V6Only
	MulticastLoop
	HeaderIncluded
	RecvErr
	RecvErr6
	SendBuffer
	RecvBuffer
	Device
	TTL
	HopLimit
	TOS
	TrafficClass
	MulticastTTL
	MulticastNIC6
	MTUDiscover
	MaxSegment
	SynCount
	WindowClamp
	KeepCount
	KeepIdle     // seconds
	KeepInterval // seconds
	UserTimeout  // milliseconds
	Linger2      // seconds
	DeferAccept  // seconds
)

type setter func(e *Endpoint, v int) tcpip.Error

func flag(set func(*tcpip.SocketOptions, bool)) setter {
	return func(e *Endpoint, v int) tcpip.Error {
		set(e.ep.SocketOptions(), v != 0)
		return nil
	}
}

func number(o tcpip.SockOptInt) setter {
	return func(e *Endpoint, v int) tcpip.Error { return e.ep.SetSockOptInt(o, v) }
}

// duration sets an option that is a time-out.
func duration[T any, P interface {
	*T
	tcpip.SettableSocketOption
}](unit time.Duration, of func(time.Duration) T) setter {
	return func(e *Endpoint, v int) tcpip.Error {
		t := of(time.Duration(v) * unit)
		return e.ep.SetSockOpt(P(&t))
	}
}

var setters = [...]setter{
	ReuseAddr:      flag((*tcpip.SocketOptions).SetReuseAddress),
	ReusePort:      flag((*tcpip.SocketOptions).SetReusePort),
	Broadcast:      flag((*tcpip.SocketOptions).SetBroadcast),
	KeepAlive:      flag((*tcpip.SocketOptions).SetKeepAlive),
	NoChecksum:     flag((*tcpip.SocketOptions).SetNoChecksum),
	Nagle:          flag((*tcpip.SocketOptions).SetDelayOption),
	Cork:           flag((*tcpip.SocketOptions).SetCorkOption),
	V6Only:         flag((*tcpip.SocketOptions).SetV6Only),
	MulticastLoop:  flag((*tcpip.SocketOptions).SetMulticastLoop),
	HeaderIncluded: flag((*tcpip.SocketOptions).SetHeaderIncluded),
	RecvErr:        flag((*tcpip.SocketOptions).SetIPv4RecvError),
	RecvErr6:       flag((*tcpip.SocketOptions).SetIPv6RecvError),
	SendBuffer: func(e *Endpoint, v int) tcpip.Error {
		e.ep.SocketOptions().SetSendBufferSize(int64(v), true)
		return nil
	},
	RecvBuffer: func(e *Endpoint, v int) tcpip.Error {
		e.ep.SocketOptions().SetReceiveBufferSize(int64(v), true)
		return nil
	},
	Device:        func(e *Endpoint, v int) tcpip.Error { return e.ep.SocketOptions().SetBindToDevice(int32(v)) },
	TTL:           number(tcpip.IPv4TTLOption),
	HopLimit:      number(tcpip.IPv6HopLimitOption),
	TOS:           number(tcpip.IPv4TOSOption),
	TrafficClass:  number(tcpip.IPv6TrafficClassOption),
	MulticastTTL:  number(tcpip.MulticastTTLOption),
	MulticastNIC6: number(tcpip.IPv6MulticastInterfaceOption),
	MTUDiscover:   number(tcpip.MTUDiscoverOption),
	MaxSegment:    number(tcpip.MaxSegOption),
	SynCount:      number(tcpip.TCPSynCountOption),
	WindowClamp:   number(tcpip.TCPWindowClampOption),
	KeepCount:     number(tcpip.KeepaliveCountOption),
	KeepIdle:      duration(time.Second, func(d time.Duration) tcpip.KeepaliveIdleOption { return tcpip.KeepaliveIdleOption(d) }),
	KeepInterval:  duration(time.Second, func(d time.Duration) tcpip.KeepaliveIntervalOption { return tcpip.KeepaliveIntervalOption(d) }),
	UserTimeout:   duration(time.Millisecond, func(d time.Duration) tcpip.TCPUserTimeoutOption { return tcpip.TCPUserTimeoutOption(d) }),
	Linger2:       duration(time.Second, func(d time.Duration) tcpip.TCPLingerTimeoutOption { return tcpip.TCPLingerTimeoutOption(d) }),
	DeferAccept:   duration(time.Second, func(d time.Duration) tcpip.TCPDeferAcceptOption { return tcpip.TCPDeferAcceptOption(d) }),
}

// Set sets an option.
func (e *Endpoint) Set(o Option, v int) error {
	if int(o) >= len(setters) || setters[o] == nil {
		return nil
	}
	return errno(setters[o](e, v))
}

// StartSendBuffer sets the size that TCP's send buffer grows from by itself.
func (e *Endpoint) StartSendBuffer(n int) { e.ep.SocketOptions().SetSendBufferSize(int64(n), false) }

// SendBuffer and RecvBuffer are the sizes of buffers, which TCP changes by itself.
func (e *Endpoint) SendBuffer() int { return int(e.ep.SocketOptions().GetSendBufferSize()) }
func (e *Endpoint) RecvBuffer() int { return int(e.ep.SocketOptions().GetReceiveBufferSize()) }

// SetLinger is SO_LINGER: with on and no time a close resets.
func (e *Endpoint) SetLinger(on bool, d time.Duration) {
	e.ep.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: on, Timeout: d})
}

// SetCongestion chooses how TCP finds its speed: ENOENT for a way that is not known.
func (e *Endpoint) SetCongestion(name string) error {
	o := tcpip.CongestionControlOption(name)
	return errno(e.ep.SetSockOpt(&o))
}

// A Group is a membership in a multicast group: by interface, or by an address of it.
type Group struct{ Group, Interface Addr }

// Join and Leave change memberships.
func (e *Endpoint) Join(g Group) error {
	err := errno(e.ep.SetSockOpt(&tcpip.AddMembershipOption{NIC: tcpip.NICID(g.Interface.NIC),
		InterfaceAddr: g.Interface.full().Addr, MulticastAddr: address(g.Group.IP)}))
	return err
}

func (e *Endpoint) Leave(g Group) error {
	return errno(e.ep.SetSockOpt(&tcpip.RemoveMembershipOption{NIC: tcpip.NICID(g.Interface.NIC),
		InterfaceAddr: g.Interface.full().Addr, MulticastAddr: address(g.Group.IP)}))
}

// SetMulticastInterface is IP_MULTICAST_IF.
func (e *Endpoint) SetMulticastInterface(a Addr) error {
	return errno(e.ep.SetSockOpt(&tcpip.MulticastInterfaceOption{NIC: tcpip.NICID(a.NIC), InterfaceAddr: a.full().Addr}))
}

// SetICMP6Filter is ICMP6_FILTER: a bit set for each type that is not wanted.
func (e *Endpoint) SetICMP6Filter(deny [8]uint32) error {
	return errno(e.ep.SetSockOpt(&tcpip.ICMPv6Filter{DenyType: deny}))
}

// Info is what the engine tells of a connection (TCP_INFO).
type Info struct {
	RTT, RTTVar, RTO time.Duration
	State            int
	CongestionState  uint8 // TCP_CA_*
	Cwnd, Ssthresh   uint32
}

// Info returns it.
func (e *Endpoint) Info() Info {
	var i tcpip.TCPInfoOption
	if e.ep.GetSockOpt(&i) != nil {
		return Info{State: linux.TCP_CLOSE}
	}
	cc := map[tcpip.CongestionControlState]uint8{tcpip.RTORecovery: 4, tcpip.FastRecovery: 3, tcpip.SACKRecovery: 3, tcpip.Disorder: 1}
	return Info{RTT: i.RTT, RTTVar: i.RTTVar, RTO: i.RTO, State: int(i.State), CongestionState: cc[i.CcState], Cwnd: i.SndCwnd, Ssthresh: i.SndSsthresh}
}

// An Error is what an ICMP message said of something that was sent (ip(7),
// IP_RECVERR).
type Error struct {
	Errno              linux.Errno
	Origin, Type, Code uint8
	Info               uint32
	To, Offender       Addr
	Data               []byte
	V6                 bool
}

// noPort is ICMP_PORT_UNREACH or ICMPV6_PORT_UNREACH.
func (e *Error) noPort() bool {
	if e.V6 {
		return e.Type == linux.ICMPV6_DEST_UNREACH && e.Code == linux.ICMPV6_PORT_UNREACH
	}
	return e.Type == linux.ICMP_DEST_UNREACH && e.Code == linux.ICMP_PORT_UNREACH
}

// NextError takes the next one, nil if there is none.
func (e *Endpoint) NextError() *Error {
	s := e.ep.SocketOptions().DequeueErr()
	if s == nil {
		return nil
	}
	r := &Error{Origin: uint8(s.Cause.Origin()), Type: s.Cause.Type(), Code: s.Cause.Code(), Info: s.Cause.Info(),
		To: addr(s.Dst), V6: s.NetProto == header.IPv6ProtocolNumber}
	// The engine does not know who sent the message, and says the socket. What has no
	// such port is the destination itself.
	if r.noPort() {
		r.Offender = Addr{IP: r.To.IP, NIC: r.To.NIC}
	}
	if err, ok := errno(s.Err).(linux.Errno); ok {
		r.Errno = err
	}
	if s.Payload != nil {
		r.Data = append(r.Data, s.Payload.AsSlice()...)
		s.Payload.Release()
	}
	return r
}
