package unix

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// maxQueued is how many datagrams wait at a socket that is not connected to
// their sender (net.unix.max_dgram_qlen).
const maxQueued = 10

// Send implements socket.Socket.
func (s *Socket) Send(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing) (int64, error) {
	if m.Flags&linux.MSG_OOB != 0 && (s.Type != linux.SOCK_STREAM || b.Len() == 0) {
		return 0, linux.EOPNOTSUPP
	}
	cred, err := sentCred(c, m.Control.Creds)
	if err != nil {
		return 0, err
	}
	if s.Type == linux.SOCK_STREAM {
		return s.sendStream(c, b, m, cred)
	}
	return s.sendMessage(c, b, m, cred)
}

// sendStream is unix_stream_sendmsg.
func (s *Socket) sendStream(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing, cred linux.Ucred) (int64, error) {
	s.mu.Lock()
	peer, a, st, shut := s.peer, s.addr, s.state, s.shutdown
	s.mu.Unlock()
	switch {
	case m.To != nil && st == connected:
		return 0, linux.EISCONN
	case m.To != nil:
		return 0, linux.EOPNOTSUPP
	case peer == nil:
		return 0, linux.ENOTCONN
	case shut&noWrite != 0:
		return 0, linux.EPIPE
	case b.Len() == 0:
		return 0, nil
	}
	want, urgent := b.Len(), 0
	if m.Flags&linux.MSG_OOB != 0 {
		urgent = 1
	}
	peer.mu.Lock()
	if peer.dead || peer.shutdown&noRead != 0 {
		peer.mu.Unlock()
		return 0, linux.EPIPE
	}
	room := int(s.sndbuf.Load()) - peer.received.cost
	if room <= 0 {
		peer.mu.Unlock()
		return 0, linux.EAGAIN
	}
	p := piece{cred: cred, from: a, heap: c.Heap}
	n, err := 0, error(nil)
	if want > urgent {
		n, err = peer.putLocked(c, b, min(want-urgent, room), p, m)
	}
	var tell func()
	if b.Len() == urgent && urgent > 0 && err == nil {
		if urgent, err = peer.received.putUrgent(b, p); urgent > 0 {
			tell = peer.tell
		}
		n += urgent
	}
	peer.mu.Unlock()
	if n > 0 {
		peer.queue.Notify(readable | wait.Pri)
	}
	if tell != nil {
		tell()
	}
	if err == nil && n < want {
		err = linux.EAGAIN
	}
	return int64(n), err
}

// sendMessage is unix_dgram_sendmsg, which sequenced packets use too.
func (s *Socket) sendMessage(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing, cred linux.Ucred) (int64, error) {
	packet := s.Type == linux.SOCK_SEQPACKET
	s.mu.Lock()
	to, st, shut, e := s.peer, s.state, s.shutdown, s.err
	s.err = 0
	s.mu.Unlock()
	switch {
	case packet && e != 0:
		return 0, e
	case packet && st != connected:
		return 0, linux.ENOTCONN
	case m.To != nil && !packet:
		var err error
		if to, err = s.ns.find(c, m.To, s.Type); err != nil {
			return 0, err
		}
	case to == nil:
		return 0, linux.ENOTCONN
	}
	if err := s.autobind(c); err != nil {
		return 0, err
	}
	n := b.Len()
	if n > int(s.sndbuf.Load())-32 {
		return 0, linux.EMSGSIZE
	}
	if shut&noWrite != 0 {
		return 0, linux.EPIPE
	}
	s.mu.Lock()
	p, tied := piece{cred: cred, from: s.addr, heap: c.Heap}, s.peer == to
	s.mu.Unlock()

	to.mu.Lock()
	err := to.admitsMessageLocked(s)
	if err == nil {
		_, err = to.putLocked(c, b, n, p, m)
	}
	to.mu.Unlock()
	switch {
	case err == nil:
		to.queue.Notify(readable)
		return int64(n), nil
	case err == linux.EAGAIN && !tied:
		m.Wait = &to.room
	case err == linux.ECONNREFUSED && tied:
		s.forget(to)
	}
	return 0, err
}

// admitsMessageLocked says whether a message of from may be put into s.
func (s *Socket) admitsMessageLocked(from *Socket) error {
	mutual := s.peer == from || s == from
	switch {
	case s.peer != nil && s.peer != from:
		return linux.EPERM
	case s.dead && s.Type == linux.SOCK_DGRAM:
		return linux.ECONNREFUSED
	case s.dead, s.shutdown&noRead != 0:
		return linux.EPIPE
	case !mutual && len(s.received.pieces) > maxQueued,
		s.received.cost >= int(from.sndbuf.Load()):
		return linux.EAGAIN
	}
	return nil
}

// putLocked puts n bytes of b into s as p, with m's files.
func (s *Socket) putLocked(c *vfs.Ctx, b *guest.Buf, n int, p piece, m *socket.Outgoing) (int, error) {
	files := m.Control.Files
	if len(files) == 0 {
		return s.received.put(b, n, p, s.kind())
	}
	p.files, p.user = files, c.Creds.UID
	if err := s.ns.launch(s, files, p.user, m.Control.MaxInFlight); err != nil {
		return 0, err
	}
	n, err := s.received.put(b, n, p, s.kind())
	if err != nil {
		s.ns.land(s, files, p.user)
		return n, err
	}
	m.Control.Files = nil
	return n, nil
}

// forget ends the connection to a datagram socket that was closed.
func (s *Socket) forget(peer *Socket) {
	s.mu.Lock()
	var files []*vfs.File
	if s.peer == peer {
		s.untieLocked()
		files = s.emptyOutLocked()
	}
	s.mu.Unlock()
	s.ns.drop(files)
}
