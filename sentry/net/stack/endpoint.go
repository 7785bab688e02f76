package stack

import (
	"io"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// A Kind is what an Endpoint speaks.
type Kind uint8

// Kinds.
const (
	TCP  Kind = iota
	UDP       // datagrams
	Ping      // ICMP echo, and no more
	Raw       // one protocol's packets as they are
)

// An Endpoint is the engine's side of a socket. Its methods may be called at once.
type Endpoint struct {
	ep    tcpip.Endpoint
	queue *waiter.Queue
	entry waiter.Entry
	kind  Kind
}

// NewEndpoint returns an endpoint of IPv6 or else IPv4. The protocol matters to raw
// ones.
func (st *Stack) NewEndpoint(k Kind, domain, protocol int) (*Endpoint, error) {
	e := &Endpoint{queue: new(waiter.Queue), kind: k}
	net := tcpip.NetworkProtocolNumber(header.IPv4ProtocolNumber)
	ping := tcpip.TransportProtocolNumber(header.ICMPv4ProtocolNumber)
	if domain == linux.AF_INET6 {
		net, ping = header.IPv6ProtocolNumber, header.ICMPv6ProtocolNumber
	}
	var err tcpip.Error
	switch k {
	case TCP:
		e.ep, err = st.s.NewEndpoint(tcp.ProtocolNumber, net, e.queue)
	case UDP:
		e.ep, err = st.s.NewEndpoint(udp.ProtocolNumber, net, e.queue)
	case Ping:
		e.ep, err = st.s.NewEndpoint(ping, net, e.queue)
	case Raw:
		// What has protocol IPPROTO_RAW only sends.
		e.ep, err = st.s.NewRawEndpoint(tcpip.TransportProtocolNumber(protocol), net, e.queue, protocol != linux.IPPROTO_RAW)
	}
	if err != nil {
		return nil, errno(err)
	}
	if k != TCP {
		// What a message says of itself is all kept; the socket knows what its user
		// wants to hear.
		o := e.ep.SocketOptions()
		o.SetReceiveTOS(true)
		o.SetReceiveTTL(true)
		o.SetReceivePacketInfo(true)
		o.SetReceiveTClass(true)
		o.SetReceiveHopLimit(true)
		o.SetIPv6ReceivePacketInfo(true)
	}
	return e, nil
}

// A Watcher is told of an endpoint's events, with locks of the engine held.
type Watcher interface{ Happened(wait.Mask) }

// Watch has w told from now on.
func (e *Endpoint) Watch(w Watcher) {
	e.entry.Init(listener{w}, waiter.AllEvents)
	e.queue.EventRegister(&e.entry)
}

// Unwatch ends that.
func (e *Endpoint) Unwatch() { e.queue.EventUnregister(&e.entry) }

type listener struct{ w Watcher }

// NotifyEvent implements waiter.EventListener. The engine's events are poll(2)'s.
func (l listener) NotifyEvent(m waiter.EventMask) { l.w.Happened(wait.Mask(m) & wait.All) }

// Bind takes a local address and port, any port if it is 0.
func (e *Endpoint) Bind(a Addr) error {
	err := errno(e.ep.Bind(a.full()))
	if err == linux.EADDRNOTAVAIL && !a.IP.IsValid() {
		return linux.EADDRINUSE // no port is left
	}
	return err
}

// Connect names the peer; TCP's answer comes later (EINPROGRESS).
func (e *Endpoint) Connect(a Addr) error { return errno(e.ep.Connect(a.full())) }

// Disconnect forgets the peer of a datagram endpoint.
func (e *Endpoint) Disconnect() error { return errno(e.ep.Disconnect()) }

// Listen lets connections in, of which backlog can wait.
func (e *Endpoint) Listen(backlog int) error { return errno(e.ep.Listen(backlog)) }

// Accept returns a connection that waits.
func (e *Endpoint) Accept() (*Endpoint, error) {
	ep, q, err := e.ep.Accept(nil)
	if err != nil {
		return nil, errno(err)
	}
	return &Endpoint{ep: ep, queue: q, kind: e.kind}, nil
}

// Shutdown ends one direction or both.
func (e *Endpoint) Shutdown(read, write bool) error {
	var f tcpip.ShutdownFlags
	if read {
		f |= tcpip.ShutdownRead
	}
	if write {
		f |= tcpip.ShutdownWrite
	}
	return errno(e.ep.Shutdown(f))
}

// Close gives the endpoint up; a connection ends by itself.
func (e *Endpoint) Close() { e.ep.Close() }

// Abort resets a connection.
func (e *Endpoint) Abort() { e.ep.Abort() }

// Local is the address that it is bound to.
func (e *Endpoint) Local() Addr {
	a, err := e.ep.GetLocalAddress()
	if err != nil {
		return Addr{}
	}
	return addr(a)
}

// Remote is the peer's address.
func (e *Endpoint) Remote() (Addr, error) {
	a, err := e.ep.GetRemoteAddress()
	return addr(a), errno(err)
}

// TakeError returns and clears what went wrong since.
func (e *Endpoint) TakeError() linux.Errno {
	err, ok := errno(e.ep.LastError()).(linux.Errno)
	if ok && e.kind == TCP {
		_ = e.ep.LastError() // it keeps the same error twice
	}
	return err
}

// State is where a TCP endpoint is in its life: TCP_*.
func (e *Endpoint) State() int {
	switch s := tcp.EndpointState(e.ep.State()); s {
	case tcp.StateInitial, tcp.StateBound, tcp.StateError:
		return linux.TCP_CLOSE
	case tcp.StateConnecting:
		return linux.TCP_SYN_SENT
	default:
		return int(s)
	}
}

// Ready returns wait.In, wait.Out and wait.RdHup as they are.
func (e *Endpoint) Ready() wait.Mask {
	return wait.Mask(e.ep.Readiness(waiter.ReadableEvents|waiter.WritableEvents)) & (wait.In | wait.Out | wait.RdHup)
}

// Settle waits until what was received is in the state: of the end of a stream the engine
// tells first. No lock of the engine may be held.
func (e *Endpoint) Settle() {
	if ep, ok := e.ep.(*tcp.Endpoint); ok {
		ep.LockUser()
		ep.UnlockUser()
	}
}

// Unread is how many bytes wait: of a stream, or of the first message.
func (e *Endpoint) Unread() int {
	n, err := e.ep.GetSockOptInt(tcpip.ReceiveQueueSizeOption)
	if err != nil {
		return 0
	}
	return n
}

// A Payload is what Write sends.
type Payload interface {
	io.Reader
	Len() int
}

// A Message is what an endpoint without a stream receives.
type Message struct {
	From Addr
	Time time.Time
	// TTL and TOS are the hop limit and traffic class of IPv6 as well.
	TTL, TOS uint8
	// To is where it was sent, and the interface by which it came.
	To   Addr
	Data []byte
}

// ReadStream moves what a stream has received to w, which says by
// io.ErrShortWrite that it is full. At the end there is neither a count nor an error.
func (e *Endpoint) ReadStream(w io.Writer, peek bool) (int, error) {
	r, err := e.ep.Read(w, tcpip.ReadOptions{Peek: peek})
	if _, ok := err.(*tcpip.ErrClosedForReceive); ok {
		return 0, nil
	}
	if err == nil && !peek {
		e.ep.ModerateRecvBuf(r.Count)
	}
	return r.Count, errno(err)
}

// WriteStream sends what there is room for.
func (e *Endpoint) WriteStream(p Payload) (int, error) {
	n, err := e.ep.Write(p, tcpip.WriteOptions{})
	return int(n), errno(err)
}

type grab []byte

func (g *grab) Write(p []byte) (int, error) {
	*g = append(*g, p...)
	return len(p), nil
}

// ReadMessage takes the next message.
func (e *Endpoint) ReadMessage() (*Message, error) {
	var data grab
	r, err := e.ep.Read(&data, tcpip.ReadOptions{NeedRemoteAddr: true})
	if err != nil {
		return nil, errno(err)
	}
	c := &r.ControlMessages
	m := &Message{From: addr(r.RemoteAddr), Time: c.Timestamp, Data: data}
	if c.HasIPPacketInfo {
		m.TTL, m.TOS = c.TTL, c.TOS
		m.To = Addr{IP: ip(c.PacketInfo.DestinationAddr), NIC: int32(c.PacketInfo.NIC)}
	} else {
		m.TTL, m.TOS = c.HopLimit, uint8(c.TClass)
		m.To = Addr{IP: ip(c.IPv6PacketInfo.Addr), NIC: int32(c.IPv6PacketInfo.NIC)}
	}
	return m, nil
}

// A Sending is what a message is sent with.
type Sending struct {
	To *Addr // nil: the peer
	// TTL is the hop limit of IPv6 as well; 0 is the endpoint's.
	TTL uint8
	// From is the source address of IPv6, if valid, and the interface, if not 0.
	From Addr
}

// WriteMessage sends a whole message.
func (e *Endpoint) WriteMessage(p Payload, s *Sending) error {
	o := tcpip.WriteOptions{Atomic: true}
	if s.To != nil {
		f := s.To.full()
		if f.NIC == 0 {
			f.NIC = tcpip.NICID(s.From.NIC)
		}
		o.To = &f
	}
	if s.TTL != 0 {
		o.ControlMessages.HasTTL, o.ControlMessages.TTL = true, s.TTL
		o.ControlMessages.HasHopLimit, o.ControlMessages.HopLimit = true, s.TTL
	}
	if s.From.IP.Is6() {
		o.ControlMessages.HasIPv6PacketInfo = true
		o.ControlMessages.IPv6PacketInfo = tcpip.IPv6PacketInfo{NIC: tcpip.NICID(s.From.NIC), Addr: s.From.full().Addr}
	}
	_, err := e.ep.Write(p, o)
	return errno(err)
}
