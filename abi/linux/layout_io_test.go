package linux

import (
	"reflect"
	"testing"
)

// ioStructs are those of files and sockets, with gcc's sizes.
var ioStructs = []struct {
	v    any
	size uintptr
}{
	{PollFD{}, 8},
	{EpollEvent{}, 12},
	{MsgHdr{}, 56},
	{MMsgHdr{}, 64},
	{CmsgHdr{}, 16},
	{Ucred{}, 12},
	{Linger{}, 8},
	{IOVec{}, 16},
}

func TestIOLayout(t *testing.T) {
	for _, s := range ioStructs {
		typ := reflect.TypeOf(s.v)
		if err := CheckLayout(typ); err != nil {
			t.Error(err)
		}
		if typ.Size() != s.size {
			t.Errorf("%v is %d bytes, want %d", typ, typ.Size(), s.size)
		}
	}
}
