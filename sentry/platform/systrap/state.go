package systrap

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/platform"
)

// auditArch is AUDIT_ARCH_X86_64: a call by any other gate is not served.
const auditArch = auditX86_64

// A contextState says where a thread's state is while it waits for the Sentry.
type contextState uint8

const (
	fresh  contextState = iota // it has run no guest code, signals may be blocked
	framed                     // in a signal frame; signals are blocked
	inSlot                     // in the slot, and extended state in the processor
)

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
	c.as.Kill()
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

// loadFrame reads the signal frame that the thread posted.
func (c *Context) loadFrame(r *arch.Regs) (ev platform.Event, ok bool) {
	uc, ok1 := c.onStack(c.slot.u64(sUC).Load(), ucSize)
	info, ok2 := c.onStack(c.slot.u64(sInfo).Load(), 128)
	if !ok1 || !ok2 {
		// No kernel wrote this.
		c.as.Kill()
		return platform.Event{Kind: platform.Dead}, true
	}
	c.state, c.uc = framed, uc
	was := *r
	errcode, trapNo := loadGregs(r, c.slot[uc+ucGregs:])
	signal := unix.Signal(c.slot.u32(info).Load())
	if inText(r.RIP) && (signal == kickSignal || signal == unix.SIGSEGV) {
		if ev, ok, known := c.inStub(r, &was, signal); known {
			return ev, ok
		}
	}
	at, s := c.as.original(r.RIP)
	r.RIP = at
	switch signal {
	case kickSignal:
		return ev, false
	case unix.SIGSYS:
		if c.slot.u32(info+28).Load() != auditArch {
			// int $0x80 and the like: as a kernel without that entry.
			return platform.Event{Kind: platform.Fault, Signal: uint8(unix.SIGSEGV), Code: linux.SI_KERNEL, TrapNo: 13}, true
		}
		called(r, c.slot.u32(info+24).Load())
		c.as.trapped(r)
		return platform.Event{Kind: platform.Syscall}, true
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
	case unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE:
	default:
		c.as.Kill()
		return platform.Event{Kind: platform.Dead}, true
	}
	return platform.Event{
		Kind: platform.Fault, Signal: uint8(signal), Code: int32(c.slot.u32(info + 8).Load()),
		Addr: addr(c.slot.u64(info + 16).Load()),
		Err:  uint32(errcode), TrapNo: uint32(trapNo),
	}, true
}

// inStub makes sense of a kick or a fault in the stub's text, on the way in or
// out; known is false if it is neither. was is what the thread was to resume.
func (c *Context) inStub(r, was *arch.Regs, signal unix.Signal) (ev platform.Event, ok, known bool) {
	switch e := &c.p.entries; {
	case e.enter <= r.RIP && r.RIP < e.entered:
		// On its way in: the call is made, now by this frame. A fault there
		// is that of a guest that changed GS unseen.
		c.based = false
		r.RIP = c.locate(r.RCX).guest
		called(r, uint32(r.RAX))
		return platform.Event{Kind: platform.Syscall}, true, true
	case signal != kickSignal:
		return ev, false, false
	case e.leaving <= r.RIP && r.RIP < e.left:
		// On its way out.
		c.loadSlot(r)
		return ev, false, true
	}
	*r = *was
	return ev, false, true
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
