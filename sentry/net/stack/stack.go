// Package stack is the TCP/IP engine of a network namespace behind an interface of
// our own. It is the only package that knows gvisor.dev/gvisor/pkg/tcpip: addresses
// are netip's, errors Linux's, readiness lib/wait's.
//
// A Stack is one network namespace: its interfaces (NIC), addresses, routes and
// neighbours. An Endpoint is what stands behind one socket. Neither blocks.
//
// Locks are the engine's own; none is held when a method returns, some are when a
// wait queue is told.
package stack

import (
	"net/netip"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/raw"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// A Stack is the TCP/IP of one network namespace.
type Stack struct {
	s      *engine.Stack
	hurry  atomic.Bool // TIME_WAIT is short
	closed bool        // guarded by rtnl
	taps   []*Tap      // of every interface; guarded by rtnl
}

// LoopbackNIC is the number of lo.
const LoopbackNIC = 1

// Ephemeral ports (net.ipv4.ip_local_port_range).
const (
	FirstPort = 32768
	LastPort  = 60999
)

// A Range is a size in bytes: the least, what is there without asking, and the most.
type Range struct{ Min, Default, Max int }

// Sizes of buffers, as tcp_rmem, tcp_wmem and {r,w}mem_{default,max} of Linux.
var (
	TCPRecv = Range{4096, 131072, 6 << 20}
	TCPSend = Range{4096, 16384, 4 << 20}
	Buffers = Range{4096, 212992, 212992}
)

// highestBuf is what even the privileged may have of the Sentry's memory for a buffer.
const highestBuf = 16 << 20

// New returns a namespace in which there is lo, down.
func New() (*Stack, error) {
	s := engine.New(engine.Options{
		NetworkProtocols: []engine.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol, arp.NewProtocol},
		TransportProtocols: []engine.TransportProtocolFactory{tcp.NewProtocolCUBIC, udp.NewProtocol,
			icmp.NewProtocol4, icmp.NewProtocol6},
		RawFactory:  raw.EndpointFactory{},
		HandleLocal: true,
	})
	st := &Stack{s: s}
	if err := st.configure(); err != nil {
		return nil, err
	}
	return st, st.addLoopback()
}

// How long a connection stays in TIME_WAIT, and how many may before they stay for
// hardly any time (tcp_max_tw_buckets): each takes some 8 KiB.
const (
	timeWait    = 60 * time.Second
	shortWait   = 500 * time.Millisecond
	maxTimeWait = 1024
)

// Closed is told when a connection is given up, of how many sockets there are still. It
// bounds the connections that nobody has any more.
func (st *Stack) Closed(sockets int) {
	hurry := st.Connections()-sockets > maxTimeWait
	if st.hurry.Swap(hurry) == hurry {
		return
	}
	d := tcpip.TCPTimeWaitTimeoutOption(timeWait)
	if hurry {
		d = tcpip.TCPTimeWaitTimeoutOption(shortWait)
	}
	_ = st.s.SetTransportProtocolOption(tcp.ProtocolNumber, &d) // it cannot fail
}

// EndWait ends the connection of two addresses if all that it does is to wait
// (TIME_WAIT), and reports whether it did.
func (st *Stack) EndWait(local, remote Addr) bool {
	ep, ok := st.s.FindTransportEndpoint(proto(remote.IP), tcp.ProtocolNumber, engine.TransportEndpointID{
		LocalPort: local.Port, LocalAddress: address(local.IP), RemotePort: remote.Port, RemoteAddress: address(remote.IP),
	}, 0).(*tcp.Endpoint)
	if !ok || ep.EndpointState() != tcp.StateTimeWait {
		return false
	}
	ep.Abort()
	return true
}

// Connections is how many there are, those included that nobody has any more.
func (st *Stack) Connections() int { return int(st.s.Stats().TCP.CurrentConnected.Value()) }

// quiet throws away what the engine logs: packets are the guest's business. Some of its
// loggers keep the target that there was when the program started, so that is what changes.
type quiet struct{}

func init() { log.Log().Emitter = quiet{} }

func (quiet) Emit(int, log.Level, time.Time, string, ...any) {}

// configure sets what differs from Linux's defaults.
func (st *Stack) configure() error {
	sack, moderate, delay := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true), tcpip.TCPDelayEnabled(true)
	recv := tcpip.TCPReceiveBufferSizeRangeOption(TCPRecv)
	send := tcpip.TCPSendBufferSizeRangeOption(TCPSend)
	recovery := tcpip.TCPRACKLossDetection
	wait := tcpip.TCPTimeWaitTimeoutOption(timeWait)
	reuse := tcpip.TCPTimeWaitReuseLoopbackOnly
	minRTO := tcpip.TCPMinRTOOption(200 * time.Millisecond)
	retries := tcpip.TCPSynRetriesOption(6)
	for _, o := range []tcpip.SettableTransportProtocolOption{&sack, &moderate, &delay, &recv, &send, &recovery, &wait, &reuse, &minRTO, &retries} {
		if err := st.s.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return errno(err)
		}
	}
	if err := st.s.SetOption(tcpip.SendBufferSizeOption{Min: Buffers.Min, Default: Buffers.Default, Max: highestBuf}); err != nil {
		return errno(err)
	}
	if err := st.s.SetOption(tcpip.ReceiveBufferSizeOption{Min: Buffers.Min, Default: Buffers.Default, Max: highestBuf}); err != nil {
		return errno(err)
	}
	// On loopback the engine answers every datagram to a closed port; Linux limits
	// only what it sends to others.
	st.s.SetICMPLimit(10000)
	st.s.SetICMPBurst(10000)
	return errno(st.s.SetPortRange(FirstPort, LastPort))
}

// loAddresses is what lo has when it is up.
var loAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}

func (st *Stack) addLoopback() error {
	return errno(st.s.CreateNICWithOptions(LoopbackNIC, newLoopback(st), engine.NICOptions{Name: "lo", Disabled: true, DeliverLinkPackets: true}))
}

// An Addr is an address, a port, and the interface that a scope names. The zero value
// is any.
type Addr struct {
	IP   netip.Addr
	Port uint16
	NIC  int32
}

// full is a as the engine has it. Any address is none at all there.
func (a Addr) full() tcpip.FullAddress {
	f := tcpip.FullAddress{NIC: tcpip.NICID(a.NIC), Port: a.Port}
	if a.IP.IsValid() && !a.IP.IsUnspecified() {
		f.Addr = address(a.IP)
	}
	return f
}

// addr is the inverse.
func addr(f tcpip.FullAddress) Addr {
	return Addr{IP: ip(f.Addr), Port: f.Port, NIC: int32(f.NIC)}
}

func address(ip netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(ip.AsSlice()) }

func ip(a tcpip.Address) netip.Addr {
	ip, _ := netip.AddrFromSlice(a.AsSlice())
	return ip
}

// proto is the network protocol of an address.
func proto(ip netip.Addr) tcpip.NetworkProtocolNumber {
	if ip.Is4() {
		return header.IPv4ProtocolNumber
	}
	return header.IPv6ProtocolNumber
}
