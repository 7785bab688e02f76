package unix

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
)

// The last byte of what is sent to a stream with MSG_OOB is urgent: its place is the
// mark, at which reading stops once. It is asked for by MSG_OOB, and lost to who reads
// on instead, unless SO_OOBINLINE says that it is a byte as others (queue_oob and
// manage_oob in net/unix/af_unix.c). The latest one is the mark.

// putUrgent appends a byte of b, of p's sender, and makes it the mark.
func (q *queue) putUrgent(b *guest.Buf, p piece) (int, error) {
	n, err := q.put(b, 1, piece{cred: p.cred, from: p.from, mark: true, heap: p.heap}, bytes)
	if n == 0 {
		return 0, err
	}
	for i := range q.pieces[:len(q.pieces)-1] {
		q.pieces[i].mark = false
	}
	q.urgent = true
	return n, err
}

// recvUrgentLocked is unix_stream_recv_urg. It never waits.
func (s *Socket) recvUrgentLocked(b *guest.Buf, m *socket.Incoming) (int64, error) {
	q := &s.received
	if !q.urgent || s.On(linux.SO_OOBINLINE) {
		return 0, linux.EINVAL
	}
	i, off := 0, 0
	for !q.pieces[i].mark {
		off += q.pieces[i].n
		i++
	}
	if m.Flags&linux.MSG_PEEK == 0 { // even if it cannot be stored
		q.pieces[i].gone, q.urgent = true, false
		q.lost++
	}
	if b.Len() > 0 {
		if _, err := q.get(b, off, 1); err != nil {
			return 0, err
		}
	}
	m.Out |= linux.MSG_OOB
	return 1, nil
}

// passes reports whether a reader of s goes over p without seeing it.
func (s *Socket) passes(p *piece) bool {
	return p.gone || p.mark && !s.On(linux.SO_OOBINLINE)
}

// atMarkLocked is SIOCATMARK.
func (s *Socket) atMarkLocked() bool {
	return len(s.received.pieces) > 0 && s.received.pieces[0].mark
}

// OnUrgent has tell called when urgent data comes: the file has an owner (F_SETOWN).
func (s *Socket) OnUrgent(tell func()) {
	s.mu.Lock()
	s.tell = tell
	s.mu.Unlock()
}
