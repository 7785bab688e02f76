// Package guest names guest memory: addresses that are never Go pointers, and
// buffers in guest memory that files read from and write to.
//
// Guest memory is hostile: it changes while it is being read. Copy a value in
// once, check the copy and use only the copy.
package guest

import "glovebox/abi/linux"

// PageSize is the size of a page in bytes.
const PageSize = 4096

// An Addr is an address in a guest's address space.
type Addr uint64

// RoundDown returns a down to a page boundary.
func (a Addr) RoundDown() Addr { return a &^ (PageSize - 1) }

// RoundUp returns a up to a page boundary; ok is false on overflow.
func (a Addr) RoundUp() (r Addr, ok bool) {
	r = (a + PageSize - 1) &^ (PageSize - 1)
	return r, r >= a
}

// Add returns a+n; ok is false on overflow.
func (a Addr) Add(n uint64) (r Addr, ok bool) {
	r = a + Addr(n)
	return r, r >= a
}

// A Range is the addresses from Start up to, not including, End.
type Range struct{ Start, End Addr }

// Len returns the size of r in bytes.
func (r Range) Len() uint64 { return uint64(r.End - r.Start) }

// Overlaps reports whether r and s share an address.
func (r Range) Overlaps(s Range) bool { return r.Start < s.End && s.Start < r.End }

// Contains reports whether a lies in r.
func (r Range) Contains(a Addr) bool { return r.Start <= a && a < r.End }

// Intersect returns what r and s share; it is empty where they do not overlap.
func (r Range) Intersect(s Range) Range {
	r.Start, r.End = max(r.Start, s.Start), min(r.End, s.End)
	if r.End < r.Start {
		r.End = r.Start
	}
	return r
}

// Memory is guest memory by address. Each call moves as much as it can and
// returns EFAULT (linux.Errno) with the count moved when it met an address
// that is not mapped for that access.
type Memory interface {
	// CopyIn reads len(p) bytes at a.
	CopyIn(a Addr, p []byte) (int, error)
	// CopyOut writes p at a.
	CopyOut(a Addr, p []byte) (int, error)
	// Windows calls f on consecutive pieces of the n bytes at a, as slices of
	// the memory itself. f returns how many bytes it moved; a short count or
	// an error ends the walk. Only for moving bytes (pread, pwrite, copy):
	// what the slice holds can change at any time.
	Windows(a Addr, n int, access Access, f func([]byte) (int, error)) (int, error)
}

// Access is the direction of an access to guest memory.
type Access uint8

// Directions.
const (
	Load  Access = iota // the Sentry reads guest memory
	Store               // the Sentry writes guest memory
)

// A Seg is one piece of a Buf (struct iovec).
type Seg struct {
	Addr Addr
	Len  int
}

// A Buf is a run of memory that a file transfer fills or drains: pieces of
// guest memory, or a slice of the Sentry's own. It remembers how far it got.
type Buf struct {
	mem   Memory
	one   [1]Seg
	segs  []Seg
	local []byte
	left  int
}

// NewBuf returns a Buf of n bytes at a.
func NewBuf(m Memory, a Addr, n int) Buf {
	return Buf{mem: m, one: [1]Seg{{a, n}}, left: n}
}

// NewVec returns a Buf of several pieces, which it consumes.
func NewVec(m Memory, segs []Seg) Buf {
	b := Buf{mem: m, segs: segs}
	for _, s := range segs {
		b.left += s.Len
	}
	return b
}

// Local returns a Buf of the Sentry's own memory.
func Local(p []byte) Buf { return Buf{local: p, left: len(p)} }

// Len returns how many bytes are left.
func (b *Buf) Len() int { return b.left }

// Limit shortens b to at most n bytes.
func (b *Buf) Limit(n int) {
	if n < 0 {
		n = 0
	}
	b.left = min(b.left, n)
}

// CopyOut moves p into b (a file being read), and advances b. A count below
// min(len(p), b.Len()) comes with EFAULT.
func (b *Buf) CopyOut(p []byte) (int, error) {
	p = p[:min(len(p), b.left)]
	if b.mem == nil {
		n := copy(b.local, p)
		b.local = b.local[n:]
		b.left -= n
		return n, nil
	}
	done := 0
	for done < len(p) {
		s := b.seg()
		want := min(s.Len, len(p)-done)
		n, err := b.mem.CopyOut(s.Addr, p[done:done+want])
		b.skip(s, n)
		if done += n; err != nil || n < want {
			return done, err
		}
	}
	return done, nil
}

// CopyIn moves bytes of b into p (a file being written), and advances b.
func (b *Buf) CopyIn(p []byte) (int, error) {
	p = p[:min(len(p), b.left)]
	if b.mem == nil {
		n := copy(p, b.local)
		b.local = b.local[n:]
		b.left -= n
		return n, nil
	}
	done := 0
	for done < len(p) {
		s := b.seg()
		want := min(s.Len, len(p)-done)
		n, err := b.mem.CopyIn(s.Addr, p[done:done+want])
		b.skip(s, n)
		if done += n; err != nil || n < want {
			return done, err
		}
	}
	return done, nil
}

// seg returns the piece that b has got to.
func (b *Buf) seg() *Seg {
	if b.segs == nil {
		return &b.one[0]
	}
	for b.segs[0].Len == 0 {
		b.segs = b.segs[1:]
	}
	return &b.segs[0]
}

// skip advances b by n bytes of s.
func (b *Buf) skip(s *Seg, n int) {
	s.Addr += Addr(n)
	s.Len -= n
	b.left -= n
}

// Zero fills n bytes of b with zeros.
func (b *Buf) Zero(n int) (int, error) {
	return b.Move(Store, n, func(w []byte) (int, error) {
		clear(w)
		return len(w), nil
	})
}

// Move hands up to n bytes of b to f, piece by piece, and advances b by what f
// says it moved. A short count or an error from f ends it. If bytes moved
// before an error, both are returned.
func (b *Buf) Move(access Access, n int, f func([]byte) (int, error)) (int, error) {
	n = min(n, b.left)
	if b.mem == nil {
		if n == 0 {
			return 0, nil
		}
		m, err := f(b.local[:n])
		b.local = b.local[m:]
		b.left -= m
		return m, err
	}
	done := 0
	for done < n {
		s := b.seg()
		want := min(s.Len, n-done)
		m, err := b.mem.Windows(s.Addr, want, access, f)
		b.skip(s, m)
		done += m
		if err != nil || m < want {
			return done, err
		}
	}
	return done, nil
}

// ErrFault is what an access to unmapped guest memory returns.
const ErrFault = linux.EFAULT
