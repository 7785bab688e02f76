package systrap

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/sentry/arch"
	"glovebox/sentry/platform"
)

// kickSignal makes a stub thread that runs guest code post its registers.
const kickSignal = unix.SIGUSR1

// A Context is one stub thread and its slot.
type Context struct {
	p     *Platform
	as    *Space
	index int
	slot  page
	base  uint64 // of the slot in the stub
	wake  chan struct{}
	died  func() // of OnDeath; guarded by as.mu

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

// Idle implements platform.Context: a stub that spins would only keep a
// processor from what the task waits for.
func (c *Context) Idle() {
	turn := c.slot.u32(sTurn)
	// Not if it was given a turn to run operations meanwhile.
	if !turn.CompareAndSwap(turnFast, turnIdle) {
		turn.CompareAndSwap(turnSentry, turnIdle)
	}
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

// Release implements platform.Context.
func (c *Context) Release() {
	c.OnDeath(nil) // with its last thread the process ends
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
	c.as.giveBack()
}
