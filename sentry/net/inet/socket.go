package inet

import (
	"sync"
	"sync/atomic"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// A Socket implements socket.Socket.
type Socket struct {
	socket.Base
	ns   *Namespace // immutable
	kind stack.Kind // immutable
	uid  uint32     // of who made it; immutable

	queue wait.Queue
	ep    atomic.Pointer[stack.Endpoint] // replaced under mu
	err   atomic.Int32                   // SO_ERROR, a linux.Errno
	// device is SO_BINDTODEVICE, the number of an interface or 0.
	device atomic.Int32
	shut   atomic.Uint32 // noRead, noWrite
	near   atomic.Bool   // the peer is here: on loopback
	// sent is the most that the engine may have to send, or to send again.
	sent atomic.Int64

	// sendMu is held while a stream takes a guest's data: what it has copied and then
	// found no room for would be lost.
	sendMu lock.Mutex[lock.Sender]
	more   bool // data is held back by MSG_MORE; guarded by sendMu

	mu     lock.Mutex[lock.Socket]
	state  state       // guarded by mu
	bound  bool        // by bind(2); guarded by mu
	local  stack.Addr  // what it was bound to; guarded by mu
	remote stack.Addr  // the peer; guarded by mu
	dead   bool        // guarded by mu
	trying *time.Timer // that ends a connection under way, or nil; guarded by mu

	optMu  sync.Mutex       // a leaf
	opts   map[option]int32 // those that were set; guarded by optMu
	cc     string           // TCP_CONGESTION, "" for the default; guarded by optMu
	groups []stack.Group    // guarded by optMu

	// recvMu is taken with locks of the engine held. It guards what follows, and puts
	// what is taken out of the engine in order.
	recvMu sync.Mutex
	recvd  messages
	errs   []*stack.Error // the error queue; guarded by recvMu

	cork corked // guarded by sendMu
}

var _ socket.Socket = (*Socket)(nil)

// state is enum socket_state, and what listens.
type state uint8

const (
	idle state = iota
	connecting
	connected
	listening
)

// Directions that are closed.
const (
	noRead  = 1
	noWrite = 2
	none    = noRead | noWrite
)

const (
	readable = wait.In | wait.RdNorm
	writable = wait.Out | wait.WrNorm
)

func newSocket(ns *Namespace, k stack.Kind, domain, typ, protocol int, ep *stack.Endpoint) *Socket {
	s := &Socket{ns: ns, kind: k}
	s.Domain, s.Type, s.Protocol, s.ID = domain, typ, protocol, socket.NextID()
	s.recvd.limit.Store(int32(stack.Buffers.Default))
	s.ep.Store(ep)
	ep.Watch(s)
	return s
}

// stream reports whether s is TCP.
func (s *Socket) stream() bool { return s.kind == stack.TCP }

// Happened implements stack.Watcher.
func (s *Socket) Happened(m wait.Mask) {
	if !s.stream() {
		m = s.collect(m)
	} else if m&wait.Err != 0 {
		s.collectErrors(s.ep.Load())
	}
	if m&wait.In != 0 {
		m |= wait.RdHup | wait.RdNorm // it may be the end that has come
		s.ns.came()
	}
	if m&(wait.Err|wait.Hup) != 0 {
		m = wait.All
	}
	if m != 0 {
		s.queue.Notify(m)
	}
}

// pullErr makes the engine's error the socket's, which keeps the first. What a router
// says of a connection that goes on is no error of it (tcp_v4_err).
func (s *Socket) pullErr(ep *stack.Endpoint) {
	if s.err.Load() != 0 || s.stream() && ep.State() != linux.TCP_CLOSE {
		return
	}
	if e := ep.TakeError(); e != 0 {
		s.err.CompareAndSwap(0, int32(e))
	}
}

// takeErr returns and clears SO_ERROR (sock_error).
func (s *Socket) takeErr() linux.Errno { return linux.Errno(s.err.Swap(0)) }

// Ready implements vfs.FileOps.
func (s *Socket) Ready() wait.Mask {
	if s.stream() {
		return s.readyStream()
	}
	return s.readyMessages()
}

// readyStream is tcp_poll.
func (s *Socket) readyStream() wait.Mask {
	ep := s.ep.Load()
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	tcp := ep.State()
	if tcp == linux.TCP_LISTEN {
		if s.shut.Load()&noRead != 0 {
			return wait.Hup | wait.RdHup | readable | writable
		}
		if ep.Ready()&wait.In != 0 {
			return readable
		}
		return 0
	}
	if tcp == linux.TCP_CLOSE {
		s.pullErr(ep)
	}
	var m wait.Mask
	shut, unread := s.shutOf(tcp, st), ep.Unread()
	if now := ep.Ready(); shut&noRead == 0 && (now&wait.RdHup != 0 || now&wait.In != 0 && unread == 0) {
		// The end has come. Nobody is told once more.
		ep.Settle()
		tcp, unread = ep.State(), ep.Unread()
		shut = s.shutOf(tcp, st)
	}
	if shut == none || tcp == linux.TCP_CLOSE || tcp == linux.TCP_TIME_WAIT {
		m |= wait.Hup
	}
	if shut&noRead != 0 {
		m |= readable | wait.RdHup
	}
	if tcp != linux.TCP_SYN_SENT && tcp != linux.TCP_SYN_RECV {
		if n := unread; n > 0 && n >= int(min(s.RecvLowat.Load(), int32(ep.RecvBuffer()/2))) {
			m |= readable
		}
		if shut&noWrite != 0 || st == idle || ep.Ready()&wait.Out != 0 {
			m |= writable
		}
	}
	if s.err.Load() != 0 || s.hasErrors() {
		m |= wait.Err
	}
	return m
}

// shutOf is sk_shutdown: what was asked for, and what the peer did.
func (s *Socket) shutOf(tcp int, st state) uint32 {
	shut := s.shut.Load()
	switch tcp {
	case linux.TCP_CLOSE_WAIT, linux.TCP_LAST_ACK, linux.TCP_CLOSING:
		shut |= noRead
	case linux.TCP_TIME_WAIT:
		shut = none
	case linux.TCP_CLOSE:
		if st != idle {
			shut = none
		}
	}
	return shut
}

// Queue implements vfs.FileOps.
func (s *Socket) Queue() *wait.Queue { return &s.queue }

// Read implements vfs.FileOps.
func (s *Socket) Read(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	return s.Recv(c, b, &socket.Incoming{})
}

// Write implements vfs.FileOps.
func (s *Socket) Write(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	return s.Send(c, b, &socket.Outgoing{})
}

// Send implements socket.Socket.
func (s *Socket) Send(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing) (int64, error) {
	if s.stream() {
		return s.sendStream(b, m)
	}
	return s.sendMessage(c, b, m)
}

// Recv implements socket.Socket.
func (s *Socket) Recv(_ *vfs.Ctx, b *guest.Buf, m *socket.Incoming) (int64, error) {
	switch {
	case m.Flags&linux.MSG_ERRQUEUE != 0:
		return s.recvError(b, m)
	case s.stream():
		return s.recvStream(b, m)
	case m.Flags&linux.MSG_OOB != 0:
		return 0, linux.EOPNOTSUPP
	}
	return s.recvMessage(b, m)
}

// Release implements vfs.FileOps.
func (s *Socket) Release() {
	left := s.ns.remove(s)
	if s.stream() {
		s.ns.stack.Closed(left)
	}
	s.mu.Lock()
	s.dead = true
	s.triedLocked()
	ep := s.ep.Load()
	s.mu.Unlock()
	ep.Unwatch()
	s.linger(ep)
	s.uncork(ep)
	s.ns.pressure.orphan(s, ep)
	ep.Close()
	s.deliver()
	s.recvMu.Lock()
	s.recvd.clear()
	s.errs = nil
	s.recvMu.Unlock()
	s.queue.Notify(wait.All)
	if s.ns.Owner != nil {
		s.ns.Owner.Dec()
	}
}

// linger tells the engine of SO_LINGER. Only without a time does it matter: a file is
// closed without waiting.
func (s *Socket) linger(ep *stack.Endpoint) {
	if l := s.Linger(); l.OnOff != 0 {
		ep.SetLinger(true, time.Duration(max(l.Linger, 0))*time.Second)
	}
}

// renewLocked replaces the endpoint by a new one that is bound as the old one was and
// has its options: an engine's connection that failed cannot be used again, Linux's
// can.
func (s *Socket) renewLocked() {
	st, err := s.ns.Stack()
	if err != nil {
		return
	}
	ep, err := st.NewEndpoint(s.kind, s.Domain, s.Protocol)
	if err != nil {
		return
	}
	s.triedLocked()
	old := s.ep.Load()
	old.Unwatch()
	old.Abort()
	old.Close()
	s.apply(ep)
	if s.bound {
		// A port that was not asked for is another one (SOCK_BINDPORT_LOCK). One that
		// was may be taken now: then it is lost, as if by a race.
		s.bound = ep.Bind(s.local) == nil
	}
	ep.Watch(s)
	s.ep.Store(ep)
	s.state, s.remote = idle, stack.Addr{}
	s.shut.Store(0)
}

// rebind has the engine, which looks at SO_REUSEADDR and SO_REUSEPORT when it binds,
// look again: Linux does when another socket wants the port.
func (s *Socket) rebind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stream() || s.state != idle || !s.bound {
		return
	}
	asked := s.local
	s.local.Port = s.ep.Load().Local().Port
	s.renewLocked()
	s.local = asked
}
