package ring

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestBytes compares a Bytes with a plain slice under random operations.
func TestBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r Bytes
	var want []byte
	next := byte(0)
	for i := range 20000 {
		switch rng.IntN(4) {
		case 0, 1:
			p := make([]byte, rng.IntN(3000))
			for j := range p {
				p[j] = next
				next++
			}
			r.Reserve(len(p))
			if n := r.Append(p); n != len(p) {
				t.Fatalf("step %d: Append took %d of %d", i, n, len(p))
			}
			want = append(want, p...)
		case 2:
			n := rng.IntN(len(want) + 1)
			r.Drop(n)
			want = want[n:]
		case 3:
			n := rng.IntN(min(len(want), 50) + 1)
			r.Unappend(n)
			want = want[:len(want)-n]
			next -= byte(n)
		}
		if r.Len() != len(want) {
			t.Fatalf("step %d: %d bytes, want %d", i, r.Len(), len(want))
		}
		off := rng.IntN(len(want) + 1)
		got := make([]byte, rng.IntN(5000))
		got = got[:r.CopyAt(got, off)]
		if !bytes.HasPrefix(want[off:], got) || len(got) == 0 && cap(got) > 0 && off < len(want) {
			t.Fatalf("step %d: CopyAt(%d) is wrong", i, off)
		}
	}
	r.Drop(r.Len())
	r.Shrink(0)
	if r.buf != nil || r.Append([]byte{1}) != 0 {
		t.Error("Shrink kept memory")
	}
}
