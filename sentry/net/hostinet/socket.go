package hostinet

import (
	"encoding/binary"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/host"
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
	ns  *Namespace // immutable
	fd  int        // of the host, never shown to anybody; immutable
	uid uint32     // of who made it; immutable
	// from is who connected to a listener; immutable
	from []byte
	// deaf is set by shutdown(2): a receive that could wait for messages ends.
	deaf atomic.Bool

	queue wait.Queue
	// sendMu keeps together what one call sends to a stream in several pieces.
	sendMu lock.Mutex[lock.Sender]
}

var (
	_ socket.Socket   = (*Socket)(nil)
	_ socket.Observer = (*Socket)(nil)
	_ socket.Accepted = (*Socket)(nil)
)

func (s *Socket) stream() bool { return s.Type == linux.SOCK_STREAM }

// Ready implements vfs.FileOps: the host's word of this moment.
func (s *Socket) Ready() wait.Mask {
	const asked = wait.In | wait.Out | wait.Pri | wait.RdNorm | wait.WrNorm | wait.RdHup
	return wait.Mask(uint16(host.PollNow(s.fd, int16(asked))))
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

// Bind implements socket.Socket. That a port is privileged is the guest's matter first,
// then the host's, where the Sentry has no capability.
func (s *Socket) Bind(c *vfs.Ctx, raw []byte) error {
	least := linux.SizeOfSockaddrIn
	if s.Domain == linux.AF_INET6 {
		least = linux.MinSockaddrIn6
	}
	if len(raw) < least {
		return linux.EINVAL
	}
	name, err := checked(raw)
	if err != nil {
		return err
	}
	port := int(binary.BigEndian.Uint16(name[2:]))
	ports := s.Protocol == linux.IPPROTO_TCP || s.Protocol == linux.IPPROTO_UDP
	if ports && port != 0 && port < s.ns.FirstPort() && !c.Creds.Has(auth.CapNetBindService) {
		return linux.EACCES
	}
	return errno(host.Bind(s.fd, name))
}

// Connect implements socket.Socket.
func (s *Socket) Connect(_ *vfs.Ctx, raw []byte) (*wait.Queue, error) {
	name, err := checked(raw)
	if err != nil {
		return nil, err
	}
	err = errno(host.Connect(s.fd, name))
	if err == linux.EAGAIN {
		// No port is left (inet_hash_connect): not something to wait for.
		err = linux.EADDRNOTAVAIL
	}
	return nil, err
}

// Listen implements socket.Socket.
func (s *Socket) Listen(_ *vfs.Ctx, backlog int) error { return errno(host.Listen(s.fd, backlog)) }

// Accept implements socket.Socket.
func (s *Socket) Accept(*vfs.Ctx) (socket.Socket, error) {
	fd, from, err := host.Accept(s.fd)
	if err != nil {
		return nil, errno(err)
	}
	n := &Socket{ns: s.ns, fd: fd, uid: s.uid, from: append([]byte(nil), from.Bytes()...)}
	n.Domain, n.Type, n.Protocol = s.Domain, s.Type, s.Protocol
	for _, name := range inherited {
		n.Inherit(&s.Base, name)
	}
	n.InheritValues(&s.Base)
	if err := s.ns.add(n); err != nil {
		return nil, err
	}
	return n, nil
}

// inherited are the options of a listener that Base keeps and its connections have.
var inherited = []int{linux.SO_REUSEADDR, linux.SO_REUSEPORT, linux.SO_KEEPALIVE, linux.SO_BROADCAST, linux.SO_OOBINLINE,
	linux.SO_DONTROUTE, linux.SO_TIMESTAMP, linux.SO_DEBUG}

// From implements socket.Accepted.
func (s *Socket) From() []byte { return s.from }

// Shutdown implements socket.Socket.
func (s *Socket) Shutdown(_ *vfs.Ctx, how int) error {
	err := errno(host.Shutdown(s.fd, how))
	if how != linux.SHUT_WR {
		s.deaf.Store(true) // not connected it is an error, and is done (inet_shutdown)
	}
	s.queue.Notify(wait.All)
	return err
}

// Name implements socket.Socket (getsockname(2)).
func (s *Socket) Name() ([]byte, error) { return named(host.SockName(s.fd)) }

// Peer implements socket.Socket (getpeername(2)).
func (s *Socket) Peer() ([]byte, error) { return named(host.PeerName(s.fd)) }

// Release implements vfs.FileOps. Nobody else can be using the descriptor: a call holds
// the file, Entries the lock.
func (s *Socket) Release() {
	s.ns.mu.Lock()
	delete(s.ns.sockets, s.ID)
	s.ns.mu.Unlock()
	host.CloseSocket(s.fd)
	s.queue.Notify(wait.All)
}

// entry is what is told of s. A question that has no answer leaves a zero.
func (s *Socket) entry() socket.Entry {
	e := socket.Entry{ID: s.ID, Domain: s.Domain, Type: s.Type, Protocol: s.Protocol, UID: s.uid, State: linux.TCP_CLOSE}
	name, _ := s.Name()
	e.Local = addrPort(s.Domain, name)
	peer, err := s.Peer()
	e.Remote = addrPort(s.Domain, peer)
	switch {
	case s.stream():
		if info, err := host.GetOption(s.fd, linux.SOL_TCP, linux.TCP_INFO, make([]byte, 8)); err == nil && len(info) > 0 {
			e.State = int(info[0])
		}
	case err == nil:
		e.State = linux.TCP_ESTABLISHED
	}
	if e.State != linux.TCP_LISTEN {
		e.Unread, _ = s.queued(linux.SIOCINQ)
		e.Unsent, _ = s.queued(linux.SIOCOUTQ)
	}
	return e
}
