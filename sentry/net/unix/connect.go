package unix

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// Bind implements socket.Socket (unix_bind).
func (s *Socket) Bind(c *vfs.Ctx, raw []byte) error {
	path, abstract, err := parse(raw)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.addr != nil || s.binding {
		s.mu.Unlock()
		if path != "" && exists(c, path) {
			return linux.EADDRINUSE
		}
		return linux.EINVAL
	}
	s.binding = true
	s.mu.Unlock()
	var a *addr
	var inode vfs.Inode
	if path != "" {
		if inode, err = create(c, path); err == nil {
			a = pathAddr(path)
			s.ns.bindInode(s, inode)
		}
	} else {
		a, err = s.ns.bindAbstract(s, abstract)
	}
	s.mu.Lock()
	s.binding = false
	if err == nil {
		s.addr, s.inode = a, inode
	}
	s.mu.Unlock()
	return err
}

// autobind gives a socket that passes credentials a name (unix_autobind).
func (s *Socket) autobind(c *vfs.Ctx) error {
	if !s.On(linux.SO_PASSCRED) {
		return nil
	}
	s.mu.Lock()
	named := s.addr != nil || s.binding
	s.mu.Unlock()
	if named {
		return nil
	}
	err := s.Bind(c, unnamed())
	if err == linux.EINVAL {
		err = nil // somebody else did
	}
	return err
}

// Listen implements socket.Socket (unix_listen).
func (s *Socket) Listen(c *vfs.Ctx, backlog int) error {
	if s.Type == linux.SOCK_DGRAM {
		return linux.EOPNOTSUPP
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == nil || s.state == connected {
		return linux.EINVAL
	}
	if backlog > s.backlog {
		defer s.room.Notify(wait.All)
	}
	s.backlog, s.state, s.peerCred = backlog, listening, credOf(c)
	return nil
}

// Connect implements socket.Socket.
func (s *Socket) Connect(c *vfs.Ctx, raw []byte) (*wait.Queue, error) {
	if s.Type == linux.SOCK_DGRAM {
		return nil, s.connectDatagram(c, raw)
	}
	return s.connectStream(c, raw)
}

// connectStream is unix_stream_connect.
func (s *Socket) connectStream(c *vfs.Ctx, raw []byte) (*wait.Queue, error) {
	if _, _, err := parse(raw); err != nil {
		return nil, err
	}
	if err := s.autobind(c); err != nil {
		return nil, err
	}
	l, err := s.ns.find(c, raw, s.Type)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	err = l.admitsLocked()
	cred, a := l.peerCred, l.addr
	l.mu.Unlock()
	if err == linux.EAGAIN {
		return &l.room, err
	}
	if err != nil {
		return nil, err
	}
	e, err := s.ns.create(s.Type, 0)
	if err != nil {
		return nil, err
	}
	e.state, e.addr, e.peerCred = connected, a, credOf(c)
	s.mu.Lock()
	if s.state != idle || s.dead {
		err = linux.EINVAL
		if s.state == connected {
			err = linux.EISCONN
		}
		s.mu.Unlock()
		return nil, err
	}
	s.state, s.peerCred, s.shutdown = connected, cred, 0
	s.tieLocked(e)
	s.mu.Unlock()
	e.tie(s)
	s.ns.await(e, l)

	l.mu.Lock()
	err = l.admitsLocked()
	if err == nil {
		l.waiting = append(l.waiting, e)
	}
	l.mu.Unlock()
	if err == nil {
		l.queue.Notify(readable)
		return nil, nil
	}
	// The listener was closed, or others were faster.
	s.mu.Lock()
	s.untieLocked()
	s.state = idle
	s.mu.Unlock()
	e.close(0)
	return &l.room, err
}

// admitsLocked says whether another connection may wait at s.
func (s *Socket) admitsLocked() error {
	switch {
	case s.dead || s.state != listening || s.shutdown&noRead != 0:
		return linux.ECONNREFUSED
	case len(s.waiting) > s.backlog:
		return linux.EAGAIN
	}
	return nil
}

// connectDatagram is unix_dgram_connect; AF_UNSPEC ends a connection.
func (s *Socket) connectDatagram(c *vfs.Ctx, raw []byte) error {
	if len(raw) < 2 {
		return linux.EINVAL
	}
	var to *Socket
	if binary.NativeEndian.Uint16(raw) != linux.AF_UNSPEC {
		if _, _, err := parse(raw); err != nil {
			return err
		}
		if err := s.autobind(c); err != nil {
			return err
		}
		var err error
		if to, err = s.ns.find(c, raw, s.Type); err != nil {
			return err
		}
		if !to.accepts(s) {
			return linux.EPERM
		}
	}
	s.mu.Lock()
	old := s.peer
	s.untieLocked()
	if to != nil && !s.dead {
		s.tieLocked(to)
	}
	var files []*vfs.File
	if old != nil && old != to {
		files = s.emptyOutLocked()
	}
	s.mu.Unlock()
	s.ns.drop(files)
	if old != nil && old != to {
		old.abandoned(s)
	}
	s.queue.Notify(wait.All)
	return nil
}

// accepts reports whether s takes datagrams of from (unix_may_send).
func (s *Socket) accepts(from *Socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer == nil || s.peer == from
}

// abandoned tells s that by, to which it is connected, has found another peer
// (unix_dgram_disconnected).
func (s *Socket) abandoned(by *Socket) {
	s.mu.Lock()
	hit := !s.dead && s.peer == by
	if hit {
		s.err = linux.ECONNRESET
	}
	s.mu.Unlock()
	if hit {
		s.queue.Notify(wait.All)
	}
}

// Accept implements socket.Socket (unix_accept).
func (s *Socket) Accept(*vfs.Ctx) (socket.Socket, error) {
	if s.Type == linux.SOCK_DGRAM {
		return nil, linux.EOPNOTSUPP
	}
	s.mu.Lock()
	if s.state != listening {
		s.mu.Unlock()
		return nil, linux.EINVAL
	}
	if len(s.waiting) == 0 {
		shut := s.shutdown&noRead != 0
		s.mu.Unlock()
		if shut {
			return nil, linux.EINVAL
		}
		return nil, linux.EAGAIN
	}
	e := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	s.mu.Unlock()
	e.Inherit(&s.Base, linux.SO_PASSCRED)
	s.ns.await(e, nil)
	s.room.Notify(wait.All)
	return e, nil
}

// Shutdown implements socket.Socket (unix_shutdown).
func (s *Socket) Shutdown(_ *vfs.Ctx, how int) error {
	mode := shutdown(how + 1)
	s.mu.Lock()
	s.shutdown |= mode
	peer := s.peer
	s.mu.Unlock()
	s.queue.Notify(wait.All)
	if peer == nil || s.Type == linux.SOCK_DGRAM {
		return nil
	}
	theirs := shutdown(0)
	if mode&noRead != 0 {
		theirs |= noWrite
	}
	if mode&noWrite != 0 {
		theirs |= noRead
	}
	peer.mu.Lock()
	peer.shutdown |= theirs
	peer.mu.Unlock()
	peer.queue.Notify(wait.All)
	return nil
}

// Name implements socket.Socket.
func (s *Socket) Name() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr.name(), nil
}

// Peer implements socket.Socket.
func (s *Socket) Peer() ([]byte, error) {
	s.mu.Lock()
	peer := s.peer
	s.mu.Unlock()
	if peer == nil {
		return nil, linux.ENOTCONN
	}
	return peer.Name()
}
