package boot

import "testing"

// TestEnd: what is written is read, and nothing else.
func TestEnd(t *testing.T) {
	for _, e := range []End{{0, false}, {7, false}, {255, true}, {-1, true}, {-1, false}} {
		if len(e.String()) > StatusSize {
			t.Errorf("%q is too long", e)
		}
		if got, err := ParseEnd(e.String()); got != e || err != nil {
			t.Errorf("%q is read as %+v, %v", e, got, err)
		}
	}
	for _, s := range []string{"", " ", "x", "7 ", "7 o", "7 oom oom", "256", "-2", "1e3", "7\noom"} {
		if e, err := ParseEnd(s); err == nil {
			t.Errorf("%q is read as %+v", s, e)
		}
	}
}
