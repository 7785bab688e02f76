package linux

import (
	"reflect"
	"testing"
)

// structs is every ABI struct with its size on amd64 (from gcc's sizeof).
// A file that adds a struct adds its row here.
var structs = []struct {
	v    any
	size uintptr
}{}

func TestLayout(t *testing.T) {
	for _, s := range structs {
		typ := reflect.TypeOf(s.v)
		if err := CheckLayout(typ); err != nil {
			t.Error(err)
		}
		if typ.Size() != s.size {
			t.Errorf("%v is %d bytes, want %d", typ, typ.Size(), s.size)
		}
	}
}

func TestLayoutRefusesPadding(t *testing.T) {
	type hole struct {
		A uint32
		B uint64
	}
	if CheckLayout(reflect.TypeFor[hole]()) == nil {
		t.Error("a struct with a hole passed")
	}
}
