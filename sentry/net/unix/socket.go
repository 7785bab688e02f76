package unix

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// A Socket implements socket.Socket.
type Socket struct {
	socket.Base
	ns *Namespace // immutable

	queue wait.Queue // for those who wait for this socket
	room  wait.Queue // for those who wait for room in what it has received

	sndbuf, rcvbuf atomic.Int32

	mu       lock.Mutex[lock.Socket]
	state    state       // guarded by mu
	binding  bool        // a bind(2) is under way; guarded by mu
	addr     *addr       // nil until bound; guarded by mu
	inode    vfs.Inode   // what bind(2) made; guarded by mu
	peer     *Socket     // guarded by mu
	peerCred linux.Ucred // SO_PEERCRED; guarded by mu
	relay    *wait.Entry // on the peer's room; guarded by mu
	shutdown shutdown    // guarded by mu
	dead     bool        // closed; guarded by mu
	err      linux.Errno // SO_ERROR; guarded by mu
	received queue       // guarded by mu
	tell     func()      // of urgent data; guarded by mu

	backlog int       // of a listener; guarded by mu
	waiting []*Socket // connections not accepted yet; guarded by mu
	// listener has this one among its waiting; guarded by ns.flightMu.
	listener *Socket
}

var _ socket.Socket = (*Socket)(nil)

type state uint8

const (
	idle state = iota
	listening
	connected // but for datagrams, which only have a peer or none
)

// shutdown is the directions that are closed.
type shutdown uint8

const (
	noRead shutdown = 1 << iota
	noWrite
	noneLeft = noRead | noWrite
)

// Buffer sizes in bytes (net.core.wmem_default, wmem_max, SOCK_MIN_SNDBUF). The
// highest is what even the privileged may have of the Sentry's memory.
const (
	defaultBuf = 212992
	maxBuf     = 212992
	minSndBuf  = 4608
	minRcvBuf  = 2304
	highestBuf = 16 << 20
)

const (
	readable = wait.In | wait.RdNorm
	writable = wait.Out | wait.WrNorm | wait.WrBand
)

func newSocket(ns *Namespace, typ int) *Socket {
	s := &Socket{ns: ns}
	s.Domain, s.Type, s.ID = linux.AF_UNIX, typ, socket.NextID()
	s.sndbuf.Store(defaultBuf)
	s.rcvbuf.Store(defaultBuf)
	ns.mu.Lock()
	ns.all[s] = struct{}{}
	ns.mu.Unlock()
	return s
}

// kind returns what s transfers.
func (s *Socket) kind() kind {
	if s.Type == linux.SOCK_STREAM {
		return bytes
	}
	return message
}

// tieLocked makes s hear of room at peer; s.mu is held.
func (s *Socket) tieLocked(peer *Socket) {
	s.peer = peer
	s.relay = &wait.Entry{Mask: wait.All, Notify: func(m wait.Mask) { s.queue.Notify(m) }}
	peer.room.Register(s.relay)
}

// untieLocked ends that; s.mu is held.
func (s *Socket) untieLocked() {
	if s.relay != nil {
		s.peer.room.Unregister(s.relay)
		s.relay = nil
	}
	s.peer = nil
}

// tie is tieLocked for a socket that nobody else knows yet.
func (s *Socket) tie(peer *Socket) {
	s.mu.Lock()
	s.tieLocked(peer)
	s.mu.Unlock()
}

// Ready implements vfs.FileOps (unix_poll, unix_dgram_poll).
func (s *Socket) Ready() wait.Mask {
	s.mu.Lock()
	var m wait.Mask
	if s.err != 0 {
		m |= wait.Err
	}
	if s.shutdown == noneLeft {
		m |= wait.Hup
	}
	if s.shutdown&noRead != 0 {
		m |= wait.RdHup | readable
	}
	if len(s.received.pieces) > 0 || len(s.waiting) > 0 {
		m |= readable
	}
	if s.received.urgent {
		m |= wait.Pri
	}
	if s.Type != linux.SOCK_DGRAM && s.state == idle {
		m |= wait.Hup
	}
	peer, listens := s.peer, s.state == listening
	s.mu.Unlock()
	if !listens && (peer == nil || peer.takes(s)) {
		m |= writable
	}
	return m
}

// takes reports whether from should be told that it can send to s: there is
// room for more than a little (unix_writable).
func (s *Socket) takes(from *Socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind() == message && s.peer != from {
		return len(s.received.pieces) <= maxQueued
	}
	return s.received.cost*4 <= int(from.sndbuf.Load())
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

// Ioctl implements vfs.FileOps (unix_ioctl).
func (s *Socket) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	var n int32
	switch cmd {
	case linux.SIOCINQ:
		s.mu.Lock()
		if s.state == listening {
			s.mu.Unlock()
			return 0, linux.EINVAL
		}
		n = int32(s.received.bytes.Len() - s.received.lost)
		if s.Type == linux.SOCK_DGRAM && len(s.received.pieces) > 0 {
			n = int32(s.received.pieces[0].n)
		}
		s.mu.Unlock()
	case linux.SIOCOUTQ:
		s.mu.Lock()
		peer := s.peer
		s.mu.Unlock()
		if peer != nil {
			peer.mu.Lock()
			n = int32(peer.received.cost)
			peer.mu.Unlock()
		}
	case linux.SIOCATMARK:
		if s.Type != linux.SOCK_STREAM {
			return 0, linux.EOPNOTSUPP
		}
		s.mu.Lock()
		if s.atMarkLocked() {
			n = 1
		}
		s.mu.Unlock()
	default:
		if s.ns.netdevice != nil {
			return s.ns.netdevice(c, mem, cmd, guest.Addr(arg))
		}
		return 0, linux.ENOTTY
	}
	_, err := mem.CopyOut(guest.Addr(arg), linux.Bytes(&n))
	return 0, err
}

// Release implements vfs.FileOps.
func (s *Socket) Release() { s.close(0) }

// close ends s (unix_release_sock). why is what the peer reads besides the end,
// ECONNRESET for a connection that was never accepted.
func (s *Socket) close(why linux.Errno) {
	s.mu.Lock()
	s.dead, s.shutdown, s.state = true, noneLeft, idle
	peer, waiting, a, inode := s.peer, s.waiting, s.addr, s.inode
	s.untieLocked()
	if len(s.received.pieces) > 0 {
		why = linux.ECONNRESET
	}
	s.waiting, s.inode = nil, nil
	files := s.emptyOutLocked()
	s.mu.Unlock()
	s.ns.drop(files)
	s.ns.mu.Lock()
	delete(s.ns.all, s)
	s.ns.mu.Unlock()

	if a != nil {
		s.ns.unbind(s, a, inode)
	}
	if peer != nil && s.Type != linux.SOCK_DGRAM {
		peer.mu.Lock()
		if peer.peer == s {
			peer.shutdown = noneLeft
			if why != 0 {
				peer.err = why
			}
		}
		peer.mu.Unlock()
		peer.queue.Notify(wait.All)
	}
	for _, w := range waiting {
		w.close(linux.ECONNRESET)
	}
	s.room.Notify(wait.All)
	s.queue.Notify(wait.All)
	s.ns.closed()
}

// emptyOutLocked throws away what s has received; the files in it are the
// caller's to drop once s is unlocked.
func (s *Socket) emptyOutLocked() (files []*vfs.File) {
	for len(s.received.pieces) > 0 {
		user := s.received.pieces[0].user
		if f := s.received.pop(); f != nil {
			s.ns.land(s, f, user)
			files = append(files, f...)
		}
	}
	s.received.empty(0)
	s.received = queue{}
	return files
}

// takeErr returns and clears SO_ERROR.
func (s *Socket) takeErr() linux.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.err
	s.err = 0
	return e
}
