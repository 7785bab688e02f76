package systrap

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// testPlatform is one for all tests: a template lives as long as the process.
var testPlatform = func() func(t *testing.T) *Platform {
	var p *Platform
	return func(t *testing.T) *Platform {
		t.Helper()
		if p == nil {
			var err error
			if p, err = New(); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
}()

type file struct {
	fd int
	id uint64
}

func (f file) FD(bool) int { return f.fd }
func (f file) ID() uint64  { return f.id }

var lastID uint64

// newFile returns a memory file of size bytes with text at its start.
func newFile(t *testing.T, size int, text []byte) (file, []byte) {
	t.Helper()
	fd, err := memfd("test", int64(size))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem); unix.Close(fd) })
	copy(mem, text)
	lastID++
	return file{fd, lastID}, mem
}

const codeAt = 0x400000

// newGuest returns an address space with text at codeAt, and a thread.
func newGuest(t *testing.T, text []byte) (*Space, *Context, *arch.Regs) {
	t.Helper()
	p := testPlatform(t)
	as, err := p.NewAddressSpace()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := newFile(t, 0x10000, text)
	if err := as.Map(guest.Range{Start: codeAt, End: codeAt + 0x10000}, f, 0, 7, 0); err != nil {
		t.Fatal(err)
	}
	c, err := as.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Release(); as.Release(func() {}) })
	return as.(*Space), c.(*Context), &arch.Regs{RIP: codeAt, RSP: codeAt + 0x10000}
}

func TestSyscall(t *testing.T) {
	// syscall; jmp back
	_, c, r := newGuest(t, []byte{0x0f, 0x05, 0xeb, 0xfc})
	r.RAX = 39
	for i := range 1000 {
		r.RBX = uint64(i)
		ev := c.Switch(r)
		if ev.Kind != platform.Syscall || r.OrigRAX != 39 || r.RIP != codeAt+2 || r.RBX != uint64(i) {
			t.Fatalf("turn %d: %+v, call %d at %#x", i, ev, r.OrigRAX, r.RIP)
		}
		if int64(r.RAX) != -int64(linux.ENOSYS) {
			t.Fatalf("RAX is %d", int64(r.RAX))
		}
		r.SetReturn(39)
	}
}

// fastCall is what a rewritten call jumps to, then a jump back to it.
func fastCall(p *Platform) []byte {
	text := []byte{0x48, 0x8d, 0x0d, 13, 0, 0, 0, 0x49, 0xbb} // lea 13(%rip), %rcx; movabs $enter, %r11
	text = binary.LittleEndian.AppendUint64(text, p.entries.enter)
	return append(text, 0x41, 0xff, 0xe3, 0xeb, 0xea) // jmp *%r11; jmp back
}

// TestFastCall keeps registers and extended state over calls that no signal
// makes, and mixes them with changes of either.
func TestFastCall(t *testing.T) {
	_, c, r := newGuest(t, fastCall(testPlatform(t)))
	want := arch.Regs{
		RIP: codeAt, RBX: 1, RBP: 2, RSP: codeAt + 0x8000, RSI: 3, RDI: 4, RDX: 5, R8: 6, R9: 7, R10: 8,
		R12: 9, R13: 10, R14: 11, R15: 12, RAX: 39, EFLAGS: 0x8d5,
	}
	*r = want
	for i := range 1000 {
		no := uint64(i)
		if i > 100 {
			no |= 0x100000000 // the upper half of RAX does not count
		}
		if i%7 == 3 {
			r.R12 += 3
			want.R12 = r.R12
		}
		if i%5 == 2 {
			s := c.FP()
			s[160] = byte(i)
			s[512] |= 2 // XSTATE_BV: SSE is in use
			if err := c.SetFP(s); err != nil {
				t.Fatal(err)
			}
		}
		r.RAX = no
		if ev := c.Switch(r); ev.Kind != platform.Syscall {
			t.Fatalf("turn %d: %+v at %#x", i, ev, r.RIP)
		}
		w := want
		w.RIP, w.RAX, w.OrigRAX = codeAt+20, ^uint64(linux.ENOSYS)+1, uint64(i)
		w.RCX, w.R11, w.CS, w.SS = w.RIP, r.EFLAGS, arch.UserCS, arch.UserSS
		w.EFLAGS |= 0x202
		got := *r
		got.EFLAGS |= 2
		w.R11 = got.R11
		if got != w {
			t.Fatalf("turn %d:\n%+v, want\n%+v", i, got, w)
		}
		if i%5 == 2 && c.FP()[160] != byte(i) {
			t.Fatalf("turn %d: xmm0 is lost", i)
		}
	}
}

// TestLocalCall: what SetCached publishes is answered without the Sentry.
func TestLocalCall(t *testing.T) {
	text := fastCall(testPlatform(t))
	// Behind the call: mov %eax, %ebx; mov $9, %eax; syscall.
	text = append(text[:20], 0x89, 0xc3, 0xb8, 9, 0, 0, 0, 0x0f, 0x05)
	_, c, r := newGuest(t, text)
	v := platform.Cached{PID: 11, TID: 12, PPID: 13, UID: 14, EUID: 15, GID: 16, EGID: 17}
	c.SetCached(&v)
	for no, want := range map[uint64]uint64{39: 11, 186: 12, 110: 13, 102: 14, 107: 15, 104: 16, 108: 17} {
		r.RIP, r.RAX = codeAt, no
		if ev := c.Switch(r); ev.Kind != platform.Syscall || r.OrigRAX != 9 || r.RBX != want {
			t.Errorf("call %d: %+v %d, got %d, want %d", no, ev, r.OrigRAX, r.RBX, want)
		}
	}
	v.Watched = true
	c.SetCached(&v)
	r.RIP, r.RAX = codeAt, 39
	if ev := c.Switch(r); ev.Kind != platform.Syscall || r.OrigRAX != 39 {
		t.Errorf("a watched thread's call: %+v, %d", ev, r.OrigRAX)
	}
}

// TestFastInterrupt kicks a thread that only makes calls, most of them
// answered in the stub: no call is lost, repeated or left half done.
func TestFastInterrupt(t *testing.T) {
	text := fastCall(testPlatform(t))
	// count: inc %r14; mov $39, %eax; call; jmp count
	text = append([]byte{0x49, 0xff, 0xc6, 0xb8, 39, 0, 0, 0}, text[:20]...)
	text = append(text, 0x85, 0xc0, 0x74, 0xe0, 0x49, 0xff, 0xc7, 0xeb, 0xdb) // test %eax,%eax; jz count; inc %r15; jmp count
	_, c, r := newGuest(t, text)
	c.SetCached(&platform.Cached{PID: 7})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				c.Interrupt()
				pause(uint32(rand.IntN(400)))
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for i := range 3000 {
		if i%500 == 0 {
			c.SetCached(&platform.Cached{PID: 7, Watched: i%1000 == 0})
		}
		ev := c.Switch(r)
		if ev.Kind == platform.Syscall {
			if r.OrigRAX != 39 || r.R14 != r.R15+1 {
				t.Fatalf("turn %d: call %d after %d calls, %d answers", i, r.OrigRAX, r.R14, r.R15)
			}
			r.SetReturn(7)
			continue
		}
		if ev.Kind != platform.Interrupted || r.R14-r.R15 > 1 || r.RSP != codeAt+0x10000 {
			t.Fatalf("turn %d: %+v at %#x, stack %#x, %d calls, %d answers", i, ev, r.RIP, r.RSP, r.R14, r.R15)
		}
	}
}

func TestFault(t *testing.T) {
	// mov 0x1234, %al (absolute)
	_, c, r := newGuest(t, []byte{0x8a, 0x04, 0x25, 0x34, 0x12, 0, 0})
	ev := c.Switch(r)
	if ev.Kind != platform.Fault || ev.Signal != uint8(unix.SIGSEGV) || ev.Code != 1 || ev.Addr != 0x1234 || ev.Err&4 == 0 {
		t.Fatalf("%+v", ev)
	}
	if r.RIP != codeAt {
		t.Fatalf("RIP is %#x", r.RIP)
	}
	_, c, r = newGuest(t, []byte{0xcc})
	if ev := c.Switch(r); ev.Kind != platform.Fault || ev.Signal != uint8(unix.SIGTRAP) {
		t.Fatalf("int3: %+v", ev)
	}
	_, c, r = newGuest(t, []byte{0x0f, 0x0b})
	if ev := c.Switch(r); ev.Kind != platform.Fault || ev.Signal != uint8(unix.SIGILL) {
		t.Fatalf("ud2: %+v", ev)
	}
}

// TestMemory changes mappings between turns.
func TestMemory(t *testing.T) {
	// mov (%rdi), %rax; syscall; jmp back
	as, c, r := newGuest(t, []byte{0x48, 0x8b, 0x07, 0x0f, 0x05, 0xeb, 0xf9})
	const at = 0x10000000
	f, mem := newFile(t, 0x100000, nil)
	for i := range 200 {
		off := i % 16 * 0x10000
		mem[off] = byte(i)
		flags := platform.MapFlags(0)
		if i%2 == 0 {
			flags = platform.Keep
		}
		where := guest.Range{Start: guest.Addr(at + i*0x10000), End: guest.Addr(at + (i+1)*0x10000)}
		if err := as.Map(where, f, uint64(off), 3, flags); err != nil {
			t.Fatal(err)
		}
		r.RDI = uint64(where.Start)
		if ev := c.Switch(r); ev.Kind != platform.Syscall || r.OrigRAX != uint64(byte(i)) {
			t.Fatalf("%d: %+v call %d", i, ev, r.OrigRAX)
		}
		if i%3 == 0 {
			as.Unmap(where)
			if ev := c.Switch(r); ev.Kind != platform.Fault || uint64(ev.Addr) != r.RDI {
				t.Fatalf("%d: unmapped: %+v", i, ev)
			}
			r.RIP = codeAt
		}
	}
	as.Forget(f)
}

func TestThreads(t *testing.T) {
	as, c, r := newGuest(t, []byte{0x0f, 0x05, 0xeb, 0xfc})
	c.Switch(r)
	const n = 40
	errs := make(chan string, n)
	for i := range n {
		o, err := as.NewContext()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer o.Release()
			r := arch.Regs{RIP: codeAt, RSP: codeAt + 0x10000, FSBase: uint64(0x1000 * i)}
			for j := range 200 {
				r.RAX = uint64(j)
				if ev := o.Switch(&r); ev.Kind != platform.Syscall || r.OrigRAX != uint64(j) {
					errs <- "thread " + strconv.Itoa(i) + " lost a call"
					return
				}
			}
			errs <- ""
		}()
	}
	for range n {
		if e := <-errs; e != "" {
			t.Error(e)
		}
	}
}

func TestInterrupt(t *testing.T) {
	_, c, r := newGuest(t, []byte{0xeb, 0xfe})
	for range 20 {
		go c.Interrupt()
		if ev := c.Switch(r); ev.Kind != platform.Interrupted || r.RIP != codeAt {
			t.Fatalf("%+v", ev)
		}
	}
}

// TestFP keeps the vector registers over turns and through FP and SetFP.
func TestFP(t *testing.T) {
	// movq %rdi,%xmm3; syscall; movq %xmm3,%rax; syscall
	text := []byte{0x66, 0x48, 0x0f, 0x6e, 0xdf, 0x0f, 0x05, 0x66, 0x48, 0x0f, 0x7e, 0xd8, 0x0f, 0x05}
	_, c, r := newGuest(t, text)
	r.RDI = 0x1234
	c.Switch(r)
	s := c.FP()
	if s[160+48] != 0x34 {
		t.Fatal("FP does not hold xmm3")
	}
	s[160+48] = 0x35
	if err := c.SetFP(s); err != nil {
		t.Fatal(err)
	}
	if c.Switch(r); r.OrigRAX != 0x1235 {
		t.Fatalf("xmm3 is %#x", r.OrigRAX)
	}
	r.RIP = codeAt + 7
	c.SetFP(nil)
	if c.Switch(r); r.OrigRAX != 0 {
		t.Fatalf("xmm3 is %#x after a reset", r.OrigRAX)
	}
}

// TestLayout compares layout.h with layout.go.
func TestLayout(t *testing.T) {
	text, err := os.ReadFile("layout.h")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"TEXT_BASE": textBase, "DATA_BASE": dataBase, "DATA_SIZE": dataSize, "DATA_MM": dataMM, "ARGS_BASE": argsBase,
		"CTL_BASE": ctlBase, "CTL_SIZE": ctlSize,
		"SLOT_MASK": -slotSize, "S_TURN": sTurn, "S_SLEEP": sSleep, "S_PARKED": sParked,
		"S_SPIN": sSpin, "S_CMD": sCmd, "S_NOPS": sNops, "S_TID": sTID, "S_INDEX": sIndex,
		"S_MYSEQ": sMySeq, "S_NEEDSEQ": sNeedSeq, "S_UC": sUC, "S_INFO": sInfo,
		"S_RESUME": sResume, "S_SS": sSS, "S_MSG": sMsg, "S_OPS": sOps,
		"A_DONESEQ": aDoneSeq, "A_WAITERS": aWaiters,
		"S_ONE": sOne, "S_CPU": sCPU, "S_STUBCPU": sStubCPU, "FD_SOCK": fdSock, "FD_BELL": fdBell, "TURN_STUB": turnStub, "TURN_IDLE": turnIdle, "CMD_RESUME": cmdResume, "CMD_POST": cmdPost, "CMD_EXIT": cmdExit, "CMD_SPILL": cmdSpill,
		"CMD_RETURN": cmdReturn, "CMD_REGS": cmdRegs, "CMD_REGSFP": cmdRegsFP, "S_STATE": sState, "S_KICKED": sKicked, "S_XLO": sXLo, "S_XHI": sXHi,
		"S_SELF": sSelf, "S_CACHED": sCached, "S_LOCAL": sLocal, "S_GR8": sGregs, "S_GEFL": sGregs + 8*gEFL, "S_IRET": sIret, "S_XS": sXS, "A_BITS": aBits, "BELL_MASK": bellBits - 1,
	}
	for _, m := range regexp.MustCompile(`(?m)^#define (\w+)\s+(\S+)`).FindAllStringSubmatch(string(text), -1) {
		v, err := strconv.ParseInt(m[2], 0, 64)
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		if w, ok := want[m[1]]; ok && v != w {
			t.Errorf("%s is %#x in layout.h, %#x in layout.go", m[1], v, w)
		}
		delete(want, m[1])
	}
	if len(want) > 0 {
		t.Errorf("not in layout.h: %v", want)
	}
}

func BenchmarkSyscall(b *testing.B) {
	t := &testing.T{}
	_, c, r := newGuest(t, []byte{0x0f, 0x05, 0xeb, 0xfc})
	for b.Loop() {
		c.Switch(r)
	}
}

func BenchmarkFastCall(b *testing.B) {
	t := &testing.T{}
	_, c, r := newGuest(t, fastCall(testPlatform(t)))
	for b.Loop() {
		c.Switch(r)
	}
}

// TestDeath: a process that is dead before anybody watches it is noticed, too.
func TestDeath(t *testing.T) {
	p := testPlatform(t)
	for i := range 200 {
		as, err := p.NewAddressSpace()
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		as.Release(func() { close(done) })
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("the death of process %d was missed", i)
		}
	}
}
