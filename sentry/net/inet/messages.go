package inet

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// messages is what a socket without a stream has received and nobody has read. The
// engine would count the data only, and keep any number of messages without any: so
// they are taken out of it at once, and counted as Linux does.
type messages struct {
	queue []*stack.Message
	cost  int
	limit atomic.Int32 // SO_RCVBUF
	drops uint32
}

// overhead is what a message costs beside its data (SKB_TRUESIZE).
const overhead = 704

func cost(m *stack.Message) int { return (len(m.Data)+63)&^63 + overhead }

// put adds m if there is room (__sock_queue_rcv_skb).
func (q *messages) put(m *stack.Message) bool {
	if q.cost >= int(q.limit.Load()) {
		q.drops++
		return false
	}
	q.queue = append(q.queue, m)
	q.cost += cost(m)
	return true
}

// pop removes the first.
func (q *messages) pop() {
	q.cost -= cost(q.queue[0])
	q.queue[0] = nil
	if q.queue = q.queue[1:]; len(q.queue) == 0 {
		q.queue = nil
	}
}

func (q *messages) clear() { q.queue, q.cost = nil, 0 }

// collect takes what the engine has received, and returns the events there are of it.
func (s *Socket) collect(m wait.Mask) wait.Mask {
	ep := s.ep.Load()
	m &^= readable | wait.Err
	s.recvMu.Lock()
	for {
		msg, err := ep.ReadMessage()
		if err == linux.EAGAIN || err == linux.ESHUTDOWN {
			break
		}
		if err != nil {
			s.err.CompareAndSwap(0, int32(err.(linux.Errno)))
			m |= wait.Err
			continue
		}
		if s.ns.pressure.on.Load() && len(s.recvd.queue) > 0 {
			s.recvd.drops++
			continue
		}
		if s.recvd.put(msg) {
			m |= readable
		}
	}
	s.recvMu.Unlock()
	s.collectErrors(ep)
	return m
}

// readyMessages is datagram_poll.
func (s *Socket) readyMessages() wait.Mask {
	var m wait.Mask
	shut := s.shut.Load()
	s.recvMu.Lock()
	if len(s.recvd.queue) > 0 {
		m |= readable
	}
	if len(s.errs) > 0 {
		m |= wait.Err
	}
	s.recvMu.Unlock()
	if s.err.Load() != 0 {
		m |= wait.Err
	}
	if shut&noRead != 0 {
		m |= readable | wait.RdHup
	}
	if shut == none {
		m |= wait.Hup
	}
	if s.ep.Load().Ready()&wait.Out != 0 {
		m |= writable
	}
	return m
}

// recvMessage is udp_recvmsg, ping_recvmsg and raw_recvmsg.
func (s *Socket) recvMessage(b *guest.Buf, m *socket.Incoming) (int64, error) {
	if e := s.takeErr(); e != 0 {
		return 0, e
	}
	s.recvMu.Lock()
	if len(s.recvd.queue) == 0 {
		s.recvMu.Unlock()
		if s.shut.Load()&noRead != 0 {
			return 0, nil
		}
		return 0, linux.EAGAIN
	}
	msg := s.recvd.queue[0]
	if m.Flags&linux.MSG_PEEK == 0 {
		s.recvd.pop()
	}
	drops := s.recvd.drops
	s.recvMu.Unlock()
	// Even if it cannot be stored it is gone, as in Linux.
	n, err := b.CopyOut(msg.Data)
	if err != nil {
		return 0, err
	}
	if n < len(msg.Data) {
		m.Out |= linux.MSG_TRUNC
	}
	m.Full = int64(len(msg.Data))
	m.From = sockaddr(s.Domain, s.fromOf(msg))
	s.describe(msg, drops, m)
	return int64(n), nil
}

// fromOf is the sender of msg. What has no ports shows none.
func (s *Socket) fromOf(msg *stack.Message) stack.Addr {
	a := msg.From
	if s.kind != stack.UDP {
		a.Port = 0
	}
	return a
}

// maxMessage is the longest that IP carries.
const maxMessage = 65535

// A corked message waits for its rest (UDP_CORK, MSG_MORE).
type corked struct {
	data []byte
	to   []byte
	on   bool
}

// sendMessage is udp_sendmsg, ping_v4_sendmsg and raw_sendmsg.
func (s *Socket) sendMessage(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing) (int64, error) {
	if m.Flags&linux.MSG_OOB != 0 {
		return 0, linux.EOPNOTSUPP
	}
	if b.Len() > maxMessage {
		return 0, linux.EMSGSIZE
	}
	with, err := s.controlled(c, &m.Control)
	if err != nil {
		return 0, err
	}
	to := m.To
	if len(to) >= 2 && s.Domain == linux.AF_INET6 && binary.NativeEndian.Uint16(to) == linux.AF_UNSPEC {
		to = nil // as if there were none (udpv6_sendmsg)
	}
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	if s.cork.on {
		to = s.cork.to
	}
	if err := s.aim(to, with); err != nil {
		return 0, err
	}
	if e := s.takeErr(); e != 0 {
		return 0, e
	}
	if s.shut.Load()&noWrite != 0 {
		return 0, linux.EPIPE
	}
	data := make([]byte, b.Len())
	n, err := b.CopyIn(data)
	if err != nil {
		return 0, err
	}
	if s.kind == stack.UDP && (s.cork.on || m.Flags&linux.MSG_MORE != 0 || s.isSet(udpCork)) {
		if len(s.cork.data)+n > maxMessage {
			return 0, linux.EMSGSIZE
		}
		s.cork.data, s.cork.to, s.cork.on = append(s.cork.data, data...), to, true
		if m.Flags&linux.MSG_MORE != 0 || s.isSet(udpCork) {
			return int64(n), nil
		}
		data, s.cork = s.cork.data, corked{}
	}
	if err := s.transmit(data, with); err != nil {
		return 0, err
	}
	return int64(n), nil
}

// flush sends what waits in the cork.
func (s *Socket) flush() error {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	if !s.cork.on {
		return nil
	}
	var with sending
	data, to := s.cork.data, s.cork.to
	s.cork = corked{}
	if err := s.aim(to, &with); err != nil {
		return err
	}
	return s.transmit(data, &with)
}

// A sending is how a message is sent.
type sending struct {
	stack.Sending
	segment int // UDP_SEGMENT, 0 for none
}

// aim sets where a message goes.
func (s *Socket) aim(to []byte, with *sending) error {
	if to == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state != connected {
			return linux.EDESTADDRREQ
		}
		return nil
	}
	a, err := s.parsePeer(to)
	if err != nil {
		return err
	}
	if a.Port == 0 && s.kind == stack.UDP {
		return linux.EINVAL
	}
	if s.kind != stack.UDP {
		a.Port = 0
	}
	with.To = &a
	return nil
}

// maxSegments is UDP_MAX_SEGMENTS.
const maxSegments = 128

// transmit sends data, as several messages if that was asked for.
func (s *Socket) transmit(data []byte, with *sending) error {
	ep := s.ep.Load()
	size := with.segment
	if size == 0 {
		size = s.value(udpSegment)
	}
	if size == 0 || s.kind != stack.UDP || len(data) <= size {
		return ep.WriteMessage(bytes.NewReader(data), &with.Sending)
	}
	if len(data) > size*maxSegments {
		return linux.EINVAL
	}
	for len(data) > 0 {
		n := min(size, len(data))
		if err := ep.WriteMessage(bytes.NewReader(data[:n]), &with.Sending); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
