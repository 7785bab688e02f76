package sys

import (
	"strings"
	"testing"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
)

// missing is the calls whose families are still to come. It may only shrink.
const missing = ``

func TestEveryCallHasARow(t *testing.T) {
	toCome := map[string]bool{}
	for _, n := range strings.Fields(missing) {
		toCome[n] = true
	}
	for no, name := range sysno.Names {
		c := &table[no]
		switch {
		case name == "" && c.fn != nil:
			t.Errorf("row for number %d, which is no call", no)
		case name == "":
		case c.fn == nil && !toCome[name]:
			t.Errorf("%s has no row", name)
		case c.fn != nil && toCome[name]:
			t.Logf("%s has a row: take it off the list", name)
		case c.fn != nil && c.Errno != 0 && c.Why == "":
			t.Errorf("%s is refused without a reason", name)
		}
	}
}

func TestFamiliesAreDisjoint(t *testing.T) {
	seen := map[int]bool{}
	for _, f := range families {
		for no := range f {
			if seen[no] {
				t.Errorf("%s is in two families", sysno.Names[no])
			}
			seen[no] = true
		}
	}
}

func TestNanoseconds(t *testing.T) {
	for _, c := range []struct {
		in   linux.Timespec
		want int64
		err  error
	}{
		{linux.Timespec{Sec: 1, Nsec: 5}, 1_000_000_005, nil},
		{linux.Timespec{Nsec: 1_000_000_000}, 0, linux.EINVAL},
		{linux.Timespec{Nsec: -1}, 0, linux.EINVAL},
		{linux.Timespec{Sec: -1}, 0, linux.EINVAL},
		{linux.Timespec{Sec: 1 << 62}, 1<<63 - 1, nil},
	} {
		if got, err := nanoseconds(c.in); got != c.want || err != c.err {
			t.Errorf("nanoseconds(%v) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}
