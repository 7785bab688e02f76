package kernel

import (
	"maps"
	"slices"
	"sync/atomic"

	"glovebox/sentry/mm"
)

// A Cgroup is the processes of one container, in whatever pid namespace, and what
// they share: limits, memory and the freezer (cgroups(7)). A process stays in that
// of the process that made it.
type Cgroup struct {
	k *Kernel
	// Host is what address spaces of its processes are made of.
	Host *mm.Host
	// CPUs is how many processors its processes see and may run on. Set before the
	// first of them; at least 1.
	CPUs int
	// TotalMemory and FreeMemory are what sysinfo(2) says, in bytes.
	TotalMemory atomic.Uint64
	FreeMemory  func() uint64

	// Guarded by Kernel.tree.
	groups   map[*ThreadGroup]struct{} // until reaped
	tasks    map[*Task]struct{}        // until reaped
	maxTasks int64                     // 0: any
	frozen   bool                      // no task runs guest code
	killed   bool                      // there will be no more tasks
	reaped   usage

	doze doze // for one of its tasks
	// tracer is told of its tasks' system calls.
	tracer atomic.Pointer[Tracer]
	// oomKills counts processes that OOMKill killed; oomNext is closed at the next.
	oomKills atomic.Int64
	oomNext  atomic.Pointer[chan struct{}]
}

// NewCgroup returns a control group without processes.
func (k *Kernel) NewCgroup(h *mm.Host) *Cgroup {
	return &Cgroup{k: k, Host: h, CPUs: max(k.CPUs, 1), groups: map[*ThreadGroup]struct{}{}, tasks: map[*Task]struct{}{}}
}

// Cgroup returns the control group that tg is in.
func (tg *ThreadGroup) Cgroup() *Cgroup { return tg.cg }

// SetMaxTasks limits how many tasks cg may have (pids.max of cgroups(7)): clone(2)
// fails with EAGAIN then. 0 or less is no limit; tasks there are stay.
func (cg *Cgroup) SetMaxTasks(n int64) {
	cg.k.tree.Lock()
	defer cg.k.tree.Unlock()
	cg.maxTasks = max(n, 0)
}

// MaxTasks returns what SetMaxTasks set.
func (cg *Cgroup) MaxTasks() int64 {
	cg.k.tree.RLock()
	defer cg.k.tree.RUnlock()
	return cg.maxTasks
}

// fullLocked reports whether there may not be one more task. Zombies count until
// they are reaped.
func (cg *Cgroup) fullLocked() bool { return cg.maxTasks > 0 && int64(len(cg.tasks)) >= cg.maxTasks }

// enterLocked adds t, which shares the fate of those that are there.
func (cg *Cgroup) enterLocked(t *Task) {
	cg.tasks[t] = struct{}{}
	cg.groups[t.tg] = struct{}{}
	if cg.frozen {
		t.work.Or(workFreeze)
	}
}

// reapLocked forgets tg.
func (cg *Cgroup) reapLocked(tg *ThreadGroup) {
	cg.reaped.add(tg.usageLocked())
	delete(cg.groups, tg)
	delete(cg.tasks, tg.leader)
}

// Groups returns every thread group by rising id, zombies too.
func (cg *Cgroup) Groups() []*ThreadGroup {
	cg.k.tree.RLock()
	defer cg.k.tree.RUnlock()
	return slices.SortedFunc(maps.Keys(cg.groups), byID)
}

// CPUTime returns the user and system time of all processes that ever were in cg,
// in nanoseconds.
func (cg *Cgroup) CPUTime() (utime, stime int64) {
	cg.k.tree.RLock()
	defer cg.k.tree.RUnlock()
	u := cg.reaped
	for tg := range cg.groups {
		u.add(tg.usageLocked())
	}
	return u.utime, u.stime
}

// Kill ends every process as by an unblockable SIGKILL (cgroup.kill of cgroups(7)), and
// has no more of them made.
func (cg *Cgroup) Kill() {
	cg.k.tree.Lock()
	defer cg.k.tree.Unlock()
	cg.killed = true
	for tg := range cg.groups {
		if tg.state == groupAlive {
			tg.KillGroup()
		}
	}
}

// OOMKills counts the processes that OOMKill killed.
func (cg *Cgroup) OOMKills() int64 { return cg.oomKills.Load() }

// OOMEvents is OOMKills and a channel that is closed when there are more.
func (cg *Cgroup) OOMEvents() (n int64, more <-chan struct{}) {
	next := cg.oomNext.Load()
	if next == nil {
		fresh := make(chan struct{})
		if next = &fresh; !cg.oomNext.CompareAndSwap(nil, next) {
			return cg.OOMEvents()
		}
	}
	// What is counted from now on closes this one.
	return cg.oomKills.Load(), *next
}

// countOOM counts a process that is about to be killed: whoever learns of its end
// finds it counted.
func (cg *Cgroup) countOOM() {
	cg.oomKills.Add(1)
	if next := cg.oomNext.Swap(nil); next != nil {
		close(*next)
	}
}
