package netlink

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// A Socket implements socket.Socket.
type Socket struct {
	socket.Base
	ns    *Namespace // immutable
	queue wait.Queue

	// Sockets are looked at under mu when a dump goes on.
	mu     lock.Mutex[lock.Sender]
	id     uint32   // the port, 0 before there is one; guarded by mu
	groups uint32   // guarded by mu
	peer   uint32   // connect(2)'s; guarded by mu
	recvd  [][]byte // guarded by mu
	cost   int      // of recvd, in bytes; guarded by mu
	// more goes on with a dump: it returns the next piece, and whether there is another.
	// Guarded by mu.
	more   func() (piece []byte, again bool)
	err    linux.Errno // guarded by mu
	rcvbuf int         // guarded by mu
	sndbuf int         // guarded by mu
	opts   uint32      // 1<<NETLINK_*; guarded by mu
}

var _ socket.Socket = (*Socket)(nil)

const (
	defaultBuf = 212992
	// maxMessage is how much can be sent at once.
	maxMessage = 64 << 10
	// overhead is what a message costs beside its data.
	overhead = 704

	readable = wait.In | wait.RdNorm
)

// Ready implements vfs.FileOps.
func (s *Socket) Ready() wait.Mask {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := wait.Out | wait.WrNorm
	if len(s.recvd) > 0 || s.more != nil {
		m |= readable
	}
	if s.err != 0 {
		m |= wait.Err
	}
	return m
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

// Ioctl implements vfs.FileOps.
func (s *Socket) Ioctl(*vfs.Ctx, guest.Memory, uint32, uint64) (uintptr, error) {
	return 0, linux.ENOTTY
}

// Release implements vfs.FileOps.
func (s *Socket) Release() {
	s.mu.Lock()
	id := s.id
	s.recvd, s.more = nil, nil
	s.mu.Unlock()
	s.ns.release(s, id)
	s.queue.Notify(wait.All)
	if s.ns.owner != nil {
		s.ns.owner.Dec()
	}
}

// address reads a struct sockaddr_nl.
func address(raw []byte) (id, groups uint32, err error) {
	if len(raw) < linux.SizeOfSockaddrNl || binary.NativeEndian.Uint16(raw) != linux.AF_NETLINK {
		return 0, 0, linux.EINVAL
	}
	return binary.NativeEndian.Uint32(raw[4:]), binary.NativeEndian.Uint32(raw[8:]), nil
}

func sockaddr(id, groups uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, linux.AF_NETLINK)
	b = binary.NativeEndian.AppendUint32(b, id)
	return binary.NativeEndian.AppendUint32(b, groups)
}

// Bind implements socket.Socket (netlink_bind).
func (s *Socket) Bind(c *vfs.Ctx, raw []byte) error {
	id, groups, err := address(raw)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != 0 && id != s.id {
		if id != 0 {
			return linux.EINVAL
		}
	} else if s.id == 0 {
		if s.id, err = s.ns.claim(s, id, c.TGID); err != nil {
			return err
		}
	}
	s.groups = groups
	return nil
}

// Connect implements socket.Socket: it says whom Send means.
func (s *Socket) Connect(c *vfs.Ctx, raw []byte) (*wait.Queue, error) {
	if len(raw) >= 2 && binary.NativeEndian.Uint16(raw) == linux.AF_UNSPEC {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.peer = 0
		return nil, nil
	}
	id, _, err := address(raw)
	if err != nil {
		return nil, err
	}
	if err := s.autobind(c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer = id
	return nil, nil
}

func (s *Socket) autobind(c *vfs.Ctx) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == 0 {
		s.id, err = s.ns.claim(s, 0, c.TGID)
	}
	return err
}

// Listen implements socket.Socket.
func (s *Socket) Listen(*vfs.Ctx, int) error { return linux.EOPNOTSUPP }

// Accept implements socket.Socket.
func (s *Socket) Accept(*vfs.Ctx) (socket.Socket, error) { return nil, linux.EOPNOTSUPP }

// Shutdown implements socket.Socket.
func (s *Socket) Shutdown(*vfs.Ctx, int) error { return linux.EOPNOTSUPP }

// Name implements socket.Socket.
func (s *Socket) Name() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sockaddr(s.id, s.groups), nil
}

// Peer implements socket.Socket.
func (s *Socket) Peer() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sockaddr(s.peer, 0), nil
}

// Send implements socket.Socket (netlink_sendmsg): only the kernel listens.
func (s *Socket) Send(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing) (int64, error) {
	if m.Flags&linux.MSG_OOB != 0 {
		return 0, linux.EOPNOTSUPP
	}
	s.mu.Lock()
	to := s.peer
	s.mu.Unlock()
	if m.To != nil {
		id, groups, err := address(m.To)
		switch {
		case err != nil:
			return 0, err
		case groups != 0 && !c.Creds.Has(auth.CapNetAdmin):
			return 0, linux.EPERM
		}
		to = id
	}
	if err := s.autobind(c); err != nil {
		return 0, err
	}
	if to != 0 {
		return 0, linux.ECONNREFUSED
	}
	n := b.Len()
	if n > maxMessage {
		return 0, linux.EMSGSIZE
	}
	p := make([]byte, n)
	if _, err := b.CopyIn(p); err != nil {
		return 0, err
	}
	s.receive(c, p)
	return int64(n), nil
}

// Recv implements socket.Socket (netlink_recvmsg).
func (s *Socket) Recv(_ *vfs.Ctx, b *guest.Buf, m *socket.Incoming) (int64, error) {
	if m.Flags&linux.MSG_OOB != 0 {
		return 0, linux.EOPNOTSUPP
	}
	s.mu.Lock()
	if e := s.err; e != 0 {
		s.err = 0
		s.mu.Unlock()
		return 0, e
	}
	if len(s.recvd) == 0 && s.more != nil {
		s.goOnLocked()
	}
	if len(s.recvd) == 0 {
		s.mu.Unlock()
		return 0, linux.EAGAIN
	}
	p := s.recvd[0]
	if m.Flags&linux.MSG_PEEK == 0 {
		s.recvd = s.recvd[1:]
		s.cost -= len(p) + overhead
	}
	info := s.opts&(1<<linux.NETLINK_PKTINFO) != 0
	s.mu.Unlock()
	n, err := b.CopyOut(p)
	if err != nil {
		return 0, err
	}
	if m.Full = int64(len(p)); n < len(p) {
		m.Out |= linux.MSG_TRUNC
	}
	m.From = sockaddr(0, 0)
	if s.On(linux.SO_PASSCRED) {
		m.Control.Creds = new(linux.Ucred)
	}
	if info {
		m.Control.Others = []socket.Cmsg{{Level: linux.SOL_NETLINK, Type: linux.NETLINK_PKTINFO, Data: make([]byte, 4)}}
	}
	return int64(n), nil
}

// goOnLocked takes the next piece of a dump.
func (s *Socket) goOnLocked() {
	p, again := s.more()
	if s.putLocked(p); !again {
		s.more = nil
	}
}

// putLocked adds a message that was asked for, and its place was counted, or tells
// that one was lost.
func (s *Socket) putLocked(p []byte) {
	if s.cost > s.rcvbuf {
		if s.opts&(1<<linux.NETLINK_NO_ENOBUFS) == 0 {
			s.err = linux.ENOBUFS
		}
		return
	}
	s.recvd = append(s.recvd, p)
	s.cost += len(p) + overhead
}

// put is putLocked, and tells of it.
func (s *Socket) put(p []byte) {
	if s.Filter().Take(p) == 0 {
		return
	}
	s.mu.Lock()
	s.putLocked(p)
	s.mu.Unlock()
	s.queue.Notify(readable)
}

// flags are the options that are on or off.
const flags = 1<<linux.NETLINK_PKTINFO | 1<<linux.NETLINK_BROADCAST_ERROR | 1<<linux.NETLINK_NO_ENOBUFS |
	1<<linux.NETLINK_LISTEN_ALL_NSID | 1<<linux.NETLINK_CAP_ACK | 1<<linux.NETLINK_EXT_ACK | 1<<linux.NETLINK_GET_STRICT_CHK

// Option implements socket.Socket.
func (s *Socket) Option(_ *vfs.Ctx, level, name int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case level == linux.SOL_SOCKET && name == linux.SO_ERROR:
		e := s.err
		s.err = 0
		return socket.Int(int(e)), nil
	case level == linux.SOL_SOCKET && name == linux.SO_SNDBUF:
		return socket.Int(s.sndbuf), nil
	case level == linux.SOL_SOCKET && name == linux.SO_RCVBUF:
		return socket.Int(s.rcvbuf), nil
	case level == linux.SOL_SOCKET && name == linux.SO_ACCEPTCONN:
		return socket.Int(0), nil
	case level == linux.SOL_NETLINK && name == linux.NETLINK_LIST_MEMBERSHIPS:
		return socket.Int(int(s.groups)), nil
	case level == linux.SOL_NETLINK && name > 0 && name < 32 && flags>>name&1 != 0:
		return socket.Int(int(s.opts >> name & 1)), nil
	}
	return nil, linux.ENOPROTOOPT
}

// SetOption implements socket.Socket.
func (s *Socket) SetOption(c *vfs.Ctx, level, name int, value []byte) error {
	switch {
	case level == linux.SOL_SOCKET && name == linux.SO_ATTACH_FILTER:
		return s.AttachFilter(value)
	case level == linux.SOL_SOCKET && name == linux.SO_DETACH_FILTER:
		return s.DetachFilter(value)
	}
	v, err := socket.ParseInt(value)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	const most = 16 << 20
	size := min(max(v, 2304), most/2) * 2
	switch {
	case level == linux.SOL_SOCKET && (name == linux.SO_SNDBUFFORCE || name == linux.SO_RCVBUFFORCE) && !c.Creds.Has(auth.CapNetAdmin):
		return linux.EPERM
	case level == linux.SOL_SOCKET && name == linux.SO_SNDBUF:
		s.sndbuf = min(size, 2*defaultBuf)
	case level == linux.SOL_SOCKET && name == linux.SO_RCVBUF:
		s.rcvbuf = min(size, 2*defaultBuf)
	case level == linux.SOL_SOCKET && name == linux.SO_SNDBUFFORCE:
		s.sndbuf = size
	case level == linux.SOL_SOCKET && name == linux.SO_RCVBUFFORCE:
		s.rcvbuf = size
	case level == linux.SOL_NETLINK && (name == linux.NETLINK_ADD_MEMBERSHIP || name == linux.NETLINK_DROP_MEMBERSHIP):
		if v < 1 || v > 64 {
			return linux.EINVAL
		}
		if bit := uint32(1) << (v - 1); v <= 32 && name == linux.NETLINK_ADD_MEMBERSHIP {
			s.groups |= bit
		} else if v <= 32 {
			s.groups &^= bit
		}
	case level == linux.SOL_NETLINK && name > 0 && name < 32 && flags>>name&1 != 0:
		if s.opts &^= 1 << name; v != 0 {
			s.opts |= 1 << name
		}
	default:
		return linux.ENOPROTOOPT
	}
	return nil
}
