package arch

import (
	"encoding/binary"
	"reflect"
	"testing"
	"unsafe"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

// flat is guest memory from base on.
type flat struct {
	base guest.Addr
	b    []byte
}

func (f *flat) at(a guest.Addr, n int) []byte {
	if a < f.base || uint64(a-f.base)+uint64(n) > uint64(len(f.b)) {
		return nil
	}
	return f.b[a-f.base:][:n]
}

func (f *flat) CopyIn(a guest.Addr, p []byte) (int, error) {
	s := f.at(a, len(p))
	if s == nil {
		return 0, linux.EFAULT
	}
	return copy(p, s), nil
}

func (f *flat) CopyOut(a guest.Addr, p []byte) (int, error) {
	s := f.at(a, len(p))
	if s == nil {
		return 0, linux.EFAULT
	}
	return copy(s, p), nil
}

func (f *flat) Windows(a guest.Addr, n int, _ guest.Access, g func([]byte) (int, error)) (int, error) {
	return g(f.at(a, n))
}

func TestFrameLayout(t *testing.T) {
	var f SignalFrame
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"frame", unsafe.Sizeof(f), 440},
		{"uc", unsafe.Offsetof(f.UC), 8},
		{"info", unsafe.Offsetof(f.Info), 312},
		{"sigmask", unsafe.Offsetof(f.UC.Mask), 296},
		{"mcontext", unsafe.Offsetof(f.UC.Mcontext), 40},
		{"rip", unsafe.Offsetof(f.UC.Mcontext.RIP), 128},
		{"cr2", unsafe.Offsetof(f.UC.Mcontext.CR2), 176},
		{"fpstate", unsafe.Offsetof(f.UC.Mcontext.FPState), 184},
	} {
		if c.got != c.want {
			t.Errorf("%s at %d, want %d", c.name, c.got, c.want)
		}
	}
	if err := linux.CheckLayout(reflect.TypeFor[SignalFrame]()); err != nil {
		t.Error(err)
	}
}

func fpState(size int) FPState {
	fp := make(FPState, size)
	binary.LittleEndian.PutUint32(fp[fpSwReserved:], fpXstateMagic1)
	binary.LittleEndian.PutUint32(fp[fpSwReserved+4:], uint32(size+4))
	binary.LittleEndian.PutUint32(fp[fpSwReserved+16:], uint32(size))
	fp[600] = 42
	return fp
}

func TestSignalRoundTrip(t *testing.T) {
	m := &flat{0x10000, make([]byte, 0x10000)}
	want := Regs{RAX: 1, RBX: 2, RCX: 3, RSP: 0x18005, RIP: 0x401000, EFLAGS: 0x246, R15: 9, CS: UserCS, SS: UserSS, OrigRAX: NoCall}
	r := want
	d := &Delivery{
		Action: linux.Sigaction{Handler: 0x402000, Restorer: 0x403000, Flags: linux.SA_RESTORER | linux.SA_SIGINFO},
		Info:   linux.Siginfo{Signo: linux.SIGUSR1},
		Mask:   0xf0, Alt: linux.Stack{Flags: linux.SS_DISABLE}, FP: fpState(832),
	}
	if err := PushSignal(&r, m, d); err != nil {
		t.Fatal(err)
	}
	if r.RIP != 0x402000 || r.RDI != linux.SIGUSR1 || (r.RSP+8)%16 != 0 || r.RSP >= want.RSP-redZone {
		t.Errorf("handler regs %+v", r)
	}
	r.RSP += 8 // ret
	mask, alt, fp, err := PopSignal(&r, m)
	if err != nil {
		t.Fatal(err)
	}
	if r != want {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	if mask != 0xf0 || alt.Flags != linux.SS_DISABLE || len(fp) != 832 || fp[600] != 42 {
		t.Errorf("mask %x alt %+v fp %d", mask, alt, len(fp))
	}
}

func TestSignalAltStack(t *testing.T) {
	m := &flat{0x10000, make([]byte, 0x10000)}
	r := Regs{RSP: 0x12000}
	d := &Delivery{
		Action: linux.Sigaction{Flags: linux.SA_RESTORER | linux.SA_ONSTACK},
		Alt:    linux.Stack{SP: 0x1c000, Size: 0x2000}, FP: fpState(832),
	}
	if err := PushSignal(&r, m, d); err != nil || r.RSP < 0x1c000 || r.RSP >= 0x1e000 {
		t.Fatalf("rsp %#x, %v", r.RSP, err)
	}
	d.Alt.Size = 512
	before := r
	if err := PushSignal(&r, m, d); err != linux.EFAULT || r != before {
		t.Errorf("overflow of the alternate stack: %v", err)
	}
}
