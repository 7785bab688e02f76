// Package ring is queues in a circle of memory.
package ring

// minSize is the first size of a Bytes.
const minSize = 4096

// Bytes is a queue of bytes that grows as it must. The zero value is empty and
// ready for use; its owner locks it.
type Bytes struct {
	buf []byte // a power of two long, or nil
	// head and tail count bytes ever taken and put in.
	head, tail uint64
}

// Len returns how many bytes are queued.
func (r *Bytes) Len() int { return int(r.tail - r.head) }

// Cap returns how many bytes of memory r has.
func (r *Bytes) Cap() int { return len(r.buf) }

// Reserve makes room for n more bytes.
func (r *Bytes) Reserve(n int) {
	need := r.Len() + n
	if need <= len(r.buf) {
		return
	}
	size := max(len(r.buf), minSize)
	for size < need {
		size *= 2
	}
	buf := make([]byte, size)
	n = r.CopyAt(buf, 0)
	r.buf, r.head, r.tail = buf, 0, uint64(n)
}

// Append queues as much of p as there is room for.
func (r *Bytes) Append(p []byte) int {
	n := 0
	for n < len(p) {
		at := int(r.tail) & (len(r.buf) - 1)
		free := r.buf[at:min(len(r.buf), at+len(r.buf)-r.Len())]
		m := copy(free, p[n:])
		if m == 0 {
			break
		}
		r.tail += uint64(m)
		n += m
	}
	return n
}

// CopyAt fills p with queued bytes, beginning with the one that off others come
// before, and leaves them queued.
func (r *Bytes) CopyAt(p []byte, off int) int {
	n := 0
	for n < len(p) && off+n < r.Len() {
		at := int(r.head+uint64(off+n)) & (len(r.buf) - 1)
		n += copy(p[n:min(len(p), r.Len()-off)], r.buf[at:])
	}
	return n
}

// Drop takes n bytes off the front.
func (r *Bytes) Drop(n int) { r.head += uint64(n) }

// Unappend takes back the last n bytes.
func (r *Bytes) Unappend(n int) { r.tail -= uint64(n) }

// Shrink gives the memory back if r is empty and larger than keep.
func (r *Bytes) Shrink(keep int) {
	if r.Len() == 0 && len(r.buf) > keep {
		*r = Bytes{}
	}
}
