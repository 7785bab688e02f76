package netfilter

import (
	"encoding/binary"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// replacement is what iptables would set to leave a table as it is.
func replacement(v6 bool, name string) []byte {
	o := empty(v6, validHooks[name])
	b := make([]byte, 96)
	copy(b, name)
	for at, v := range map[int]uint32{32: validHooks[name], 36: o.count, 40: uint32(len(o.entries)), 84: o.count} {
		binary.NativeEndian.PutUint32(b[at:], v)
	}
	for h := range stack.NumHooks {
		binary.NativeEndian.PutUint32(b[44+4*h:], o.entry[h])
		binary.NativeEndian.PutUint32(b[64+4*h:], o.underflow[h])
	}
	return append(b, o.entries...)
}

// TestRoundTrip: what was set is read again as it was.
func TestRoundTrip(t *testing.T) {
	st, err := stack.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	for _, v6 := range []bool{false, true} {
		for name := range validHooks {
			var all Tables
			b := replacement(v6, name)
			if _, n, err := all.Replace(st, v6, b); err != nil || n == 0 {
				t.Errorf("%s: %v, %d bytes of counters", name, err, n)
				continue
			}
			want := b[96:]
			ask := make([]byte, 40+len(want))
			copy(ask, name)
			binary.NativeEndian.PutUint32(ask[32:], uint32(len(want)))
			if got, err := all.Get(v6, GetEntries, ask); err != nil || string(got[40:]) != string(want) {
				t.Errorf("%s: %v, %d bytes of %d", name, err, len(got), len(ask))
			}
		}
	}
}

// FuzzReplace: nothing that a guest sets makes the Sentry panic.
func FuzzReplace(f *testing.F) {
	for name := range validHooks {
		f.Add(replacement(false, name), false)
		f.Add(replacement(true, name), true)
	}
	st, err := stack.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, b []byte, v6 bool) {
		var all Tables
		_, _, _ = all.Replace(st, v6, b) // most are refused
	})
}

// chains makes a filter table of n chains, each of which jumps times over to the next, the
// last one to chain last if that is not negative; INPUT jumps to the first.
func chains(n, jumps, last int) []byte {
	l := layoutOf(false)
	var entries []byte
	count := uint32(0)
	add := func(e []byte) (at uint32) {
		at = uint32(len(entries))
		entries = append(entries, e...)
		count++
		return at
	}
	size := func(e []byte) int { return len(e) }
	entry := size(l.standard(0))
	head := size(l.failure(""))
	// Behind three hooks' policies and INPUT's jump come the chains.
	chain := func(i int) int32 { return int32(4*entry + i*(head+(jumps+1)*entry) + head) }
	in := add(l.standard(chain(0)))
	policy := add(l.standard(-verdictAccept - 1))
	forwarded, out := add(l.standard(-verdictAccept-1)), add(l.standard(-verdictAccept-1))
	for i := range n {
		add(l.failure("c"))
		for range jumps {
			switch {
			case i+1 < n:
				add(l.standard(chain(i + 1)))
			case last >= 0:
				add(l.standard(chain(last)))
			default:
				add(l.standard(-verdictAccept - 1))
			}
		}
		add(l.standard(verdictReturn))
	}
	add(l.failure("ERROR"))
	b := make([]byte, 96)
	copy(b, "filter")
	for at, v := range map[int]uint32{32: validHooks["filter"], 36: count, 40: uint32(len(entries)), 84: 4,
		44 + 4*localIn: in, 44 + 4*forward: forwarded, 44 + 4*localOut: out,
		64 + 4*localIn: policy, 64 + 4*forward: forwarded, 64 + 4*localOut: out} {
		binary.NativeEndian.PutUint32(b[at:], v)
	}
	return append(b, entries...)
}

// TestBounded: a packet meets only so many rules.
func TestBounded(t *testing.T) {
	st, err := stack.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	for _, tt := range []struct {
		n, jumps, last int
		want           error
	}{
		{1, 1, -1, nil}, {3, 2, -1, nil}, {14, 1, -1, nil},
		{1, 1, 0, linux.ELOOP}, {3, 1, 0, linux.ELOOP}, {3, 1, 1, linux.ELOOP}, {40, 1, -1, linux.ELOOP},
		{14, 8, -1, linux.EINVAL}, {2, 1000, -1, nil},
	} {
		var all Tables
		if _, _, err := all.Replace(st, false, chains(tt.n, tt.jumps, tt.last)); err != tt.want {
			t.Errorf("%d chains of %d jumps, back to %d: %v, want %v", tt.n, tt.jumps, tt.last, err, tt.want)
		}
	}
}
