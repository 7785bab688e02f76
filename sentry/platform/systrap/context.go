package systrap

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/platform"
)

// kickSignal makes a stub thread that runs guest code post its registers.
const kickSignal = unix.SIGUSR1

// auditArch is AUDIT_ARCH_X86_64: a call by any other gate is not served.
const auditArch = auditX86_64

// A Context is one stub thread and its slot.
type Context struct {
	p     *Platform
	as    *Space
	index int
	id    int // in Platform.contexts
	slot  page
	base  uint64 // of the slot in the stub
	wake  chan struct{}

	// mu is held while the thread runs guest code or operations.
	mu sync.Mutex
	// gone: the thread was told to exit. Guarded by mu.
	gone bool

	// Task goroutine only.
	uc     int // offset of the ucontext to resume, 0 if a frame must be built
	newFP  arch.FPState
	setFP  bool
	based  bool // fsBase and gsBase are in force
	fsBase uint64
	gsBase uint64
	pace   pace

	// interrupt: Interrupt was called, and no Switch has said so. inGuest:
	// the thread may be running guest code, so a signal is needed.
	interrupt atomic.Bool
	inGuest   atomic.Bool
	watch     watchdog
}

// Switch implements platform.Context.
func (c *Context) Switch(r *arch.Regs) platform.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		c.inGuest.Store(true)
		if c.interrupt.Load() {
			c.inGuest.Store(false)
			c.interrupt.Store(false)
			return platform.Event{Kind: platform.Interrupted}
		}
		c.store(r)
		ok := c.hand(cmdResume, c.bases(r))
		c.inGuest.Store(false)
		c.watch.stop()
		if !ok {
			return platform.Event{Kind: platform.Dead}
		}
		ev, ok := c.load(r)
		if ok {
			return ev
		}
		// A kick that came late, or one to run operations.
		if c.interrupt.Swap(false) {
			return platform.Event{Kind: platform.Interrupted}
		}
	}
}

// Interrupt implements platform.Context.
func (c *Context) Interrupt() {
	if !c.interrupt.Swap(true) && c.inGuest.Load() {
		c.kick()
	}
}

// kick signals the thread. A thread id that the guest made up can only be one
// of its own.
func (c *Context) kick() {
	c.as.mu.Lock()
	defer c.as.mu.Unlock()
	if c.as.dead.Load() {
		return
	}
	c.watch.start(c)
	unix.Tgkill(c.as.pid, int(int32(c.slot.u32(sTID).Load())), kickSignal)
}

// ring wakes the task that waits for the thread.
func (c *Context) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hand gives the thread its turn, with private operations and those that the
// address space has pending, and waits until it gives the turn back. false:
// the process is dead. c.mu is held.
func (c *Context) hand(cmd uint32, private []op) bool {
	for {
		more := c.deliver(private)
		private = nil
		do := cmd
		if more {
			do = cmdPost
		}
		c.slot.u32(sCmd).Store(do)
		c.slot.u32(sTurn).Store(turnStub)
		if c.slot.u32(sSleep).Load() != 0 {
			c.slot.futexWakeAll(sTurn)
		}
		if do == cmdExit {
			return true
		}
		if !c.await() {
			return false
		}
		if !more {
			return true
		}
	}
}

// deliver writes operations into the slot, and reports whether some are left.
func (c *Context) deliver(private []op) (more bool) {
	as := c.as
	as.mu.Lock()
	n := copyOps(c.slot, 0, private, 0)
	seq := uint32(0)
	if len(as.pending) > 0 {
		batch := min(len(as.pending), opMax-n)
		n = copyOps(c.slot, n, as.pending[:batch], c.base+sMsg)
		as.pending = as.pending[:copy(as.pending, as.pending[batch:])]
		as.seq++
		if as.seq == 0 { // 0 stands for no batch
			as.seq++
		}
		seq = as.seq
	}
	more = len(as.pending) > 0
	c.slot.u32(sMySeq).Store(seq)
	c.slot.u32(sNeedSeq).Store(as.seq)
	as.mu.Unlock()
	c.slot.u32(sNops).Store(uint32(n))
	return more
}

// copyOps writes ops at index n of the slot's list; msg is where the slot's
// message header is in the stub.
func copyOps(slot page, n int, ops []op, msg uint64) int {
	for _, o := range ops {
		if o[7]&opRecv != 0 {
			o[2] = msg
		}
		dst := slot[sOps+64*n:][:64]
		for i, v := range o {
			binary.NativeEndian.PutUint64(dst[8*i:], v)
		}
		n++
	}
	return n
}

// await waits until it is the Sentry's turn.
func (c *Context) await() bool {
	turn := c.slot.u32(sTurn)
	if c.pace.spin(c.p, turn) {
		return !c.as.dead.Load()
	}
	parked := c.slot.u32(sParked)
	parked.Store(1)
	for turn.Load() == turnStub && !c.as.dead.Load() {
		<-c.wake
	}
	parked.Store(0)
	return !c.as.dead.Load()
}

// bases returns the operations that load the segment bases.
func (c *Context) bases(r *arch.Regs) []op {
	if c.based && c.fsBase == r.FSBase && c.gsBase == r.GSBase {
		return nil
	}
	const setGS, setFS = 0x1001, 0x1002
	c.based, c.fsBase, c.gsBase = true, r.FSBase, r.GSBase
	return []op{
		{unix.SYS_ARCH_PRCTL, setFS, r.FSBase},
		{unix.SYS_ARCH_PRCTL, setGS, r.GSBase},
	}
}

// store puts r where the thread will load it from.
func (c *Context) store(r *arch.Regs) {
	if c.uc == 0 || c.setFP {
		c.buildFrame()
	}
	g := c.slot[c.uc+ucGregs:][:8*gregCount]
	put := func(i int, v uint64) { binary.NativeEndian.PutUint64(g[8*i:], v) }
	put(gR8, r.R8)
	put(gR9, r.R9)
	put(gR10, r.R10)
	put(gR11, r.R11)
	put(gR12, r.R12)
	put(gR13, r.R13)
	put(gR14, r.R14)
	put(gR15, r.R15)
	put(gRDI, r.RDI)
	put(gRSI, r.RSI)
	put(gRBP, r.RBP)
	put(gRBX, r.RBX)
	put(gRDX, r.RDX)
	put(gRAX, r.RAX)
	put(gRCX, r.RCX)
	put(gRSP, r.RSP)
	put(gRIP, r.RIP)
	put(gEFL, r.EFLAGS)
	put(gCSGSFS, arch.UserCS|arch.UserSS<<48)
	c.slot.u64(sResume).Store(c.base + uint64(c.uc))
}

// buildFrame makes a signal frame below the signal stack, for a thread that
// has none or whose FP state was replaced.
func (c *Context) buildFrame() {
	const fpOff = frameOff + 0x400
	c.uc = frameOff + 8
	u := c.slot[c.uc:][:ucSize]
	clear(u)
	le := binary.NativeEndian
	le.PutUint64(u[ucFlags:], ucFlagsValue)
	le.PutUint64(u[ucStack:], c.base+stackOff)
	le.PutUint64(u[ucStack+16:], slotSize-stackOff)
	if c.newFP != nil {
		f := c.slot[fpOff:][:len(c.newFP)+4]
		copy(f, c.newFP)
		c.p.x.seal(f)
		le.PutUint32(f[len(c.newFP):], fpMagic2)
		le.PutUint64(u[ucFP:], c.base+fpOff)
	}
	c.newFP, c.setFP = nil, false
}

// load reads what the thread posted. ok is false for a kick.
func (c *Context) load(r *arch.Regs) (ev platform.Event, ok bool) {
	uc, ok1 := c.onStack(c.slot.u64(sUC).Load(), ucSize)
	info, ok2 := c.onStack(c.slot.u64(sInfo).Load(), 128)
	if !ok1 || !ok2 {
		// No kernel wrote this.
		c.as.kill()
		return platform.Event{Kind: platform.Dead}, true
	}
	c.uc = uc
	var g [8 * gregCount]byte
	copy(g[:], c.slot[uc+ucGregs:])
	get := func(i int) uint64 { return binary.NativeEndian.Uint64(g[8*i:]) }
	r.R8, r.R9, r.R10, r.R11 = get(gR8), get(gR9), get(gR10), get(gR11)
	r.R12, r.R13, r.R14, r.R15 = get(gR12), get(gR13), get(gR14), get(gR15)
	r.RDI, r.RSI, r.RBP, r.RBX = get(gRDI), get(gRSI), get(gRBP), get(gRBX)
	r.RDX, r.RAX, r.RCX, r.RSP = get(gRDX), get(gRAX), get(gRCX), get(gRSP)
	r.RIP, r.EFLAGS = get(gRIP), get(gEFL)
	r.CS, r.SS = arch.UserCS, arch.UserSS
	r.OrigRAX = arch.NoCall

	signo := c.slot.u32(info).Load()
	code := int32(c.slot.u32(info + 8).Load())
	switch unix.Signal(signo) {
	case kickSignal:
		return ev, false
	case unix.SIGSYS:
		if c.slot.u32(info+28).Load() != auditArch {
			// int $0x80 and the like: as a kernel without that entry.
			return platform.Event{Kind: platform.Fault, Signal: uint8(unix.SIGSEGV), Code: linux.SI_KERNEL, TrapNo: 13}, true
		}
		r.OrigRAX = uint64(c.slot.u32(info + 24).Load())
		r.SetReturn(^uint64(linux.ENOSYS) + 1)
		return platform.Event{Kind: platform.Syscall}, true
	case unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP:
		ev = platform.Event{
			Kind: platform.Fault, Signal: uint8(signo), Code: code,
			Addr: addr(c.slot.u64(info + 16).Load()),
			Err:  uint32(get(gERR)), TrapNo: uint32(get(gTRAPNO)),
		}
		return ev, true
	}
	c.as.kill()
	return platform.Event{Kind: platform.Dead}, true
}

// onStack returns the offset of size bytes at stub address a if they lie on
// the slot's signal stack.
func (c *Context) onStack(a uint64, size int) (int, bool) {
	off := a - c.base
	if off < stackOff || off > uint64(slotSize-size) || off%8 != 0 {
		return 0, false
	}
	return int(off), true
}

// FP implements platform.Context.
func (c *Context) FP() arch.FPState {
	x := &c.p.x
	if c.setFP && c.newFP != nil {
		return append(arch.FPState(nil), c.newFP...)
	}
	s := x.initial()
	if c.uc == 0 || c.setFP {
		return s
	}
	at := binary.NativeEndian.Uint64(c.slot[c.uc+ucFP:]) - c.base
	if at < frameOff || at > uint64(slotSize-x.size) {
		return s
	}
	copy(s, c.slot[at:])
	x.seal(s)
	return s
}

// SetFP implements platform.Context.
func (c *Context) SetFP(s arch.FPState) error {
	if s != nil {
		if err := c.p.x.check(s); err != nil {
			return err
		}
		s = append(arch.FPState(nil), s...)
	}
	c.newFP, c.setFP = s, true
	return nil
}

// SetCached implements platform.Context. The stub answers no call by itself
// yet.
func (c *Context) SetCached(*platform.Cached) {}

// runPending runs what the address space has pending. c.mu is held.
func (c *Context) runPending() { c.hand(cmdPost, nil) }

// Release implements platform.Context.
func (c *Context) Release() {
	c.mu.Lock()
	c.watch.stop()
	if !c.as.dead.Load() {
		c.as.mu.Lock()
		pending := len(c.as.pending) > 0
		c.as.mu.Unlock()
		if pending {
			c.runPending()
		}
		c.hand(cmdExit, nil)
	}
	c.gone = true
	c.mu.Unlock()
	c.as.mu.Lock()
	c.as.contexts[c.index] = nil
	c.as.mu.Unlock()
	c.p.unregister(c)
	c.as.reclaim()
}
