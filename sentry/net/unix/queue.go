package unix

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/ring"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A queue is what a socket has received. The bytes lie in one ring; pieces say
// where messages end and what came with them. Its socket's mu guards it.
type queue struct {
	bytes  ring.Bytes
	pieces []piece // what is queued
	store  []piece // the same, with what was taken before it
	// cost is what the pieces are charged with against the sender's SO_SNDBUF.
	cost int
	// payer is charged with paid bytes, the ring's memory, used or not: the sender who
	// made it that large.
	payer *atomic.Int64
	paid  int
	// urgent says that the mark is in pieces and its byte was not taken; lost counts
	// bytes that were.
	urgent bool
	lost   int
	// scratch of a transfer, so that one allocates nothing.
	at      int // where out reads next
	in, out func([]byte) (int, error)
}

// A piece is a message, or, on a stream, consecutive bytes of one sender.
type piece struct {
	n     int
	cred  linux.Ucred
	from  *addr       // the sender's; nil if it is not bound
	files []*vfs.File // with a reference each
	user  uint32      // whom files are counted for
	mark  bool        // one byte, which is urgent
	gone  bool        // such a byte that was taken
	// heap is charged with the piece but for its bytes: the sender's. nil for nobody's.
	heap *atomic.Int64
}

const (
	// pieceCost is what a piece costs beside its bytes (SKB_TRUESIZE(0)).
	pieceCost = 576
	// keepRing is the memory that an empty queue may keep.
	keepRing = 64 << 10
)

// put appends up to n bytes of b as p, or to the last piece where whole
// messages do not matter and nothing tells them apart. A message is put whole
// or, if b cannot be read, not at all.
func (q *queue) put(b *guest.Buf, n int, p piece, kind kind) (int, error) {
	if q.in == nil {
		q.in = func(w []byte) (int, error) { return q.bytes.Append(w), nil }
		q.out = func(w []byte) (int, error) {
			m := q.bytes.CopyAt(w, q.at)
			q.at += m
			return m, nil
		}
	}
	q.bytes.Reserve(n)
	q.pay(p.heap)
	m, err := b.Move(guest.Load, n, q.in)
	if m < n && (kind == message || m == 0) {
		q.bytes.Unappend(m)
		if err == nil {
			err = linux.EFAULT
		}
		return 0, err
	}
	if k := len(q.pieces) - 1; kind == bytes && k >= 0 && p.files == nil && !p.mark &&
		q.pieces[k].files == nil && !q.pieces[k].mark && !q.pieces[k].gone && q.pieces[k].cred == p.cred && q.pieces[k].from == p.from && q.pieces[k].heap == p.heap {
		q.pieces[k].n += m
		q.cost += m
		return m, nil
	}
	p.n = m
	q.push(p)
	q.cost += m + pieceCost
	p.charge(pieceCost)
	return m, nil
}

// get copies up to n bytes into b, beginning off bytes into the queue.
func (q *queue) get(b *guest.Buf, off, n int) (int, error) {
	q.at = off
	return b.Move(guest.Store, n, q.out)
}

// take drops n bytes of the first piece.
func (q *queue) take(n int) {
	q.bytes.Drop(n)
	q.pieces[0].n -= n
	q.cost -= n
}

// charge counts n bytes more for p.
func (p *piece) charge(n int) {
	if p.heap != nil {
		p.heap.Add(int64(n))
	}
}

// pay has the memory of the ring counted. Where that has become more, heap pays for all
// of it.
func (q *queue) pay(heap *atomic.Int64) {
	now := q.bytes.Cap()
	if now == q.paid {
		return
	}
	if q.payer != nil {
		q.payer.Add(-int64(q.paid))
	}
	if now > q.paid {
		q.payer = heap
	}
	if q.payer != nil {
		q.payer.Add(int64(now))
	}
	q.paid = now
}

// empty gives back what a queue without pieces has, but for keep bytes of it.
func (q *queue) empty(keep int) {
	q.bytes.Shrink(keep)
	q.pay(nil)
}

// push appends p, reusing the place of what was taken.
func (q *queue) push(p piece) {
	if len(q.store) == cap(q.store) && len(q.pieces) <= len(q.store)/2 {
		n := copy(q.store, q.pieces)
		clear(q.store[n:])
		q.store = q.store[:n]
	}
	q.store = append(q.store, p)
	q.pieces = q.store[len(q.store)-len(q.pieces)-1:]
}

// pop drops the first piece with what is left of it. Its files are the
// caller's.
func (q *queue) pop() (files []*vfs.File) {
	p := &q.pieces[0]
	q.bytes.Drop(p.n)
	q.cost -= p.n + pieceCost
	p.charge(-pieceCost)
	files = p.files
	if p.gone {
		q.lost -= p.n
	} else if p.mark {
		q.urgent = false
	}
	*p = piece{}
	if q.pieces = q.pieces[1:]; len(q.pieces) == 0 {
		q.store = q.store[:0]
		q.empty(keepRing)
	}
	return files
}

// kind is what a socket's transfers are made of.
type kind uint8

const (
	bytes   kind = iota // SOCK_STREAM
	message             // SOCK_DGRAM, SOCK_SEQPACKET
)
