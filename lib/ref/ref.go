// Package ref counts references to objects whose release is visible outside
// the process: open files, mounts, memory-file extents, host descriptors.
package ref

import "sync/atomic"

// A Count is a reference count; the zero value holds one reference.
type Count struct{ extra atomic.Int64 }

// Inc adds a reference. The caller must hold one.
func (c *Count) Inc() {
	if c.extra.Add(1) <= 0 {
		panic("ref: Inc of a dead object")
	}
}

// TryInc adds a reference unless the object is already dead.
func (c *Count) TryInc() bool {
	for {
		n := c.extra.Load()
		if n < 0 {
			return false
		}
		if c.extra.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Dec drops a reference and reports whether it was the last.
func (c *Count) Dec() bool {
	n := c.extra.Add(-1)
	if n < -1 {
		panic("ref: Dec of a dead object")
	}
	return n == -1
}

// Refs returns the number of references, 0 for a dead object.
func (c *Count) Refs() int64 { return c.extra.Load() + 1 }
