// Package wait is readiness: queues on which waiters register for events, as
// wait queues in Linux. Waking never blocks. Lock order: Queue.mu is a leaf;
// an Entry's callback runs under it and may take no lock but a leaf of its own.
package wait

import "sync"

// A Mask is a set of poll(2) events.
type Mask uint32

// Events, with the values of poll(2) and epoll(7).
const (
	In     Mask = 0x1
	Pri    Mask = 0x2
	Out    Mask = 0x4
	Err    Mask = 0x8
	Hup    Mask = 0x10
	Nval   Mask = 0x20
	RdNorm Mask = 0x40
	RdBand Mask = 0x80
	WrNorm Mask = 0x100
	WrBand Mask = 0x200
	Msg    Mask = 0x400
	RdHup  Mask = 0x2000

	// All is every event that a waiter can be told of.
	All = In | Pri | Out | Err | Hup | RdNorm | RdBand | WrNorm | WrBand | Msg | RdHup
)

// An Entry is one waiter on one queue. Err and Hup are always reported.
type Entry struct {
	Mask Mask
	// Notify is called with the events that came; it must not block.
	Notify func(Mask)
	// Owner is whose entry this is, for those who look for it by Each.
	Owner any

	queue      *Queue
	prev, next *Entry
}

// NewChan returns an Entry that sends on the returned channel, of capacity one.
func NewChan(m Mask) (*Entry, chan struct{}) {
	ch := make(chan struct{}, 1)
	return &Entry{Mask: m, Notify: func(Mask) {
		select {
		case ch <- struct{}{}:
		default:
		}
	}}, ch
}

// A Queue is a set of waiters. The zero value is empty.
type Queue struct {
	mu   sync.Mutex
	head Entry // guarded by mu; head.next is nil until first use
}

// Register adds e, which must not be registered anywhere.
func (q *Queue) Register(e *Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.queue != nil {
		panic("wait: entry registered twice")
	}
	if q.head.next == nil {
		q.head.next, q.head.prev = &q.head, &q.head
	}
	e.queue = q
	e.prev, e.next = q.head.prev, &q.head
	e.prev.next, e.next.prev = e, e
}

// Unregister removes e; no callback runs after it returns. Removing an entry
// that is not registered does nothing.
func (q *Queue) Unregister(e *Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.queue != q {
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	e.queue, e.prev, e.next = nil, nil, nil
}

// Notify tells every waiter that listens for any of m.
func (q *Queue) Notify(m Mask) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head.next == nil {
		return
	}
	for e := q.head.next; e != &q.head; e = e.next {
		if got := m & (e.Mask | Err | Hup); got != 0 {
			e.Notify(got)
		}
	}
}

// Each calls f with the owner of every entry, until it returns false. f runs
// under the queue's lock, as callbacks do.
func (q *Queue) Each(f func(owner any) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head.next == nil {
		return
	}
	for e := q.head.next; e != &q.head; e = e.next {
		if !f(e.Owner) {
			return
		}
	}
}

// Empty reports whether nobody waits.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.head.next == nil || q.head.next == &q.head
}
