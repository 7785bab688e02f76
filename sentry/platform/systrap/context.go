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
	state  contextState
	uc     int       // offset of the signal frame's ucontext; of framed
	last   arch.Regs // what the slot holds, in the guest's view; of inSlot
	at     place     // RIP of last
	places [16]place // where calls were made lately
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

// A contextState says where a thread's state is while it waits for the Sentry.
type contextState uint8

const (
	fresh  contextState = iota // it has run no guest code, signals may be blocked
	framed                     // in a signal frame; signals are blocked
	inSlot                     // in the slot, and extended state in the processor
)

// Switch implements platform.Context.
func (c *Context) Switch(r *arch.Regs) platform.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		c.inGuest.Swap(true)
		if c.interrupt.Load() {
			c.inGuest.Store(false)
			c.interrupt.Store(false)
			return platform.Event{Kind: platform.Interrupted}
		}
		cmd, ok := c.store(r)
		ok = ok && c.hand(cmd, c.bases(r))
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
		ops, more := c.deliver(private)
		private = nil
		do := cmd
		if more {
			do = cmdPost
		}
		c.slot.u32(sCmd).Store(do)
		// Swap, not Store: what follows must not be read before, and under the
		// race detector a Store is no barrier.
		c.slot.u32(sTurn).Swap(turnStub)
		if c.slot.u32(sSleep).Load() != 0 {
			c.slot.futexWakeAll(sTurn)
		}
		if do == cmdExit {
			return true
		}
		if !c.await(do, ops) {
			return false
		}
		if !more {
			return true
		}
	}
}

// deliver writes operations into the slot, and returns how many, and whether
// some are left.
func (c *Context) deliver(private []op) (n int, more bool) {
	as := c.as
	as.mu.Lock()
	n = copyOps(c.slot, 0, private, 0)
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
	return n, more
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

// await waits until it is the Sentry's turn. A thread that runs no guest code
// meanwhile has only the watchdog's time.
func (c *Context) await(cmd uint32, ops int) bool {
	turn := c.slot.u32(sTurn)
	if c.pace.spin(c.p, turn, ops) {
		return !c.as.dead.Load()
	}
	if cmd == cmdPost || cmd == cmdSpill {
		c.as.mu.Lock()
		c.watch.start(c)
		c.as.mu.Unlock()
		defer c.watch.stop()
	}
	parked := c.slot.u32(sParked)
	parked.Swap(1)
	for turn.Load() == turnStub && !c.as.dead.Load() {
		<-c.wake
	}
	parked.Store(0)
	return !c.as.dead.Load()
}

// bases returns the operations that load the segment bases. A guest that does
// not use GS has its slot there, by which rewritten calls find it.
func (c *Context) bases(r *arch.Regs) []op {
	if c.based && c.fsBase == r.FSBase && c.gsBase == r.GSBase {
		return nil
	}
	const setGS, setFS = 0x1001, 0x1002
	c.based, c.fsBase, c.gsBase = true, r.FSBase, r.GSBase
	gs := r.GSBase
	if gs == 0 {
		gs = c.base
	} else {
		c.as.stopRewriting()
	}
	return []op{
		{unix.SYS_ARCH_PRCTL, setFS, r.FSBase},
		{unix.SYS_ARCH_PRCTL, setGS, gs},
	}
}

// store puts r where the thread will load it from, and returns the command
// that makes it do so.
func (c *Context) store(r *arch.Regs) (cmd uint32, ok bool) {
	if c.state == fresh || c.state == framed && c.setFP {
		if !c.unblock() {
			return 0, false
		}
	}
	if c.state == framed {
		now := *r
		now.RIP = c.as.current(r.RIP)
		storeGregs(c.slot[c.uc+ucGregs:], &now)
		c.slot.u64(sResume).Store(c.base + uint64(c.uc))
		return cmdResume, true
	}
	if !c.setFP && c.returns(r) {
		c.slot.u64(sResume).Store(r.RAX)
		return cmdReturn, true
	}
	now := *r
	now.RIP = c.as.current(r.RIP)
	c.last, c.at = *r, place{now.RIP, r.RIP, c.as.textGen.Load()}
	storeGregs(c.slot[sGregs:], &now)
	for i, v := range [...]uint64{now.RIP, arch.UserCS, r.EFLAGS, r.RSP, arch.UserSS} {
		c.slot.u64(sIret + 8*i).Store(v)
	}
	if !c.setFP {
		return cmdRegs, true
	}
	fp := c.newFP
	if fp == nil {
		fp = c.p.x.initial()
	}
	copy(c.slot[sXS:], fp)
	c.newFP, c.setFP = nil, false
	return cmdRegsFP, true
}

// returns reports whether r is what the slot holds, but for the result of a
// call, and as after a syscall instruction.
func (c *Context) returns(r *arch.Regs) bool {
	const tf = 1 << 8
	if r.RCX != r.RIP || r.R11 != r.EFLAGS || r.EFLAGS&tf != 0 {
		return false
	}
	if c.at.gen != c.as.textGen.Load() {
		return false
	}
	now := *r
	now.RAX, now.OrigRAX = c.last.RAX, c.last.OrigRAX
	return now == c.last
}

// unblock makes a thread that may have signals blocked return from a signal
// frame of ours, without extended state, to hand over from there.
func (c *Context) unblock() bool {
	u := c.slot[frameOff+8:][:ucSize]
	clear(u)
	le := binary.NativeEndian
	le.PutUint64(u[ucFlags:], ucFlagsValue)
	le.PutUint64(u[ucStack:], c.base+stackOff)
	le.PutUint64(u[ucStack+16:], slotSize-stackOff)
	storeGregs(u[ucGregs:], &arch.Regs{RIP: c.p.entries.post, RBX: c.base, RSP: c.base + stackOff})
	c.slot.u64(sResume).Store(c.base + frameOff + 8)
	c.slot.u32(sState).Store(1)
	if !c.hand(cmdResume, nil) {
		return false
	}
	c.state = inSlot
	return true
}

// load reads what the thread posted. ok is false for a kick.
func (c *Context) load(r *arch.Regs) (ev platform.Event, ok bool) {
	switch c.slot.u32(sTurn).Load() {
	case turnFast:
		c.state = inSlot
		loadGregs(r, c.slot[sGregs:])
		c.at = c.locate(r.RIP)
		r.RIP = c.at.guest
		called(r, uint32(r.RAX))
		c.last = *r
		return platform.Event{Kind: platform.Syscall}, true
	case turnKicked:
		c.state = inSlot
		c.at = c.loadSlot(r)
		c.last = *r
		return ev, false
	case turnSentry:
		return c.loadFrame(r)
	}
	c.as.kill()
	return platform.Event{Kind: platform.Dead}, true
}

// loadSlot reads the registers that the thread was about to load from the slot.
func (c *Context) loadSlot(r *arch.Regs) place {
	loadGregs(r, c.slot[sGregs:])
	at := c.locate(r.RIP)
	r.RIP = at.guest
	if c.slot.u32(sCmd).Load() == cmdReturn {
		r.RCX, r.R11 = r.RIP, r.EFLAGS
	}
	return at
}

// called makes r what it is after a syscall instruction, call number no.
func called(r *arch.Regs, no uint32) {
	r.RCX, r.R11 = r.RIP, r.EFLAGS
	r.OrigRAX = uint64(no)
	r.SetReturn(^uint64(linux.ENOSYS) + 1)
}

func (c *Context) loadFrame(r *arch.Regs) (ev platform.Event, ok bool) {
	uc, ok1 := c.onStack(c.slot.u64(sUC).Load(), ucSize)
	info, ok2 := c.onStack(c.slot.u64(sInfo).Load(), 128)
	if !ok1 || !ok2 {
		// No kernel wrote this.
		c.as.kill()
		return platform.Event{Kind: platform.Dead}, true
	}
	c.state, c.uc = framed, uc
	was := *r
	errcode, trapNo := loadGregs(r, c.slot[uc+ucGregs:])
	signo := c.slot.u32(info).Load()
	code := int32(c.slot.u32(info + 8).Load())
	if inText(r.RIP) && (unix.Signal(signo) == kickSignal || unix.Signal(signo) == unix.SIGSEGV) {
		switch e := &c.p.entries; {
		case e.enter <= r.RIP && r.RIP < e.entered:
			// On its way in: the call is made, now by this frame. A fault
			// there is that of a guest that changed GS unseen.
			c.based = false
			r.RIP = c.locate(r.RCX).guest
			called(r, uint32(r.RAX))
			return platform.Event{Kind: platform.Syscall}, true
		case unix.Signal(signo) != kickSignal:
		case e.leaving <= r.RIP && r.RIP < e.left:
			// On its way out.
			c.loadSlot(r)
			return ev, false
		default:
			*r = was
			return ev, false
		}
	}
	at, s := c.as.original(r.RIP)
	r.RIP = at
	switch unix.Signal(signo) {
	case kickSignal:
		return ev, false
	case unix.SIGILL:
		if c.as.current(r.RIP) != r.RIP {
			// Behind a call that it made before that was rewritten.
			return ev, false
		}
	case unix.SIGTRAP:
		// A step into a trampoline stands for one over the mov, or
		// over the call.
		if s != nil && s.moved == nil {
			r.RAX = uint64(s.no)
			r.RIP += movLen
		} else if s != nil {
			r.RIP += syscallLen
			called(r, uint32(r.RAX))
			return platform.Event{Kind: platform.Syscall}, true
		}
	case unix.SIGSYS:
		if c.slot.u32(info+28).Load() != auditArch {
			// int $0x80 and the like: as a kernel without that entry.
			return platform.Event{Kind: platform.Fault, Signal: uint8(unix.SIGSEGV), Code: linux.SI_KERNEL, TrapNo: 13}, true
		}
		called(r, c.slot.u32(info+24).Load())
		c.as.trapped(r)
		return platform.Event{Kind: platform.Syscall}, true
	}
	switch unix.Signal(signo) {
	case unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP:
		ev = platform.Event{
			Kind: platform.Fault, Signal: uint8(signo), Code: code,
			Addr: addr(c.slot.u64(info + 16).Load()),
			Err:  uint32(errcode), TrapNo: uint32(trapNo),
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

// Idle implements platform.Context: a stub that spins would only keep a
// processor from what the task waits for.
func (c *Context) Idle() {
	turn := c.slot.u32(sTurn)
	// Not if it was given a turn to run operations meanwhile.
	if !turn.CompareAndSwap(turnFast, turnIdle) {
		turn.CompareAndSwap(turnSentry, turnIdle)
	}
}

// FP implements platform.Context.
func (c *Context) FP() arch.FPState {
	x := &c.p.x
	switch {
	case c.setFP && c.newFP != nil:
		return append(arch.FPState(nil), c.newFP...)
	case c.setFP || c.state == fresh:
		return x.initial()
	}
	s := make(arch.FPState, x.size)
	at := uint64(sXS)
	if c.state == framed {
		at = binary.NativeEndian.Uint64(c.slot[c.uc+ucFP:]) - c.base
		if at < frameOff || at > uint64(slotSize-x.size) {
			return x.initial()
		}
	} else {
		c.mu.Lock()
		c.hand(cmdSpill, nil)
		c.mu.Unlock()
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

// SetCached implements platform.Context.
func (c *Context) SetCached(v *platform.Cached) {
	on := c.slot.u32(sCached)
	on.Store(0)
	if v.Watched {
		return
	}
	for i, w := range [...]uint32{uint32(v.PID), uint32(v.TID), uint32(v.PPID), v.UID, v.EUID, v.GID, v.EGID} {
		c.slot.u32(sLocal + 4*i).Store(w)
	}
	on.Store(1)
}

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
