package inet

import (
	"encoding/binary"
	"net/netip"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// Bind implements socket.Socket (__inet_bind, __inet6_bind).
func (s *Socket) Bind(c *vfs.Ctx, raw []byte) error {
	a, err := s.parseLocal(raw)
	if err != nil {
		return err
	}
	if a.Port != 0 && int(a.Port) < s.ns.FirstPort() && s.kind <= stack.UDP && !c.Creds.Has(auth.CapNetBindService) {
		return linux.EACCES
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != idle || s.bound || s.dead {
		return linux.EINVAL
	}
	ep := s.ep.Load()
	if err := ep.Bind(a); err != nil {
		return err
	}
	s.bound, s.local = true, a
	return nil
}

// parseLocal reads an address to bind to.
func (s *Socket) parseLocal(raw []byte) (stack.Addr, error) {
	least := linux.SizeOfSockaddrIn
	if s.Domain == linux.AF_INET6 {
		least = linux.MinSockaddrIn6
	}
	if len(raw) < least {
		return stack.Addr{}, linux.EINVAL
	}
	f, _ := familyOf(raw)
	a, mapped, err := parse(raw)
	switch {
	case err != nil:
		return a, err
	case f != s.Domain && !(f == linux.AF_UNSPEC && s.Domain == linux.AF_INET && a.IP.IsUnspecified()):
		return a, linux.EAFNOSUPPORT
	case mapped && s.v6only():
		return a, linux.EINVAL
	case a.IP.Is6() && a.IP.IsLinkLocalUnicast() && a.NIC == 0:
		if a.NIC = s.device.Load(); a.NIC == 0 {
			return a, linux.EINVAL
		}
	case s.stream() && a.IP.IsMulticast():
		return a, linux.EADDRNOTAVAIL
	}
	return a, nil
}

// Listen implements socket.Socket (inet_listen).
func (s *Socket) Listen(_ *vfs.Ctx, backlog int) error {
	if !s.stream() {
		return linux.EOPNOTSUPP
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != idle && s.state != listening || s.dead {
		return linux.EINVAL
	}
	// One more than was asked for can wait (sk_acceptq_is_full).
	err := s.ep.Load().Listen(backlog + 1)
	switch {
	case err == linux.EINVAL && s.state == listening:
		return nil // more wait already: the rest of them will not
	case err != nil:
		return err
	}
	s.state = listening
	s.shut.Store(0)
	return nil
}

// Accept implements socket.Socket.
func (s *Socket) Accept(*vfs.Ctx) (socket.Socket, error) {
	if !s.stream() {
		return nil, linux.EOPNOTSUPP
	}
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	if st != listening {
		return nil, linux.EINVAL
	}
	ep, err := s.ep.Load().Accept()
	if err != nil {
		return nil, err
	}
	n := newSocket(s.ns, s.kind, s.Domain, s.Type, s.Protocol, ep)
	n.uid = s.uid
	n.inherit(s)
	n.mu.Lock()
	n.state = connected
	n.remote, _ = ep.Remote()
	n.meet(ep, n.remote)
	n.apply(ep)
	n.mu.Unlock()
	s.ns.add(n)
	return n, nil
}

// Connect implements socket.Socket.
func (s *Socket) Connect(_ *vfs.Ctx, raw []byte) (*wait.Queue, error) {
	f, err := familyOf(raw)
	if err != nil {
		return nil, err
	}
	if s.stream() {
		err := s.connectStream(f, raw)
		s.deliver() // what answers here has answered
		return nil, err
	}
	return nil, s.connectMessages(f, raw)
}

// connectStream is __inet_stream_connect.
func (s *Socket) connectStream(family int, raw []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ep := s.ep.Load()
	if family == linux.AF_UNSPEC {
		e := linux.Errno(0)
		if s.state == connected {
			e = linux.ECONNRESET // of one's own making (tcp_disconnect)
		}
		s.renewLocked()
		s.err.Store(int32(e))
		s.queue.Notify(wait.All)
		return nil
	}
	switch s.state {
	case connected, listening:
		return linux.EISCONN
	case connecting:
		return s.settledLocked(ep)
	}
	a, err := s.parsePeer(raw)
	if err != nil {
		return err
	}
	if a.IP.IsMulticast() || a.IP.Is4() && a.IP == broadcast4 {
		return linux.ENETUNREACH
	}
	s.err.Store(0)
	err = s.openLocked(ep, a)
	if err == linux.EADDRNOTAVAIL && s.bound && s.local.Port != 0 {
		if local, e := s.sourceLocked(a); e == nil && s.ns.stack.EndWait(local, stack.Addr{IP: a.IP.Unmap(), Port: a.Port}) {
			err = s.openLocked(s.ep.Load(), a)
		}
	}
	return err
}

// openLocked begins a connection.
func (s *Socket) openLocked(ep *stack.Endpoint, a stack.Addr) error {
	s.meet(ep, a)
	err := ep.Connect(a)
	switch err {
	case linux.EINPROGRESS:
		s.state, s.remote = connecting, a
		s.boundLocked(ep)
	case nil:
		s.state, s.remote = connected, a
	default:
		s.renewLocked()
	}
	return err
}

// linearSyns is tcp_syn_linear_timeouts, the seconds before the time between two tries
// doubles.
const linearSyns = 4

// boundLocked has a connection that is not made in time given up (TCP_SYNCNT,
// TCP_USER_TIMEOUT), which the engine does only after as many tries as by default.
func (s *Socket) boundLocked(ep *stack.Endpoint) {
	var d time.Duration
	if n := s.value(synCount); n < table[synCount].def {
		d = (linearSyns + 1<<(n+1) - 1) * time.Second
	}
	if user := time.Duration(s.value(userTimeout)) * time.Millisecond; user != 0 && (d == 0 || user < d) {
		d = user
	}
	if d != 0 {
		s.trying = time.AfterFunc(d, func() { s.giveUp(ep) })
	}
}

// triedLocked ends that: what was waited for has come, or will not.
func (s *Socket) triedLocked() {
	if s.trying != nil {
		s.trying.Stop()
		s.trying = nil
	}
}

func (s *Socket) giveUp(ep *stack.Endpoint) {
	s.mu.Lock()
	late := s.ep.Load() == ep && ep.State() == linux.TCP_SYN_SENT
	if late {
		s.err.CompareAndSwap(0, int32(linux.ETIMEDOUT))
		ep.Abort()
	}
	s.mu.Unlock()
	if late {
		s.queue.Notify(wait.All)
	}
}

// sourceLocked is where a connection to a that s is bound for would come from.
func (s *Socket) sourceLocked(a stack.Addr) (stack.Addr, error) {
	local := stack.Addr{IP: s.local.IP.Unmap(), Port: s.local.Port}
	if local.IP.IsValid() && !local.IP.IsUnspecified() {
		return local, nil
	}
	from, err := s.ns.stack.Source(a.IP.Unmap())
	return stack.Addr{IP: from.IP, Port: local.Port}, err
}

// nearBuf is what Linux makes of tcp_wmem for segments as long as loopback's
// (tcp_sndbuf_expand). A megabyte written at once is taken at once.
const nearBuf = 2626560

// farBuf is what others' connections begin with. The engine enlarges a buffer when it is
// half empty, by the congestion window, which does not grow while there is too little to
// send: from tcp_wmem's default that takes half a second.
const farBuf = 256 << 10

// meet tells an endpoint of its peer. What SO_SNDBUF sets comes later.
func (s *Socket) meet(ep *stack.Endpoint, peer stack.Addr) {
	near := peer.IP.IsValid() && peer.IP.Unmap().IsLoopback()
	s.near.Store(near)
	switch {
	case s.value(sndbuf) != 0:
	case near:
		_ = ep.Set(stack.SendBuffer, nearBuf) // it cannot fail
	default:
		ep.StartSendBuffer(farBuf)
	}
}

// settledLocked is what connect(2) says while a connection is under way or once it is
// not any more.
func (s *Socket) settledLocked(ep *stack.Endpoint) error {
	switch ep.State() {
	case linux.TCP_SYN_SENT, linux.TCP_SYN_RECV:
		return linux.EALREADY
	case linux.TCP_CLOSE:
		s.pullErr(ep)
		e := s.takeErr()
		if e == 0 {
			e = linux.ECONNABORTED
		}
		s.renewLocked()
		return e
	}
	s.state = connected
	s.triedLocked()
	return nil
}

// connectMessages is ip4_datagram_connect and its like for IPv6.
func (s *Socket) connectMessages(family int, raw []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ep := s.ep.Load()
	if family == linux.AF_UNSPEC {
		if s.kind == stack.UDP {
			_ = ep.Disconnect() // of one that has no peer, too
		} else if s.state == connected {
			s.renewLocked()
		}
		s.state, s.remote = idle, stack.Addr{}
		s.err.Store(0)
		return nil
	}
	a, err := s.parsePeer(raw)
	if err != nil {
		return err
	}
	if !s.On(linux.SO_BROADCAST) && s.broadcast(a.IP) {
		return linux.EACCES
	}
	if err := ep.Connect(a); err != nil {
		return err
	}
	s.state, s.remote = connected, a
	return nil
}

// broadcast reports whether ip is all hosts of a network (RTN_BROADCAST).
func (s *Socket) broadcast(ip netip.Addr) bool {
	if ip = ip.Unmap(); !ip.Is4() {
		return false
	}
	if ip == broadcast4 {
		return true
	}
	for _, n := range s.ns.NICs() {
		for _, p := range n.Addresses {
			if !n.Loopback && p.Addr().Is4() && p.Bits() < 31 && p.Contains(ip) {
				host := ^uint32(0) >> p.Bits()
				return binary.BigEndian.Uint32(ip.AsSlice())&host == host
			}
		}
	}
	return false
}

// Shutdown implements socket.Socket (inet_shutdown).
func (s *Socket) Shutdown(_ *vfs.Ctx, how int) error {
	bits := uint32(how + 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	ep := s.ep.Load()
	defer s.queue.Notify(wait.All)
	if !s.stream() {
		s.shut.Or(bits)
		if s.state != connected {
			return linux.ENOTCONN
		}
		return nil
	}
	switch tcp := ep.State(); {
	case s.state == listening:
		if bits&noRead != 0 {
			// It does not listen any more, and may again (tcp_disconnect).
			s.renewLocked()
		}
		return nil
	case s.state == idle || tcp == linux.TCP_CLOSE || tcp == linux.TCP_TIME_WAIT:
		return linux.ENOTCONN
	case tcp == linux.TCP_SYN_SENT:
		s.renewLocked()
		return nil
	}
	s.shut.Or(bits)
	if bits&noWrite != 0 {
		s.uncork(ep)
	}
	err := ep.Shutdown(bits&noRead != 0, bits&noWrite != 0)
	s.deliver()
	return err
}

// Name implements socket.Socket (getsockname(2)).
func (s *Socket) Name() ([]byte, error) {
	s.mu.Lock()
	a := s.local
	s.mu.Unlock()
	// What the engine binds to any address it calls so; what is connected has one.
	if l := s.ep.Load().Local(); l.IP.IsValid() || l.Port != 0 {
		if a.NIC == 0 {
			a.NIC = l.NIC
		}
		if l.IP.IsValid() {
			a.IP = l.IP
		}
		a.Port = l.Port
	}
	return sockaddr(s.Domain, a), nil
}

// Peer implements socket.Socket (getpeername(2)).
func (s *Socket) Peer() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream() {
		switch s.ep.Load().State() {
		case linux.TCP_SYN_SENT, linux.TCP_SYN_RECV, linux.TCP_CLOSE, linux.TCP_TIME_WAIT:
			return nil, linux.ENOTCONN
		}
	}
	if s.state == idle || s.state == listening || !s.remote.IP.IsValid() {
		return nil, linux.ENOTCONN
	}
	return sockaddr(s.Domain, s.remote), nil
}

// From implements socket.Accepted.
func (s *Socket) From() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sockaddr(s.Domain, s.remote)
}
