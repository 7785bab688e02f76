package systrap

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/sentry/arch"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// survive runs a guest that was led astray for a moment, then interrupts it:
// whatever it does, Switch returns, and a new guest runs as ever.
func survive(t *testing.T, c *Context, r *arch.Regs) platform.Event {
	t.Helper()
	timer := time.AfterFunc(2*time.Millisecond, c.Interrupt)
	defer timer.Stop()
	for range 100 {
		ev := c.Switch(r)
		if ev.Kind == platform.Dead || ev.Kind == platform.Interrupted {
			return ev
		}
		if ev.Kind == platform.Fault {
			return ev
		}
		c.Interrupt()
	}
	t.Fatal("it makes calls without end")
	return platform.Event{}
}

// impatient makes the watchdog quick for one test.
func impatient(t *testing.T) {
	p := testPlatform(t)
	was := p.patience
	p.patience = patience{every: 20 * time.Millisecond, cpu: 20 * time.Millisecond, most: 100 * time.Millisecond}
	t.Cleanup(func() { p.patience = was })
}

// TestJumpIntoStub lets guests jump to every instruction of the stub, and
// between them, with registers that point nowhere, at the slot, or at a list
// of operations.
func TestJumpIntoStub(t *testing.T) {
	impatient(t)
	step := 7
	if testing.Short() {
		step = 61
	}
	for off := 0; off < len(stubText()); off += step {
		_, c, r := newGuest(t, []byte{0xff, 0xe0}) // jmp *%rax
		*r = arch.Regs{RIP: codeAt, RAX: textBase + uint64(off), RSP: codeAt + 0x8000, RBX: c.base, R15: ctlBase}
		switch off / step % 3 {
		case 0:
			r.RBX, r.R15 = 0x1234, 0
		case 1:
			r.R13, r.R14 = 3, c.base+sOps
			r.RSP = c.base + 0x3000
		}
		survive(t, c, r)
	}
	TestSyscall(t)
}

// TestScribble writes over the slot at random while its guest runs.
func TestScribble(t *testing.T) {
	impatient(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		_, c, r := newGuest(t, fastCall(testPlatform(t)))
		c.Switch(r)
		stop := make(chan struct{})
		done := make(chan struct{})
		seed := rng.Uint64()
		go func() {
			defer close(done)
			rng := rand.New(rand.NewPCG(seed, 0))
			for {
				select {
				case <-stop:
					return
				default:
				}
				off := 4 * rng.IntN(0x400)
				if rng.IntN(4) == 0 {
					off = 4 * rng.IntN(slotSize/4)
				}
				v := rng.Uint32()
				if rng.IntN(2) == 0 {
					v &= 3
				}
				c.slot.u32(off).Store(v)
				pause(uint32(rng.IntN(2000)))
			}
		}()
		for range 20 {
			timer := time.AfterFunc(time.Millisecond, c.Interrupt)
			ev := c.Switch(r)
			timer.Stop()
			c.FP()
			if ev.Kind == platform.Dead {
				break
			}
			r.RIP = codeAt
		}
		close(stop)
		<-done
	}
	TestSyscall(t)
}

// TestUnmapSlot takes the slot and the stub's text away from under
// the stub, as a guest can that calls the host through it.
func TestUnmapSlot(t *testing.T) {
	impatient(t)
	for _, a := range []guest.Range{
		{Start: ctlBase, End: ctlBase + slotSize}, {Start: textBase, End: textBase + 0x1000},
	} {
		as, c, r := newGuest(t, []byte{0x0f, 0x05, 0xeb, 0xfc})
		c.Switch(r)
		as.mu.Lock()
		as.pending = append(as.pending, op{unix.SYS_MUNMAP, uint64(a.Start), a.Len()})
		as.mu.Unlock()
		if ev := survive(t, c, r); ev.Kind != platform.Dead {
			t.Errorf("%v is gone: %+v", a, ev)
		}
	}
	TestSyscall(t)
}

// TestDeafened: a guest that fills its doorbell up loses itself alone.
func TestDeafened(t *testing.T) {
	as, c, r := newGuest(t, []byte{0x0f, 0x05, 0xeb, 0xfc})
	c.Switch(r)
	c.slot.u64(sOne).Store(^uint64(1))
	as.mu.Lock()
	as.pending = append(as.pending, op{unix.SYS_WRITE, fdBell, c.base + sOne, 8})
	as.mu.Unlock()
	timer := time.AfterFunc(50*time.Millisecond, as.Kill)
	defer timer.Stop()
	for range 1_000_000 {
		c.pace.credit = paceMin // it parks
		if ev := c.Switch(r); ev.Kind == platform.Dead {
			TestSyscall(t)
			return
		}
	}
	t.Error("it was not killed")
}

// TestBlockedKick: a guest that returns from a signal frame of its own with all
// signals blocked, and computes, is killed when it does not answer.
func TestBlockedKick(t *testing.T) {
	impatient(t)
	// mov %rdi,%rsp; jmp *%rax: to the stub's rt_sigreturn; at 16: jmp itself.
	_, c, r := newGuest(t, append([]byte{0x48, 0x89, 0xfc, 0xff, 0xe0}, append(make([]byte, 11), 0xeb, 0xfe)...))
	frame := c.slot[0x1800:][:ucSize]
	clear(frame)
	le := binary.NativeEndian
	le.PutUint64(frame[ucFlags:], ucFlagsValue)
	le.PutUint64(frame[ucSigmask:], ^uint64(0))
	storeGregs(frame[ucGregs:], &arch.Regs{RIP: codeAt + 16, RSP: codeAt + 0x8000})
	// The stub's own way there: resume with the frame in the slot.
	c.slot.u64(sResume).Store(c.base + 0x1800)
	text := stubText()
	sigreturn := -1
	for i := range text[:len(text)-7] {
		// mov $15,%eax; syscall
		if string(text[i:i+7]) == "\xb8\x0f\x00\x00\x00\x0f\x05" {
			sigreturn = i
		}
	}
	if sigreturn < 0 {
		t.Fatal("the stub has no rt_sigreturn")
	}
	r.RAX, r.RDI = uint64(textBase+sigreturn), c.base+0x1800
	time.AfterFunc(10*time.Millisecond, c.Interrupt)
	if ev := c.Switch(r); ev.Kind != platform.Dead {
		t.Errorf("%+v", ev)
	}
	TestSyscall(t)
}

// TestForeignCalls: what the filter does not allow is the guest's own call,
// from wherever it is made; other gates are none.
func TestForeignCalls(t *testing.T) {
	text := stubText()
	gate := 0
	for gate = range text {
		if text[gate] == 0x0f && text[gate+1] == 0x05 {
			break
		}
	}
	// Calls take their number from RAX: get there by way of RCX.
	_, c, r := newGuest(t, []byte{0xff, 0xe1}) // jmp *%rcx
	for _, no := range []uint64{unix.SYS_OPEN, unix.SYS_SOCKET, unix.SYS_EXECVE, unix.SYS_FORK, unix.SYS_KILL, unix.SYS_PTRACE,
		unix.SYS_PRCTL, unix.SYS_SECCOMP, unix.SYS_PROCESS_VM_READV, unix.SYS_RT_SIGPROCMASK, 0x40000000 | unix.SYS_GETPID} {
		*r = arch.Regs{RIP: codeAt, RCX: textBase + uint64(gate), RAX: no, RSP: codeAt + 0x8000}
		if ev := c.Switch(r); ev.Kind != platform.Syscall || r.OrigRAX != no {
			t.Errorf("call %#x: %+v, %#x", no, ev, r.OrigRAX)
		}
	}
	// clone as a process, anonymous and executable mappings, madvise kinds.
	for _, args := range [][]uint64{
		{unix.SYS_CLONE, uint64(unix.SIGCHLD)},
		{unix.SYS_CLONE, threadFlags | unix.CLONE_NEWUSER},
		{unix.SYS_MMAP, 0x20000000, 0x1000, 3, unix.MAP_ANONYMOUS | unix.MAP_PRIVATE | unix.MAP_FIXED},
		{unix.SYS_MMAP, 0x20000000, 0x1000, 3, unix.MAP_SHARED},
		{unix.SYS_MADVISE, codeAt, 0x1000, unix.MADV_HWPOISON},
		{unix.SYS_FUTEX, codeAt, 3},
		{unix.SYS_RECVMSG, 5},
		{unix.SYS_WRITE, fdSock, codeAt, 8},
		{unix.SYS_WRITE, 2, codeAt, 8},
		{unix.SYS_CLOSE, fdBell},
		{unix.SYS_ARCH_PRCTL, 0x1003},
	} {
		args = append(args, make([]uint64, 7-len(args))...)
		*r = arch.Regs{RIP: codeAt, RCX: textBase + uint64(gate), RAX: args[0], RDI: args[1], RSI: args[2],
			RDX: args[3], R10: args[4], RSP: codeAt + 0x8000}
		if ev := c.Switch(r); ev.Kind != platform.Syscall || r.OrigRAX != args[0] {
			t.Errorf("call %d: %+v, %#x", args, ev, r.OrigRAX)
		}
	}
	// int $0x80 is a fault, as on a kernel without it.
	_, c, r = newGuest(t, []byte{0xcd, 0x80})
	r.RAX = 20
	if ev := c.Switch(r); ev.Kind != platform.Fault || ev.Signal != uint8(unix.SIGSEGV) {
		t.Errorf("int $0x80: %+v", ev)
	}
}

// FuzzSharedPage reads what a slot holds when it is the Sentry's turn: all of
// it is hostile.
func FuzzSharedPage(f *testing.F) {
	f.Add([]byte{}, uint32(turnSentry))
	f.Add([]byte{0x28, 0, 0, 0, 0x00, 0x70, 0x00, 0x10, 0xf0, 0x7f, 0, 0}, uint32(turnSentry))
	f.Add([]byte{0x80, 0x0b, 0xff, 0xff, 0xff, 0xff}, uint32(turnFast))
	f.Add([]byte{}, uint32(turnKicked))
	f.Add([]byte{}, uint32(99))
	p := &Platform{x: hostXstate(), entries: stubEntries(stubText())}
	f.Fuzz(func(t *testing.T, data []byte, turn uint32) {
		as := &Space{p: p, stubProc: &stubProc{pidfd: -1}}
		as.dead.Store(true) // nothing to kill
		c := &Context{p: p, as: as, slot: make(page, slotSize), base: ctlBase}
		p.initSlot(c.slot, 0)
		// A frame where one may be; then pairs of offset and word.
		c.slot.u64(sUC).Store(c.base + stackOff + 0x1000)
		c.slot.u64(sInfo).Store(c.base + stackOff + 0x2000)
		for len(data) >= 6 {
			c.slot.u32(int(binary.LittleEndian.Uint16(data)) % (slotSize - 4) &^ 3).Store(binary.LittleEndian.Uint32(data[2:]))
			data = data[6:]
		}
		c.slot.u32(sTurn).Store(turn)
		var r arch.Regs
		ev, ok := c.load(&r)
		if ok && ev.Kind == platform.Syscall && r.OrigRAX>>32 != 0 {
			t.Errorf("call number %#x", r.OrigRAX)
		}
		if c.state == framed {
			if s := c.FP(); len(s) != p.x.size {
				t.Errorf("%d bytes of extended state", len(s))
			}
		}
		if c.state == inSlot {
			c.store(&r)
		}
	})
}

// TestHoarder says of all descriptors that it received them, and leaves them on the
// way: the host lets each user have only so many there.
func TestHoarder(t *testing.T) {
	as, _, _ := newGuest(t, []byte{0xeb, 0xfe}) // jmp .
	f, _ := newFile(t, 4096, nil)
	const most = 10_000
	for i := uint64(1); ; i++ {
		f.id = 1_000_000 + i
		err := as.Map(guest.Range{Start: 0x10_0000, End: 0x10_1000}, f, 0, platform.Read, 0)
		if err != nil {
			break
		}
		if i == most {
			t.Fatalf("%d descriptors are on the way", most)
		}
		as.mu.Lock()
		as.pending = nil // as if it had run them
		as.mu.Unlock()
	}
	if !as.dead.Load() {
		t.Error("the liar lives")
	}
	TestSyscall(t)
}
