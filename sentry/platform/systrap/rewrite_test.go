package systrap

import (
	"testing"

	"golang.org/x/sys/unix"

	"glovebox/sentry/arch"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

const roomAt = codeAt - roomSize

// newText returns an address space with a file's text at codeAt, room for
// trampolines below it, and a thread.
func newText(t *testing.T, f file) (*Space, *Context, *arch.Regs) {
	t.Helper()
	as, err := testPlatform(t).NewAddressSpace()
	if err != nil {
		t.Fatal(err)
	}
	s := as.(*Space)
	s.Room(f, codeAt, roomAt)
	text := guest.Range{Start: codeAt, End: codeAt + 0x10000}
	if err := as.Map(text, f, 0, platform.Read|platform.Exec, platform.Private); err != nil {
		t.Fatal(err)
	}
	c, err := as.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Release(); as.Release(func() {}) })
	return s, c.(*Context), &arch.Regs{RIP: codeAt, RSP: codeAt}
}

// Two calls, one of each kind, and what shows that flags and results survive.
var twoCalls = []byte{
	0x90, 0x90, // nop; nop
	0xb8, 39, 0, 0, 0, 0x0f, 0x05, // 2: mov $39, %eax; syscall
	0x48, 0x89, 0xc3, // 9: mov %rax, %rbx
	0xb8, 40, 0, 0, 0, 0x90, // 12: mov $40, %eax; nop
	0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, // 18: syscall; cmp $-4096, %rax
	0x77, 0xe4, // 26: ja 0
	0x49, 0xff, 0xc7, // 28: inc %r15
	0xeb, 0xdf, // 31: jmp 0
	0xeb, 0xf1, // 33: jmp 20
}

// turn makes one call and checks where the guest's text says that it is.
func turn(t *testing.T, c *Context, r *arch.Regs, no, at, result uint64) {
	t.Helper()
	if ev := c.Switch(r); ev.Kind != platform.Syscall || r.OrigRAX != no || r.RIP != codeAt+at {
		t.Fatalf("%+v: call %d at %#x; want call %d at %#x", ev, r.OrigRAX, r.RIP, no, codeAt+at)
	}
	r.SetReturn(result)
}

func TestRewrite(t *testing.T) {
	f, _ := newFile(t, 0x10000, twoCalls)
	as, c, r := newText(t, f)
	for i := range uint64(50) {
		fail := i%3 == 0
		turn(t, c, r, 39, 9, i)
		fast := c.state == inSlot
		second := i
		if fail {
			second = ^uint64(10)
		}
		turn(t, c, r, 40, 20, second)
		if r.RBX != i {
			t.Fatalf("turn %d: RBX is %d", i, r.RBX)
		}
		if want := i - (i+2)/3; r.R15 != want {
			t.Fatalf("turn %d: %d successes, want %d", i, r.R15, want)
		}
		if i > rewriteAt && (!fast || c.state != inSlot) {
			t.Fatalf("turn %d: calls are not rewritten", i)
		}
	}

	// Another process has it from the first call on.
	_, c2, r2 := newText(t, f)
	turn(t, c2, r2, 39, 9, 0)
	turn(t, c2, r2, 40, 20, 0)
	if c2.state != inSlot {
		t.Error("a second process has calls that are not rewritten")
	}

	// One that is behind a call which was rewritten meanwhile.
	c2.Switch(r2)
	r2.RIP, r2.RAX = codeAt+20, 0
	n := r2.R15
	if turn(t, c2, r2, 39, 9, 0); r2.R15 != n+1 {
		t.Error("what a jump covers was not executed")
	}

	// A branch of the guest's own into what the jump covers.
	c2.Switch(r2)
	r2.RIP, r2.RAX = codeAt+33, 0
	if turn(t, c2, r2, 39, 9, 0); r2.R15 != n+2 {
		t.Error("a branch behind the call went wrong")
	}

	// The room is wanted for something else.
	as.TakeRoom(roomAt)
	as.Unmap(guest.Range{Start: roomAt, End: roomAt + roomSize})
	turn(t, c, r, 39, 9, 1)
	turn(t, c, r, 40, 20, 1)
	turn(t, c, r, 39, 9, 1)
	if c.state != framed {
		t.Error("calls are rewritten without room")
	}
}

// TestGS: a guest that uses GS has it, and text as it is in its file.
func TestGS(t *testing.T) {
	f, _ := newFile(t, 0x10000, twoCalls)
	_, c, r := newText(t, f)
	for range 10 {
		turn(t, c, r, 39, 9, 0)
		turn(t, c, r, 40, 20, 0)
	}
	r.GSBase = codeAt
	for i := range 10 {
		turn(t, c, r, 39, 9, 0)
		if i > 0 && c.state != framed {
			t.Fatal("calls are rewritten although GS is the guest's")
		}
		turn(t, c, r, 40, 20, 0)
	}
}

// TestNewVersion: what was rewritten is of one version of a file only.
func TestNewVersion(t *testing.T) {
	f, mem := newFile(t, 0x10000, twoCalls)
	_, c, r := newText(t, f)
	for range 5 {
		turn(t, c, r, 39, 9, 0)
		turn(t, c, r, 40, 20, 0)
	}
	mem[3] = 41
	if err := unix.Futimes(f.fd, []unix.Timeval{{Sec: 1}, {Sec: 1}}); err != nil {
		t.Fatal(err)
	}
	_, c, r = newText(t, f)
	turn(t, c, r, 41, 9, 0)
}

// TestStepThroughCall: a guest that steps sees no trampoline.
func TestStepThroughCall(t *testing.T) {
	f, _ := newFile(t, 0x10000, twoCalls)
	_, c, r := newText(t, f)
	for range 5 {
		turn(t, c, r, 39, 9, 0)
		turn(t, c, r, 40, 20, 0)
	}
	for c.Switch(r); r.RIP != codeAt+9; c.Switch(r) {
		t.Fatalf("RIP is %#x", r.RIP)
	}
	r.EFLAGS |= 1 << 8
	calls, steps := 0, 0
	for ; calls < 4 && steps < 100; steps++ {
		ev := c.Switch(r)
		switch {
		case ev.Kind == platform.Syscall:
			calls++
			r.SetReturn(0)
		case ev.Kind != platform.Fault || ev.Signal != uint8(unix.SIGTRAP):
			t.Fatalf("step %d: %+v", steps, ev)
		}
		if r.RIP < codeAt || r.RIP >= codeAt+uint64(len(twoCalls)) {
			t.Fatalf("step %d: RIP is %#x", steps, r.RIP)
		}
	}
	if calls != 4 {
		t.Errorf("%d calls in %d steps", calls, steps)
	}
}
