package linux

import (
	"reflect"
	"testing"
)

// abiStructs is every ABI struct with its size on amd64 (from gcc's sizeof).
// A file that adds a struct adds its row here.
var abiStructs = []struct {
	v    any
	size uintptr
}{
	{Sigaction{}, 32},
	{Siginfo{}, 128},
	{Stack{}, 24},
	{Sigevent{}, 64},
	{MqAttr{}, 64},
	{CloneArgs{}, 88},
	{SchedAttr{}, 48},
	{Rlimit{}, 16},
	{Rusage{}, 144},
	{Tms{}, 32},
	{Timespec{}, 16},
	{Timeval{}, 16},
	{Timezone{}, 8},
	{Itimerval{}, 32},
	{Itimerspec{}, 32},
	{FutexWaitv{}, 24},
	{RobustListHead{}, 24},
	{Utsname{}, 390},
	{Sysinfo{}, 112},
	{CapHeader{}, 8},
	{CapData{}, 12},
	{IPCPerm{}, 48},
	{ShmidDS{}, 112},
	{ShmInfo64{}, 72},
	{ShmInfo{}, 48},
	{SemidDS{}, 104},
	{Sembuf{}, 6},
	{Seminfo{}, 40},
	{MsqidDS{}, 120},
	{Msginfo{}, 32},
	{SockFprog{}, 16},
	{SockFilter{}, 8},
	{ElfHeader{}, 64},
	{ElfPhdr{}, 56},
}

func TestLayout(t *testing.T) {
	for _, s := range abiStructs {
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
