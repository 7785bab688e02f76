package packet

import (
	"encoding/binary"
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
	ns    *Namespace // immutable
	uid   uint32     // of who made it; immutable
	queue wait.Queue
	err   atomic.Int32 // SO_ERROR

	mu    lock.Mutex[lock.Socket]
	tap   *stack.Tap // nil for no protocol; guarded by mu
	nic   int32      // 0 for any; guarded by mu
	proto uint16     // guarded by mu
	bound bool       // guarded by mu
	dead  bool       // guarded by mu

	aux            atomic.Bool // PACKET_AUXDATA
	ignoreOutgoing atomic.Bool // PACKET_IGNORE_OUTGOING

	// recvMu is taken with locks of the engine held. It guards what follows.
	recvMu  sync.Mutex
	recvd   []*received
	cost    int
	limit   int // SO_RCVBUF
	sndbuf  int // SO_SNDBUF, 0 for the default
	packets uint32
	drops   uint32
	ring    *ring // nil for none
	version int   // PACKET_VERSION
	reserve int   // PACKET_RESERVE
}

var _ socket.Socket = (*Socket)(nil)

// received is a packet that nobody has read.
type received struct {
	stack.Packet
	at   time.Time
	data []byte // what is read: of the frame, or of what is in it
}

// overhead is what a packet costs beside its data (SKB_TRUESIZE).
const overhead = 704

// cost is what r takes of SO_RCVBUF: all of the frame is kept, however little a filter left.
func (r *received) cost() int { return len(r.Frame) + overhead }

const (
	readable = wait.In | wait.RdNorm
	writable = wait.Out | wait.WrNorm
)

// listen takes the packets of an interface and protocol from now on.
func (s *Socket) listen(nic int32, proto uint16) error {
	st, err := s.ns.net.Stack()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return linux.EBADF
	}
	if s.tap != nil {
		s.tap.Close()
		s.tap = nil
	}
	s.nic, s.proto = nic, proto
	if proto == 0 {
		return nil
	}
	s.tap, err = st.Tap(nic, proto, s.take)
	return err
}

// take is packet_rcv.
func (s *Socket) take(p *stack.Packet) {
	if p.Type == linux.PACKET_OUTGOING && s.ignoreOutgoing.Load() {
		return
	}
	data := p.Frame
	if s.Type == linux.SOCK_DGRAM {
		data = p.Frame[p.Header:]
	}
	n := s.Filter().Take(data)
	if n == 0 {
		return
	}
	r := &received{*p, time.Now(), data}
	s.recvMu.Lock()
	ok := s.keepLocked(r, n)
	s.recvMu.Unlock()
	if ok {
		s.queue.Notify(readable)
	}
}

func (s *Socket) keepLocked(r *received, n int) bool {
	s.packets++
	if s.ring != nil {
		if s.ring.put(r, n, s.Type) {
			return true
		}
		s.drops++
		return false
	}
	if s.cost >= s.limit {
		s.drops++
		return false
	}
	r.data = r.data[:n]
	s.recvd = append(s.recvd, r)
	s.cost += r.cost()
	return true
}

// Ready implements vfs.FileOps.
func (s *Socket) Ready() wait.Mask {
	m := writable
	s.recvMu.Lock()
	if len(s.recvd) > 0 || s.ring != nil && s.ring.ready() {
		m |= readable
	}
	s.recvMu.Unlock()
	if s.err.Load() != 0 {
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
func (s *Socket) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	n := int32(0)
	switch cmd {
	case linux.SIOCINQ:
		s.recvMu.Lock()
		if len(s.recvd) > 0 {
			n = int32(len(s.recvd[0].data))
		}
		s.recvMu.Unlock()
	case linux.SIOCOUTQ:
	default:
		return s.ns.net.Netdevice(c, mem, cmd, guest.Addr(arg))
	}
	_, err := mem.CopyOut(guest.Addr(arg), linux.Bytes(&n))
	return 0, err
}

// Release implements vfs.FileOps.
func (s *Socket) Release() {
	s.mu.Lock()
	tap := s.tap
	s.tap, s.dead = nil, true
	s.mu.Unlock()
	if tap != nil {
		tap.Close()
	}
	s.recvMu.Lock()
	s.recvd, s.cost = nil, 0
	ring := s.ring
	s.ring = nil
	s.recvMu.Unlock()
	if ring != nil {
		ring.file.Dec()
	}
	s.ns.mu.Lock()
	delete(s.ns.sockets, s)
	s.ns.mu.Unlock()
	s.queue.Notify(wait.All)
	s.ns.owner.Dec()
}

// Bind implements socket.Socket (packet_bind).
func (s *Socket) Bind(_ *vfs.Ctx, raw []byte) error {
	if len(raw) < linux.SizeOfSockaddrLl || binary.NativeEndian.Uint16(raw) != linux.AF_PACKET {
		return linux.EINVAL
	}
	a := parse(raw)
	st, err := s.ns.net.Stack()
	if err != nil {
		return err
	}
	if a.nic != 0 {
		n, ok := st.NIC(a.nic)
		if !ok {
			return linux.ENODEV
		}
		if n.Flags&linux.IFF_UP == 0 {
			s.err.Store(int32(linux.ENETDOWN))
		}
	}
	if a.proto == 0 {
		s.mu.Lock()
		a.proto = s.proto
		s.mu.Unlock()
	}
	if err := s.listen(a.nic, a.proto); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound = true
	return nil
}

// Connect, Listen, Accept and Shutdown implement socket.Socket.
func (s *Socket) Connect(*vfs.Ctx, []byte) (*wait.Queue, error) { return nil, linux.EOPNOTSUPP }
func (s *Socket) Listen(*vfs.Ctx, int) error                    { return linux.EOPNOTSUPP }
func (s *Socket) Accept(*vfs.Ctx) (socket.Socket, error)        { return nil, linux.EOPNOTSUPP }
func (s *Socket) Shutdown(*vfs.Ctx, int) error                  { return linux.EOPNOTSUPP }

// Name implements socket.Socket (packet_getname).
func (s *Socket) Name() ([]byte, error) {
	const fixed = 12
	st, err := s.ns.net.Stack()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	nic, proto := s.nic, s.proto
	s.mu.Unlock()
	n, ok := st.NIC(nic)
	if !ok {
		return sockaddr(proto, nic, 0, 0, nil)[:fixed], nil
	}
	return sockaddr(proto, nic, n.HardwareType, 0, n.LinkAddr)[:fixed+len(n.LinkAddr)], nil
}

// Peer implements socket.Socket.
func (s *Socket) Peer() ([]byte, error) { return nil, linux.EOPNOTSUPP }

// maxPacket is the longest that an interface takes, with its header.
const maxPacket = 65536 + 18

// Send implements socket.Socket (packet_snd).
func (s *Socket) Send(_ *vfs.Ctx, b *guest.Buf, m *socket.Outgoing) (int64, error) {
	s.mu.Lock()
	to := address{proto: s.proto, nic: s.nic}
	s.mu.Unlock()
	if m.To != nil {
		if len(m.To) < linux.SizeOfSockaddrLl {
			return 0, linux.EINVAL
		}
		to = parse(m.To)
	}
	if e := linux.Errno(s.err.Swap(0)); e != 0 {
		return 0, e
	}
	st, err := s.ns.net.Stack()
	switch {
	case err != nil:
		return 0, err
	case to.nic == 0 || !st.HasNIC(to.nic):
		return 0, linux.ENXIO
	case b.Len() > maxPacket:
		return 0, linux.EMSGSIZE
	}
	if s.Type == linux.SOCK_RAW {
		to.addr = nil
	} else if to.addr == nil {
		to.addr = make([]byte, 6)
	}
	data := make([]byte, b.Len())
	n, err := b.CopyIn(data)
	if err != nil {
		return 0, err
	}
	if err := st.Inject(to.nic, to.proto, to.addr, data); err != nil {
		return 0, err
	}
	return int64(n), nil
}

// Recv implements socket.Socket (packet_recvmsg).
func (s *Socket) Recv(_ *vfs.Ctx, b *guest.Buf, m *socket.Incoming) (int64, error) {
	const known = linux.MSG_PEEK | linux.MSG_DONTWAIT | linux.MSG_TRUNC | linux.MSG_CMSG_COMPAT | linux.MSG_ERRQUEUE
	if m.Flags&^known != 0 {
		return 0, linux.EINVAL
	}
	if m.Flags&linux.MSG_ERRQUEUE != 0 {
		return 0, linux.EAGAIN
	}
	if e := linux.Errno(s.err.Swap(0)); e != 0 {
		return 0, e
	}
	s.recvMu.Lock()
	if len(s.recvd) == 0 {
		s.recvMu.Unlock()
		return 0, linux.EAGAIN
	}
	r := s.recvd[0]
	if m.Flags&linux.MSG_PEEK == 0 {
		s.recvd[0] = nil
		s.recvd = s.recvd[1:]
		s.cost -= r.cost()
	}
	s.recvMu.Unlock()
	n, err := b.CopyOut(r.data)
	if err != nil {
		return 0, err
	}
	if m.Full = int64(len(r.data)); n < len(r.data) {
		m.Out |= linux.MSG_TRUNC
	}
	m.From = sockaddr(r.Proto, r.NIC, r.HardwareType, r.Type, r.From())
	s.describe(r, m)
	return int64(n), nil
}

// describe adds the control messages that were asked for.
func (s *Socket) describe(r *received, m *socket.Incoming) {
	if s.On(linux.SO_TIMESTAMP) {
		tv := linux.Timeval{Sec: r.at.Unix(), Usec: int64(r.at.Nanosecond() / 1000)}
		m.Control.Others = append(m.Control.Others, socket.Cmsg{Level: linux.SOL_SOCKET, Type: linux.SO_TIMESTAMP, Data: append([]byte(nil), linux.Bytes(&tv)...)})
	}
	if s.aux.Load() {
		// struct tpacket_auxdata
		b := make([]byte, 20)
		status, size, mac := uint32(statusUser), len(r.Frame), 0
		if s.Type == linux.SOCK_DGRAM {
			size -= r.Header
		}
		binary.NativeEndian.PutUint32(b, status)
		binary.NativeEndian.PutUint32(b[4:], uint32(size))
		binary.NativeEndian.PutUint32(b[8:], uint32(len(r.data)))
		binary.NativeEndian.PutUint16(b[12:], uint16(mac))
		binary.NativeEndian.PutUint16(b[14:], uint16(netOffset(s.Type, r)))
		m.Control.Others = append(m.Control.Others, socket.Cmsg{Level: linux.SOL_PACKET, Type: linux.PACKET_AUXDATA, Data: b})
	}
}

// netOffset is where in what is read the network's header begins.
func netOffset(typ int, r *received) int {
	if typ == linux.SOCK_DGRAM {
		return 0
	}
	return r.Header
}

func (s *Socket) entry() Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	return Entry{Type: s.Type, Proto: s.proto, NIC: s.nic, Bound: s.tap != nil, Unread: s.cost, UID: s.uid, ID: s.ID}
}
