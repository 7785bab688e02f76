//go:build !lockcheck

package pipe

import (
	"testing"

	"glovebox/sentry/guest"
)

func TestNoAllocation(t *testing.T) {
	r, w := New(Account{})
	p := make([]byte, 100)
	b := new(guest.Buf)
	n := testing.AllocsPerRun(100, func() {
		*b = guest.Local(p)
		w.Write(nil, b, -1)
		*b = guest.Local(p)
		r.Read(nil, b, -1)
	})
	if n != 0 {
		t.Errorf("%v allocations a write and read", n)
	}
}
