package unix

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// Recv implements socket.Socket.
func (s *Socket) Recv(_ *vfs.Ctx, b *guest.Buf, m *socket.Incoming) (int64, error) {
	urgent := m.Flags&linux.MSG_OOB != 0
	if urgent && s.Type != linux.SOCK_STREAM {
		return 0, linux.EOPNOTSUPP
	}
	s.mu.Lock()
	var n int64
	var lost []*vfs.File
	var err error
	switch {
	case s.Type == linux.SOCK_STREAM && s.state != connected:
		err = linux.EINVAL
	case s.Type == linux.SOCK_SEQPACKET && s.state != connected:
		err = linux.ENOTCONN
	case urgent:
		n, err = s.recvUrgentLocked(b, m)
	case len(s.received.pieces) == 0:
		err = s.emptyLocked()
	case s.Type == linux.SOCK_STREAM:
		n, err = s.recvStreamLocked(b, m)
	default:
		n, lost, err = s.recvMessageLocked(b, m)
	}
	roomy := s.roomyLocked()
	s.mu.Unlock()
	if lost != nil {
		s.ns.drop(lost)
	}
	if roomy && err == nil && m.Flags&linux.MSG_PEEK == 0 {
		s.room.Notify(wait.Out | wait.WrNorm | wait.WrBand)
	}
	return n, err
}

// emptyLocked is what reading says when there is nothing: nil is the end.
func (s *Socket) emptyLocked() error {
	if e := s.err; e != 0 {
		s.err = 0
		return e
	}
	if s.shutdown&noRead != 0 {
		return nil
	}
	return linux.EAGAIN
}

// roomyLocked reports whether senders should hear of room: not at each byte,
// lest a sender and its receiver wake each other for every one of them.
func (s *Socket) roomyLocked() bool {
	if s.peer == nil {
		return true
	}
	return s.received.cost*4 <= int(s.peer.sndbuf.Load())
}

// recvStreamLocked is unix_stream_read_generic: as much as there is, up to the
// end of what came with descriptors or, where credentials are asked for, of
// what one sender sent, or to the mark, if that is not where it begins.
func (s *Socket) recvStreamLocked(b *guest.Buf, m *socket.Incoming) (int64, error) {
	q := &s.received
	peek := m.Flags&linux.MSG_PEEK != 0
	var cred linux.Ucred
	pass, found := s.On(linux.SO_PASSCRED), false
	if b.Len() == 0 {
		s.describeLocked(&q.pieces[0], m)
		return 0, nil
	}
	total, at, i := 0, 0, 0
	for i < len(q.pieces) && b.Len() > 0 {
		p := &q.pieces[i]
		if found && p.mark {
			m.AtMark = true
			break
		}
		if s.passes(p) {
			if peek {
				at += p.n
				i++
			} else {
				q.pop()
			}
			continue
		}
		if !found {
			s.describeLocked(p, m)
			cred, found = p.cred, true
		} else if pass && p.cred != cred {
			break
		}
		n, err := q.get(b, at, min(p.n, b.Len()))
		total += n
		if err != nil {
			if total > 0 {
				err = nil
			}
			if n > 0 && !peek {
				q.take(n)
			}
			return int64(total), err
		}
		whole, carried := n == p.n, p.files != nil
		s.handOverLocked(p, m)
		switch {
		case peek:
			at += n
			i++
		case whole:
			q.take(n)
			q.pop()
		default:
			q.take(n)
		}
		if carried || !whole {
			break
		}
	}
	if !found {
		return 0, s.emptyLocked()
	}
	return int64(total), nil
}

// recvMessageLocked is unix_dgram_recvmsg: what of a message does not fit is
// lost, and all of it if it could not be copied. The caller drops lost once s is
// unlocked.
func (s *Socket) recvMessageLocked(b *guest.Buf, m *socket.Incoming) (n64 int64, lost []*vfs.File, err error) {
	q := &s.received
	p := &q.pieces[0]
	s.describeLocked(p, m)
	n, err := q.get(b, 0, min(p.n, b.Len()))
	if err != nil {
		n = 0
	} else {
		m.Full = int64(p.n)
		if n < p.n {
			m.Out |= linux.MSG_TRUNC
		}
		s.handOverLocked(p, m)
	}
	if m.Flags&linux.MSG_PEEK == 0 {
		user := p.user
		if lost = q.pop(); lost != nil {
			s.ns.land(s, lost, user)
		}
	}
	return int64(n), lost, err
}

// describeLocked tells who sent p.
func (s *Socket) describeLocked(p *piece, m *socket.Incoming) {
	if p.from != nil {
		m.From = p.from.raw
	}
	if s.On(linux.SO_PASSCRED) {
		cred := p.cred
		m.Control.Creds = &cred
	}
}

// handOverLocked gives the caller p's files: copies to one who peeks.
func (s *Socket) handOverLocked(p *piece, m *socket.Incoming) {
	if p.files == nil {
		return
	}
	if m.Flags&linux.MSG_PEEK != 0 {
		for _, f := range p.files {
			f.Inc()
		}
		m.Control.Files = append([]*vfs.File(nil), p.files...)
		return
	}
	s.ns.land(s, p.files, p.user)
	m.Control.Files, p.files = p.files, nil
}
