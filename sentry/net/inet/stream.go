package inet

import (
	"io"
	"runtime"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
)

// A source is guest memory that the engine takes data from.
type source struct {
	b   *guest.Buf
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.b.Len() == 0 {
		return 0, io.EOF
	}
	n, err := s.b.CopyIn(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// Len implements stack.Payload.
func (s *source) Len() int { return s.b.Len() }

// A sink is guest memory that the engine puts data into; or, for MSG_TRUNC, nothing.
type sink struct {
	b     *guest.Buf
	waste bool
	left  int
	err   error
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (n int, err error) {
	if s.waste {
		n = min(len(p), s.left)
	} else {
		if n, s.err = s.b.CopyOut(p); s.err != nil {
			return n, s.err
		}
	}
	s.left -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// sendStream is tcp_sendmsg.
func (s *Socket) sendStream(b *guest.Buf, m *socket.Outgoing) (int64, error) {
	// The engine has no urgent data: MSG_OOB is sent as to one who reads it in line.
	if m.Flags&linux.MSG_FASTOPEN != 0 {
		return 0, linux.EOPNOTSUPP
	}
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	ep := s.ep.Load()
	if ep.State() == linux.TCP_CLOSE {
		s.pullErr(ep)
	}
	switch e := s.takeErr(); {
	case e != 0:
		return 0, e
	case st == idle || st == listening || s.shut.Load()&noWrite != 0:
		return 0, linux.EPIPE
	}
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	more := m.Flags&linux.MSG_MORE != 0
	if more && !s.more {
		_ = ep.Set(stack.Cork, 1)
	}
	total := int64(0)
	for b.Len() > 0 {
		src := &source{b: b}
		n, err := ep.WriteStream(src)
		total += int64(n)
		s.sent.Add(int64(n))
		s.ns.took(n)
		switch {
		case src.err != nil:
			return total, src.err
		case err == linux.EPIPE:
			s.pullErr(ep)
			if e := s.takeErr(); e != 0 {
				err = e
			}
			return total, err
		case err != nil:
			return total, err
		case n == 0:
			return total, linux.EAGAIN
		}
	}
	if s.more && !more && !s.isSet(tcpCork) {
		_ = ep.Set(stack.Cork, 0)
	}
	s.more = more
	s.deliver()
	return total, nil
}

// uncork sends what is held back, for the end follows (tcp_send_fin): the engine would
// drop it.
func (s *Socket) uncork(ep *stack.Endpoint) {
	if s.stream() {
		_ = ep.Set(stack.Cork, 0)
	}
}

// deliver lets go first what the engine has sent to itself, which it takes in on another
// goroutine: Linux does so within the call, and programs rely on it.
func (s *Socket) deliver() {
	if s.near.Load() {
		runtime.Gosched()
	}
}

// recvStream is tcp_recvmsg.
func (s *Socket) recvStream(b *guest.Buf, m *socket.Incoming) (int64, error) {
	if m.Flags&linux.MSG_OOB != 0 {
		return 0, linux.EINVAL // the engine has no urgent data
	}
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	ep := s.ep.Load()
	tcp := ep.State()
	if st == idle || st == listening {
		if e := s.takeErr(); e != 0 {
			return 0, e
		}
		return 0, linux.ENOTCONN
	}
	// What was received before it failed comes first.
	if b.Len() == 0 && ep.Unread() > 0 {
		return 0, nil
	}
	if b.Len() > 0 {
		w := &sink{b: b, waste: m.Flags&linux.MSG_TRUNC != 0, left: b.Len()}
		n, err := ep.ReadStream(w, m.Flags&linux.MSG_PEEK != 0)
		switch {
		case n > 0:
			if w.waste {
				b.Limit(b.Len() - n)
			}
			s.describeStream(ep, m)
			return int64(n), nil
		case w.err != nil:
			return 0, w.err
		case err == linux.EAGAIN && s.shut.Load()&noRead == 0:
			if e := s.takeErr(); e != 0 {
				return 0, e
			}
			return 0, err
		case err != nil && err != linux.EAGAIN && err != linux.ENOTCONN:
			s.err.CompareAndSwap(0, int32(err.(linux.Errno)))
			_ = ep.TakeError() // the same, once more
		}
	}
	s.pullErr(ep)
	if e := s.takeErr(); e != 0 {
		return 0, e
	}
	if s.shutOf(tcp, st)&noRead == 0 && b.Len() == 0 {
		return 0, linux.EAGAIN
	}
	return 0, nil
}

// describeStream tells how much is left, if that is asked for (TCP_INQ).
func (s *Socket) describeStream(ep *stack.Endpoint, m *socket.Incoming) {
	if s.isSet(tcpInq) {
		m.Control.Others = append(m.Control.Others, socket.Cmsg{Level: linux.SOL_TCP, Type: linux.TCP_INQ, Data: socket.Int(ep.Unread())})
	}
}
