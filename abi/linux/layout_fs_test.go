package linux

import (
	"reflect"
	"testing"
)

// fsStructs are those of file systems, with gcc's sizes.
var fsStructs = []struct {
	v    any
	size uintptr
}{
	{Stat{}, 144},
	{Statx{}, 256},
	{StatxTimestamp{}, 16},
	{Statfs{}, 120},
	{Flock{}, 32},
	{OpenHow{}, 24},
	{Termios{}, 36},
	{Termios2{}, 44},
	{Winsize{}, 8},
}

func TestFSLayout(t *testing.T) {
	for _, s := range fsStructs {
		typ := reflect.TypeOf(s.v)
		if err := CheckLayout(typ); err != nil {
			t.Error(err)
		}
		if typ.Size() != s.size {
			t.Errorf("%v is %d bytes, want %d", typ, typ.Size(), s.size)
		}
	}
}

func TestDeviceNumbers(t *testing.T) {
	for _, d := range [][2]uint32{{1, 3}, {136, 300}, {0xabcde, 0xfedcba}} {
		dev := MakeDev(d[0], d[1])
		if Major(dev) != d[0] || Minor(dev) != d[1] {
			t.Errorf("%v became %d:%d", d, Major(dev), Minor(dev))
		}
	}
}
