package netfilter

import (
	"encoding/binary"
	"testing"

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
