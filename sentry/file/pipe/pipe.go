// Package pipe is pipes and FIFOs (pipe(7), fifo(7)): a ring of bytes with a
// reading and a writing end.
//
// A Pipe is shared by its Ends, each of which stands behind open files. Data
// goes straight between guest memory and the ring, under Pipe.mu, which
// therefore comes before the locks of address spaces. The ring is made when
// the first byte is written and grows to the pipe's capacity; it belongs to the
// garbage collector.
package pipe

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/vfs"
)

// Capacities in bytes (pipe(7), /proc/sys/fs/pipe-max-size).
const (
	DefaultSize = 64 << 10
	MaxSize     = 1 << 20
	minSize     = guest.PageSize
)

// UserPages is how many pages the pipes of a user without privileges may have before
// new ones are small and none can be made larger (/proc/sys/fs/pipe-user-pages-soft).
const UserPages = 16384

// An Account is what a user's pipes may take of the Sentry's memory.
type Account struct {
	// Pages counts those of all the user's pipes.
	Pages *atomic.Int64
	// Heap counts the bytes that a pipe takes; nil: nobody does.
	Heap *atomic.Int64
	// Privileged users have no limit (CAP_SYS_RESOURCE, CAP_SYS_ADMIN).
	Privileged bool
}

// AccountOf is the account of a process with the credentials c.
func AccountOf(pages *atomic.Int64, c *auth.Creds) Account {
	return Account{Pages: pages, Privileged: c.Has(auth.CapSysResource) || c.Has(auth.CapSysAdmin)}
}

// take counts n pages more: false, and none, if that is too much.
func (a Account) take(n int64) bool {
	if a.Pages == nil || a.Pages.Add(n) <= UserPages || n <= 0 || a.Privileged {
		return true
	}
	a.Pages.Add(-n)
	return false
}

const (
	readable = wait.In | wait.RdNorm
	writable = wait.Out | wait.WrNorm
)

// A Pipe is what is between the ends. The zero value is not usable: see New
// and NewFIFO.
type Pipe struct {
	id    uint64
	queue wait.Queue
	locks vfs.Locks

	mu   lock.Mutex[lock.Pipe]
	ring []byte // guarded by mu; a power of two long, or nil
	// head and tail count bytes ever read and written. Guarded by mu.
	head, tail uint64
	size       int     // the capacity; guarded by mu
	account    Account // of who made it; without Pages for a FIFO
	// heap is of who opened it first, charged with the ring; nil for nobody. Guarded by mu.
	heap *atomic.Int64
	recs []record // guarded by mu; packet mode: what the ring holds
	// readers and writers are open ends, opensR and opensW how many there ever
	// were. Guarded by mu.
	readers, writers int
	opensR, opensW   uint64

	// in and out are p.moveIn and p.moveOut, made once so that a transfer
	// allocates nothing. Immutable.
	in, out func([]byte) (int, error)
}

// A record is consecutive bytes in the ring: one packet, or bytes that were
// written without O_DIRECT.
type record struct {
	n      int
	packet bool
}

func newPipe() *Pipe {
	p := &Pipe{id: nextID.Add(1), size: DefaultSize}
	p.in, p.out = p.moveIn, p.moveOut
	return p
}

// moveIn appends w to the ring, which has room; called with mu held.
func (p *Pipe) moveIn(w []byte) (int, error) {
	n := 0
	for n < len(w) {
		m := copy(p.freeLocked(), w[n:])
		p.tail += uint64(m)
		n += m
	}
	return n, nil
}

// moveOut takes len(w) bytes off the ring; called with mu held.
func (p *Pipe) moveOut(w []byte) (int, error) {
	n := 0
	for n < len(w) {
		m := copy(w[n:], p.dataLocked(p.usedLocked()))
		p.head += uint64(m)
		n += m
	}
	return n, nil
}

func (p *Pipe) usedLocked() int { return int(p.tail - p.head) }

// freeLocked is the first contiguous free part of the ring.
func (p *Pipe) freeLocked() []byte {
	at := int(p.tail) & (len(p.ring) - 1)
	return p.ring[at:min(len(p.ring), at+len(p.ring)-p.usedLocked())]
}

// dataLocked is the first contiguous part of the next n bytes.
func (p *Pipe) dataLocked(n int) []byte {
	at := int(p.head) & (len(p.ring) - 1)
	return p.ring[at:min(len(p.ring), at+n)]
}

// reserveLocked makes the ring hold n more bytes.
func (p *Pipe) reserveLocked(n int) {
	need := p.usedLocked() + n
	if need <= len(p.ring) {
		return
	}
	size := max(len(p.ring), minSize)
	for size < need {
		size *= 2
	}
	p.resizeLocked(size)
}

// resizeLocked moves what the ring holds to one of size bytes.
func (p *Pipe) resizeLocked(size int) {
	ring, n := make([]byte, size), p.usedLocked()
	for done := 0; done < n; {
		done += copy(ring[done:], p.dataLocked(n-done))
		p.head = p.tail - uint64(n-done)
	}
	p.chargeLocked(size - len(p.ring))
	p.ring, p.head, p.tail = ring, 0, uint64(n)
}

// chargeLocked counts n bytes more of ring.
func (p *Pipe) chargeLocked(n int) {
	if p.heap != nil {
		p.heap.Add(int64(n))
	}
}

// roomLocked is how many bytes can be written. In packet mode a record takes a
// page of the capacity, as in Linux.
func (p *Pipe) roomLocked() int {
	if len(p.recs) >= p.size/guest.PageSize {
		return 0
	}
	return p.size - p.usedLocked()
}

// read fills b from the ring.
func (p *Pipe) read(b *guest.Buf) (int64, error) {
	if b.Len() == 0 {
		return 0, nil
	}
	p.mu.Lock()
	used := p.usedLocked()
	if used == 0 {
		w := p.writers
		p.mu.Unlock()
		if w == 0 {
			return 0, nil
		}
		return 0, linux.EAGAIN
	}
	var n int
	var err error
	if p.recs != nil {
		n, err = p.readRecordsLocked(b)
	} else {
		n, err = b.Move(guest.Store, used, p.out)
	}
	p.mu.Unlock()
	if n > 0 {
		p.queue.Notify(writable)
		return int64(n), nil
	}
	return 0, err
}

// readRecordsLocked reads up to the end of the first packet; what does not fit
// of that is lost (pipe(2), O_DIRECT).
func (p *Pipe) readRecordsLocked(b *guest.Buf) (int, error) {
	total := 0
	for len(p.recs) > 0 && b.Len() > 0 {
		r := &p.recs[0]
		n, err := b.Move(guest.Store, r.n, p.out)
		total += n
		r.n -= n
		packet := r.packet
		if packet && err == nil {
			p.head += uint64(r.n)
			r.n = 0
		}
		if r.n == 0 {
			p.dropRecordLocked()
		}
		if packet || err != nil {
			return total, err
		}
	}
	return total, nil
}

func (p *Pipe) dropRecordLocked() {
	if p.recs = p.recs[1:]; len(p.recs) == 0 {
		p.recs = nil
	}
}

// consumeLocked drops n bytes that were read otherwise.
func (p *Pipe) consumeLocked(n int) {
	p.head += uint64(n)
	for n > 0 && len(p.recs) > 0 {
		m := min(n, p.recs[0].n)
		n -= m
		if p.recs[0].n -= m; p.recs[0].n == 0 {
			p.dropRecordLocked()
		}
	}
}

// noteLocked records that n bytes were written, where records are kept.
func (p *Pipe) noteLocked(n int, packet bool) {
	if n == 0 || p.recs == nil && !packet {
		return
	}
	if p.recs == nil && p.usedLocked() > n {
		p.recs = append(p.recs, record{n: p.usedLocked() - n})
	}
	if k := len(p.recs); k > 0 && !packet && !p.recs[k-1].packet {
		p.recs[k-1].n += n
		return
	}
	p.recs = append(p.recs, record{n, packet})
}

// write drains b into the ring: all of it or none up to PIPE_BUF bytes, else
// as much as fits, which comes with EAGAIN if it is not all.
func (p *Pipe) write(b *guest.Buf, packet bool) (int64, error) {
	total := 0
	p.mu.Lock()
	var err error
	for b.Len() > 0 && err == nil {
		if p.readers == 0 {
			err = linux.EPIPE
			break
		}
		want, room := b.Len(), p.roomLocked()
		if packet {
			want = min(want, linux.PIPE_BUF)
		}
		if room == 0 || want <= linux.PIPE_BUF && room < want && (total == 0 || packet) {
			err = linux.EAGAIN
			break
		}
		want = min(want, room)
		p.reserveLocked(want)
		var n int
		n, err = b.Move(guest.Load, want, p.in)
		p.noteLocked(n, packet)
		total += n
	}
	p.mu.Unlock()
	if total > 0 {
		p.queue.Notify(readable)
		if err != linux.EAGAIN {
			err = nil
		}
	}
	return int64(total), err
}

// setSize is F_SETPIPE_SZ, which rounds up to a power of two pages.
func (p *Pipe) setSize(size int, privileged bool) (int, error) {
	n := minSize
	for n < size {
		n *= 2
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.usedLocked() > n || len(p.recs) > n/guest.PageSize {
		return 0, linux.EBUSY
	}
	a := p.account
	a.Privileged = privileged
	if !a.take(int64(n-p.size) / guest.PageSize) {
		return 0, linux.EPERM
	}
	if len(p.ring) > n {
		p.resizeLocked(n)
	}
	p.size = n
	defer p.queue.Notify(writable)
	return n, nil
}
