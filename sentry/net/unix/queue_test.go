package unix

import (
	"sync/atomic"
	"testing"

	"glovebox/sentry/guest"
)

// TestQueueMemory: the memory of a queue counts as long as it has it, full or not, for
// who made it that large.
func TestQueueMemory(t *testing.T) {
	var q queue
	var a, b atomic.Int64
	put := func(heap *atomic.Int64, n int, k kind) {
		t.Helper()
		buf := guest.Local(make([]byte, n))
		if m, err := q.put(&buf, n, piece{heap: heap}, k); m != n || err != nil {
			t.Fatal(m, err)
		}
	}
	check := func(wantA, wantB int64) {
		t.Helper()
		if a.Load() != wantA || b.Load() != wantB || q.bytes.Cap() != q.paid {
			t.Errorf("%d and %d, want %d and %d", a.Load(), b.Load(), wantA, wantB)
		}
	}
	put(&a, 100_000, bytes)
	check(128<<10+pieceCost, 0)
	q.take(99_999)
	check(128<<10+pieceCost, 0)
	put(&b, 1000, bytes) // there is room
	check(128<<10+pieceCost, pieceCost)
	put(&b, 200_000, message)
	check(pieceCost, 256<<10+2*pieceCost)
	for len(q.pieces) > 0 {
		q.pop()
	}
	check(0, 0)
	put(&a, 60_000, message)
	q.pop()
	check(keepRing, 0)
	put(&b, 10, message)
	check(keepRing, pieceCost)
	q.pop()
	q.empty(0)
	check(0, 0)
}
