package kernel

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/lock"
)

// A ThreadGroup is a process: tasks that share an id, signals and limits.
type ThreadGroup struct {
	k  *Kernel
	ns *PIDNamespace
	id int32   // in ns; immutable
	cg *Cgroup // immutable

	// Guarded by Kernel.tree.
	leader       *Task // alive or not
	parent       *ThreadGroup
	parentTask   *Task // the thread that made it, for PR_SET_PDEATHSIG
	children     []*ThreadGroup
	pgrp         *ProcessGroup
	exitSignal   int
	subreaper    bool
	hasSubreaper bool // some ancestor is one
	didExec      bool
	state        groupState
	exitStatus   int32 // as wait(2) shows it; once zombie
	childUsage   usage // of reaped children
	deadUsage    usage // of its own exited tasks; also mu

	// childEvents is told when a child may be waited for.
	childEvents wait.Queue
	// exitEvents is told when the group becomes a zombie and when it is
	// reaped (poll of a pidfd).
	exitEvents wait.Queue
	// done is closed when the last task has exited.
	done chan struct{}

	// mu guards what follows. Lock order: Kernel.tree, mu, SigHand.mu.
	mu lock.Mutex[lock.Signals]
	// tasks are alive. Changed with Kernel.tree and mu, read with either.
	tasks   []*Task
	sighand *SigHand
	pending sigQueue
	// exiting: every task dies with groupStatus.
	exiting     bool
	groupStatus int32
	execing     *Task // kills its siblings
	unkillable  bool  // init of its namespace: default actions do not apply
	stop        stopState

	timers   timers // has its own lock
	limits   Limits
	oomScore atomic.Int32
	dumpable atomic.Int32
	// signalEvents is told of every signal queued for one of the tasks.
	signalEvents wait.Queue
	membarrier   atomic.Uint32 // registered commands
	// barriers is told when a task has passed one.
	barriers wait.Queue
}

type groupState uint8

const (
	groupAlive groupState = iota
	groupZombie
	groupReaped
)

// ID returns tg's id in its own namespace.
func (tg *ThreadGroup) ID() int32 { return tg.id }

// Namespace returns the PID namespace that tg is in.
func (tg *ThreadGroup) Namespace() *PIDNamespace { return tg.ns }

// Limits returns tg's resource limits.
func (tg *ThreadGroup) Limits() *Limits { return &tg.limits }

// Leader returns the task with tg's id, which may have exited.
func (tg *ThreadGroup) Leader() *Task {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.leader
}

// Tasks returns the live tasks.
func (tg *ThreadGroup) Tasks() []*Task {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return append([]*Task(nil), tg.tasks...)
}

// Parent returns the parent process; nil for one started from outside.
func (tg *ThreadGroup) Parent() *ThreadGroup {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.parent
}

// ParentID returns the parent's id as tg sees it, 0 if it has none.
func (tg *ThreadGroup) ParentID() int32 { return tg.ns.IDOfGroup(tg.Parent()) }

// IDs returns the ids of tg's process group and session.
func (tg *ThreadGroup) IDs() (pgid, sid int32) {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	if tg.pgrp == nil {
		return 0, 0
	}
	return tg.pgrp.id, tg.pgrp.session.id
}

// Zombie reports whether every task of tg has exited.
func (tg *ThreadGroup) Zombie() bool {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.state != groupAlive
}

// Reaped reports whether tg has been waited for.
func (tg *ThreadGroup) Reaped() bool {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.state == groupReaped
}

// ExitEvents is told when Zombie and Reaped change.
func (tg *ThreadGroup) ExitEvents() *wait.Queue { return &tg.exitEvents }

// Done is closed when the last task has exited; then ExitStatus is valid.
func (tg *ThreadGroup) Done() <-chan struct{} { return tg.done }

// ExitStatus returns the status as wait(2) encodes it.
func (tg *ThreadGroup) ExitStatus() int32 {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.exitStatus
}

// SetSubreaper is PR_SET_CHILD_SUBREAPER.
func (tg *ThreadGroup) SetSubreaper(flags SubreaperFlag) {
	tg.k.tree.Lock()
	defer tg.k.tree.Unlock()
	tg.subreaper = flags == Subreaper
	if tg.subreaper {
		for todo := append([]*ThreadGroup(nil), tg.children...); len(todo) > 0; {
			c := todo[len(todo)-1]
			todo = append(todo[:len(todo)-1], c.children...)
			c.hasSubreaper = true
		}
	}
}

// A SubreaperFlag says whether orphans below a process become its children.
type SubreaperFlag uint8

// Values of SubreaperFlag.
const (
	NotSubreaper SubreaperFlag = iota
	Subreaper
)

// IsSubreaper is PR_GET_CHILD_SUBREAPER.
func (tg *ThreadGroup) IsSubreaper() bool {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.subreaper
}

// Dumpable is PR_GET_DUMPABLE.
func (tg *ThreadGroup) Dumpable() int32 { return tg.dumpable.Load() }

// SetDumpable is PR_SET_DUMPABLE.
func (tg *ThreadGroup) SetDumpable(v int32) { tg.dumpable.Store(v) }

// OOMScoreAdj is /proc/PID/oom_score_adj.
func (tg *ThreadGroup) OOMScoreAdj() *atomic.Int32 { return &tg.oomScore }

// Membarrier returns the registered commands of membarrier(2).
func (tg *ThreadGroup) Membarrier() *atomic.Uint32 { return &tg.membarrier }

// A SigHand is what a process does about each signal, shared by CLONE_SIGHAND.
type SigHand struct {
	mu      lock.Mutex[lock.SigHand]
	users   int                             // guarded by mu
	actions [linux.NSIG + 1]linux.Sigaction // guarded by mu
}

func (s *SigHand) get(signo int) linux.Sigaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.actions[signo]
}

func (s *SigHand) copy() *SigHand {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &SigHand{users: 1, actions: s.actions}
}

func (s *SigHand) inc() {
	s.mu.Lock()
	s.users++
	s.mu.Unlock()
}

// dec drops a user and reports how many are left.
func (s *SigHand) dec() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	return s.users
}

// reset sets every handler to the default, but for those that ignore if how
// says so (flush_signal_handlers).
func (s *SigHand) reset(how resetFlag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.actions {
		h := uint64(linux.SIG_DFL)
		if how == keepIgnored && s.actions[i].Handler == linux.SIG_IGN {
			h = linux.SIG_IGN
		}
		s.actions[i] = linux.Sigaction{Handler: h}
	}
}

type resetFlag uint8

const (
	keepIgnored resetFlag = iota
	resetIgnored
)
