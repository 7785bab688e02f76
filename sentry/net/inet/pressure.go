package inet

import (
	"sync"
	"sync/atomic"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// A pressure keeps what all sockets of a namespace hold in their buffers below a limit
// (tcp(7), tcp_mem; udp(7), udp_mem), which the engine does not have. When there may be
// more, it looks: buffers become as small as what is in them, so that senders wait and
// windows close, until there is less (tcp_moderate_sndbuf, tcp_clamp_window). The zero
// value has no limit.
type pressure struct {
	limit atomic.Int64 // bytes, 0 for none
	flow  atomic.Int64 // what may have come since the last look, in bytes
	room  atomic.Int64 // how much may come until the next
	on    atomic.Bool
	last  atomic.Int64 // when the last look ended, UnixNano
	pause atomic.Int64 // how long after that there is none, in ns

	mu     sync.Mutex         // held while it looks
	shrunk map[*Socket]shrunk // nil while no buffers are small
	later  bool               // another look is due

	// orphans are connections that nobody has any more, with what they may still have
	// to send.
	orphanMu sync.Mutex // a leaf but for the engine
	orphans  map[*stack.Endpoint]int64
	sweep    int // clear away those that ended when there are so many
}

// shrunk is how large a socket's buffers were.
type shrunk struct {
	ep         *stack.Endpoint
	send, recv int
}

const (
	// leastBuf is what each may have all the same: there is progress.
	leastBuf = 16 << 10
	// memoryShare is what part of the memory sockets may hold: three sixteenths, as
	// tcp_mem.
	memoryShare, memoryWhole = 3, 16
	leastMemory              = 32 << 20
	// maxArrival is the most that one event tells of (GSO, GRO).
	maxArrival = 64 << 10
	// lookAgain is when to see whether there is less, while buffers are small.
	lookAgain = 100 * time.Millisecond
)

// SetMemory says how much memory there is, of which sockets may hold a share.
func (ns *Namespace) SetMemory(total uint64) {
	ns.pressure.limit.Store(int64(max(total/memoryWhole*memoryShare, leastMemory)))
}

// Inherit gives ns a part of what the sockets of another namespace may hold: guests make
// many.
func (ns *Namespace) Inherit(from *Namespace) {
	const part = 8
	if limit := from.pressure.limit.Load(); limit != 0 {
		ns.pressure.limit.Store(max(limit/part, leastMemory/part))
	}
}

// took is told of bytes that a sender put into a buffer, and looks itself: so nobody is
// faster.
func (ns *Namespace) took(n int) {
	p := &ns.pressure
	if limit := p.limit.Load(); limit != 0 && p.flow.Add(int64(n)) >= p.room.Load() && p.mu.TryLock() {
		defer p.mu.Unlock()
		ns.lookLocked(limit)
	}
}

// came is told that something was received, with locks of the engine held. The look comes
// a little later, and costs a tenth of the time at most.
func (ns *Namespace) came() {
	p := &ns.pressure
	limit := p.limit.Load()
	if limit == 0 || p.flow.Add(maxArrival) < p.room.Load() || time.Now().UnixNano() < p.last.Load()+p.pause.Load() || !p.mu.TryLock() {
		return
	}
	go func() { // it ends by itself
		defer p.mu.Unlock()
		ns.lookLocked(limit)
	}()
}

// lookLocked counts, and shrinks or restores.
func (ns *Namespace) lookLocked(limit int64) {
	p := &ns.pressure
	start := time.Now()
	p.flow.Store(0)
	all := ns.Sockets()
	held := p.orphaned()
	for _, s := range all {
		held += int64(s.held())
	}
	if held > limit {
		p.abandon()
		if p.shrunk == nil {
			p.shrunk = map[*Socket]shrunk{}
		}
	}
	if p.shrunk != nil {
		held = 0
		for _, s := range all {
			held += int64(p.moderate(s))
		}
		p.on.Store(held > limit || p.on.Load() && held > limit/4*3)
	}
	if !p.on.Load() && held < limit/2 {
		p.restore()
	}
	now := time.Now()
	p.room.Store(max((limit-held)/2, limit/16))
	p.last.Store(now.UnixNano())
	p.pause.Store(int64(10 * now.Sub(start)))
	if p.shrunk != nil && !p.later {
		// Nobody may send any more, so that nothing flows.
		p.later = true
		time.AfterFunc(lookAgain+10*now.Sub(start), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.later = false
			if p.shrunk != nil {
				ns.lookLocked(p.limit.Load())
			}
		})
	}
}

// held is the most that s may have in its buffers.
func (s *Socket) held() int {
	if !s.stream() {
		s.recvMu.Lock()
		defer s.recvMu.Unlock()
		return s.recvd.cost
	}
	ep := s.ep.Load()
	return ep.Unread() + int(min(s.sent.Load(), int64(ep.SendBuffer())))
}

// moderate makes the buffers of s as small as what they hold, and returns how much that
// is.
func (p *pressure) moderate(s *Socket) int {
	n := s.held()
	if !s.stream() {
		return n
	}
	ep := s.ep.Load()
	if was, ok := p.shrunk[s]; !ok || was.ep != ep {
		p.shrunk[s] = shrunk{ep, ep.SendBuffer(), ep.RecvBuffer()}
	}
	sent := min(s.sent.Load(), int64(ep.SendBuffer()))
	for sent > leastBuf {
		// The engine does not tell how much is not acknowledged, but whether there
		// is room.
		_ = ep.Set(stack.SendBuffer, int(sent/2)) // it cannot fail
		if ep.Ready()&writable == 0 {
			break
		}
		sent /= 2
	}
	_ = ep.Set(stack.SendBuffer, max(int(sent), leastBuf))
	s.sent.Store(sent)
	unread := ep.Unread()
	_ = ep.Set(stack.RecvBuffer, max(unread, leastBuf))
	return unread + int(sent)
}

// restore gives buffers their sizes back.
func (p *pressure) restore() {
	for s, was := range p.shrunk {
		if s.ep.Load() == was.ep {
			_ = was.ep.Set(stack.SendBuffer, was.send)
			_ = was.ep.Set(stack.RecvBuffer, was.recv)
		}
	}
	p.shrunk = nil
}

// orphan is told of a connection that is given up while it has something to send.
func (p *pressure) orphan(s *Socket, ep *stack.Endpoint) {
	sent := min(s.sent.Load(), int64(ep.SendBuffer()))
	if p.limit.Load() == 0 || sent <= leastBuf {
		return
	}
	if s.shut.Load()&noWrite == 0 {
		_ = ep.Set(stack.SendBuffer, leastBuf)
		if ep.Ready()&writable != 0 {
			return
		}
	}
	p.orphanMu.Lock()
	defer p.orphanMu.Unlock()
	if p.orphans == nil {
		p.orphans = map[*stack.Endpoint]int64{}
	}
	p.orphans[ep] = sent
	if len(p.orphans) > p.sweep {
		p.sweepLocked()
		p.sweep = max(2*len(p.orphans), 64)
	}
}

// sweepLocked forgets those that have ended, or wait for no acknowledgement of data.
func (p *pressure) sweepLocked() (held int64) {
	for ep, n := range p.orphans {
		switch ep.State() {
		case linux.TCP_CLOSE, linux.TCP_TIME_WAIT, linux.TCP_FIN_WAIT2:
			delete(p.orphans, ep)
		default:
			held += n
		}
	}
	return held
}

// orphaned is what orphans may hold.
func (p *pressure) orphaned() int64 {
	p.orphanMu.Lock()
	defer p.orphanMu.Unlock()
	return p.sweepLocked()
}

// abandon resets them (tcp_out_of_resources).
func (p *pressure) abandon() {
	p.orphanMu.Lock()
	all := p.orphans
	p.orphans = nil
	p.orphanMu.Unlock()
	for ep := range all {
		ep.Abort()
	}
}
