// Package kernel is tasks and what they share: thread groups, process groups,
// sessions, signals, futexes and timers.
//
// A Task is a guest thread and the goroutine that runs it; a ThreadGroup is a
// process. Kernel.tree guards who is whose parent, member or leader; each
// group's mu guards its signals. Lock order: Kernel.tree, ThreadGroup.mu,
// SigHand.mu; leaves otherwise. Fields "task goroutine only" need no lock.
//
// A call that blocks can be restarted: what it must remember lies in
// Task.Restart, not on the goroutine's stack.
package kernel

import (
	"errors"
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/ipc"
	"glovebox/sentry/platform"
)

// ErrNoReturn is what a handler returns when the registers are already what
// the guest must see (sigreturn, exec) or it never runs again (exit).
var ErrNoReturn = errors.New("kernel: no return value")

// A Task is one guest thread.
type Task struct {
	k  *Kernel
	tg *ThreadGroup // immutable
	// tid changes when a thread that is not the leader execs; guarded by
	// Kernel.tree for writing.
	tid atomic.Int32

	// Task goroutine only.
	regs     arch.Regs
	fault    platform.Event // the last Fault
	alt      linux.Stack
	restart  linux.Errno // how the last call asks to be restarted, or 0
	clearTID guest.Addr
	setTID   guest.Addr // where a child stores its id before it runs
	timer    *sleeper
	nsyscall uint32

	// Restart is what a restarted call needs to know. Task goroutine only.
	Restart Restart
	// Robust is the list of set_robust_list(2). Task goroutine only, but for
	// get_robust_list(2).
	Robust atomic.Uint64

	// ctxMu guards changes of ctx, and the calls of Interrupt. A leaf.
	ctxMu sync.Mutex
	ctx   platform.Context

	// mem is written by the task's goroutine under memMu, a leaf.
	memMu sync.Mutex
	mem   Memory
	files files

	cred atomic.Pointer[auth.Creds]
	uts  atomic.Pointer[UTS]
	ipc  *ipc.Namespace // immutable
	undo *semUndo       // task goroutine only
	comm atomic.Pointer[string]

	// work is why the task must look up before it runs guest code again.
	work atomic.Uint32
	// asleep: the task will look at work before it runs guest code.
	asleep atomic.Bool
	// gone: the task will not run guest code again.
	gone atomic.Bool
	// wake ends a Block; capacity 1.
	wake chan struct{}

	// Guarded by tg.mu. The task's goroutine alone writes blocked, sigwait,
	// savedMask and hasSaved.
	pending   sigQueue
	blocked   linux.Sigset
	sigwait   linux.Sigset
	savedMask linux.Sigset
	hasSaved  bool
	exited    bool

	// Task goroutine only, but for prctl's readers.
	pdeathsig  atomic.Int32
	exitStatus int32
	vforkDone  atomic.Bool
	vforkOf    *Task        // the parent that waits for vforkDone
	lent       *lent        // what the child of a vfork has
	lentFP     arch.FPState // to be restored then

	cpu        cpuClock
	sched      Sched
	startNS    int64
	slackNS    atomic.Uint64
	thpDisable atomic.Bool

	personality atomic.Uint32
	// seccomp is replaced by the task, or by SECCOMP_FILTER_FLAG_TSYNC under
	// tg.mu.
	seccomp atomic.Pointer[Seccomp]

	// Scratch is the system-call layer's, from call to call. Task goroutine
	// only.
	Scratch any
}

// A Restart is what a call that was interrupted wants to find when it is
// restarted by restart_syscall(2).
type Restart struct {
	No       uint64 // the call
	Deadline int64  // when it ends, however often it is restarted
	armed    bool
	active   bool
}

// Kernel returns the kernel that t belongs to.
func (t *Task) Kernel() *Kernel { return t.k }

// Group returns t's thread group.
func (t *Task) Group() *ThreadGroup { return t.tg }

// Regs returns t's registers. Task goroutine only.
func (t *Task) Regs() *arch.Regs { return &t.regs }

// TID returns t's id in its own PID namespace.
func (t *Task) TID() int32 { return t.tid.Load() }

// Mem returns t's memory. Task goroutine only.
func (t *Task) Mem() Memory { return t.mem }

// SharedMem returns t's memory with a reference for another goroutine, which
// drops it by DecUsers; nil for an exiting task.
func (t *Task) SharedMem() Memory {
	t.memMu.Lock()
	defer t.memMu.Unlock()
	if t.mem == nil {
		return nil
	}
	t.mem.IncUsers()
	return t.mem
}

// Creds returns t's credentials, which are immutable.
func (t *Task) Creds() *auth.Creds { return t.cred.Load() }

// SetCreds replaces t's credentials. Task goroutine only.
func (t *Task) SetCreds(c *auth.Creds) {
	old := t.cred.Swap(c)
	if old.NoNewPrivs && !c.NoNewPrivs {
		t.forbidNewPrivs() // another thread set it meanwhile
	}
	if old.UID != c.UID {
		t.k.users.get(old.UID).tasks.Add(-1)
		t.k.users.get(c.UID).tasks.Add(1)
	}
	t.publish()
}

// Comm returns t's name (PR_GET_NAME).
func (t *Task) Comm() string { return *t.comm.Load() }

// SetComm names t, by at most 15 bytes.
func (t *Task) SetComm(s string) {
	if len(s) >= linux.TASK_COMM_LEN {
		s = s[:linux.TASK_COMM_LEN-1]
	}
	t.comm.Store(&s)
}

// Rename is SetComm for a task that runs (PR_SET_NAME): tools of the host see it,
// if it is its process's only one. Task goroutine only.
func (t *Task) Rename(s string) {
	t.SetComm(s)
	if len(t.tg.Tasks()) == 1 {
		t.mem.AddressSpace().SetName(t.Comm())
	}
}

// SetClearTID is set_tid_address(2). Task goroutine only.
func (t *Task) SetClearTID(a guest.Addr) { t.clearTID = a }

// ClearTID returns the address of set_tid_address(2).
func (t *Task) ClearTID() guest.Addr { return t.clearTID }

// PDeathSig is the signal of PR_SET_PDEATHSIG.
func (t *Task) PDeathSig() *atomic.Int32 { return &t.pdeathsig }

// TimerSlack is PR_SET_TIMERSLACK's value in nanoseconds.
func (t *Task) TimerSlack() *atomic.Uint64 { return &t.slackNS }

// THPDisabled is PR_SET_THP_DISABLE's flag.
func (t *Task) THPDisabled() *atomic.Bool { return &t.thpDisable }

// Personality is personality(2)'s value.
func (t *Task) Personality() *atomic.Uint32 { return &t.personality }

// StartTime returns when t started, in nanoseconds of Now.
func (t *Task) StartTime() int64 { return t.startNS }

// AskRestart notes that the current call ended with one of ERESTART*.
func (t *Task) AskRestart(e linux.Errno) {
	t.restart = e
	t.work.Or(workRestart)
}

// RestartDeadline returns d, or the deadline that the call had before it was
// interrupted, and remembers it. A call that returns ERESTART_RESTARTBLOCK
// has called it.
func (t *Task) RestartDeadline(d int64) int64 {
	if t.Restart.active {
		return t.Restart.Deadline
	}
	t.Restart = Restart{No: t.regs.OrigRAX, Deadline: d}
	return d
}

// BeginRestart returns the number of the call to restart (restart_syscall(2)),
// until EndRestart.
func (t *Task) BeginRestart() (no uint64, ok bool) {
	if !t.Restart.armed {
		return 0, false
	}
	t.Restart.armed, t.Restart.active = false, true
	return t.Restart.No, true
}

// EndRestart ends BeginRestart.
func (t *Task) EndRestart() { t.Restart.active = false }

// Yield gives other tasks a turn.
func (t *Task) Yield() { yield() }

// Dead reports whether t has been told to exit.
func (t *Task) Dead() bool { return t.work.Load()&workKill != 0 }

// SignalPending reports whether a call should give way to a signal.
func (t *Task) SignalPending() bool { return t.work.Load()&workInterrupt != 0 }

// setMem gives t another address space (exec); the reference is t's.
func (t *Task) setMem(m Memory) (old Memory) {
	t.memMu.Lock()
	defer t.memMu.Unlock()
	old, t.mem = t.mem, m
	return old
}

// setCtx gives t another context, and releases the old one.
func (t *Task) setCtx(c platform.Context) {
	t.ctxMu.Lock()
	old := t.ctx
	t.ctx = c
	t.ctxMu.Unlock()
	if old != nil {
		old.Release()
	}
}

// publish tells the platform what it may answer by itself.
func (t *Task) publish() {
	c := t.Creds()
	t.ctx.SetCached(&platform.Cached{
		Watched: t.Tracer() != nil || t.seccomp.Load() != nil,
		PID:     t.tg.id, TID: t.TID(), PPID: t.tg.ParentID(),
		UID: c.UID, EUID: c.EUID, GID: c.GID, EGID: c.EGID,
	})
}
