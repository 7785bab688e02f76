package kernel

import (
	"maps"
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/namespace"
)

// pidMax is kernel.pid_max: ids are below it.
const pidMax = 1 << 15

// reservedPIDs are not handed out again after a wrap (RESERVED_PIDS).
const reservedPIDs = 300

// A PIDNamespace names tasks by number. There is one level, of namespaces
// side by side: a container has one of its own, or shares that of another. A task
// of another namespace has no number here.
type PIDNamespace struct {
	namespace.Kept
	id namespace.ID
	k  *Kernel

	// Guarded by Kernel.tree.

	last     int32
	tasks    map[int32]*Task
	groups   map[int32]*ThreadGroup // until reaped
	pgrps    map[int32]*ProcessGroup
	sessions map[int32]*Session
	init     *ThreadGroup
	dying    bool // init is exiting: nothing new starts
}

// NewPIDNamespace returns an empty namespace; the first process becomes init.
func (k *Kernel) NewPIDNamespace() *PIDNamespace {
	return &PIDNamespace{
		k:        k,
		id:       namespace.NewID(),
		tasks:    map[int32]*Task{},
		groups:   map[int32]*ThreadGroup{},
		pgrps:    map[int32]*ProcessGroup{},
		sessions: map[int32]*Session{},
	}
}

// allocLocked returns a free id for a task of cg, or want if that is not 0 and free.
func (ns *PIDNamespace) allocLocked(want int32, cg *Cgroup) (int32, error) {
	if ns.dying || cg.killed {
		return 0, linux.ENOMEM
	}
	if cg.fullLocked() {
		return 0, linux.EAGAIN
	}
	if want != 0 {
		if want < 1 || want >= pidMax {
			return 0, linux.EINVAL
		}
		if ns.usedLocked(want) {
			return 0, linux.EEXIST
		}
		return want, nil
	}
	for id, n := ns.last+1, 0; n < pidMax; id, n = id+1, n+1 {
		if id >= pidMax {
			id = reservedPIDs
		}
		if !ns.usedLocked(id) {
			ns.last = id
			return id, nil
		}
	}
	return 0, linux.EAGAIN
}

func (ns *PIDNamespace) usedLocked(id int32) bool {
	return ns.tasks[id] != nil || ns.groups[id] != nil || ns.pgrps[id] != nil || ns.sessions[id] != nil
}

// Task returns the task with that id, or nil.
func (ns *PIDNamespace) Task(id int32) *Task {
	ns.k.tree.RLock()
	defer ns.k.tree.RUnlock()
	return ns.tasks[id]
}

// Group returns the thread group with that id, even a zombie, or nil.
func (ns *PIDNamespace) Group(id int32) *ThreadGroup {
	ns.k.tree.RLock()
	defer ns.k.tree.RUnlock()
	return ns.groups[id]
}

// Groups returns every thread group by rising id, zombies too.
func (ns *PIDNamespace) Groups() []*ThreadGroup {
	ns.k.tree.RLock()
	defer ns.k.tree.RUnlock()
	return slices.SortedFunc(maps.Values(ns.groups), byID)
}

// byID orders thread groups.
func byID(a, b *ThreadGroup) int { return int(a.id - b.id) }

// LastPID returns the id handed out last (/proc/loadavg).
func (ns *PIDNamespace) LastPID() int32 {
	ns.k.tree.RLock()
	defer ns.k.tree.RUnlock()
	return ns.last
}

// IDOfGroup returns tg's id here, 0 if it is elsewhere.
func (ns *PIDNamespace) IDOfGroup(tg *ThreadGroup) int32 {
	if tg == nil || tg.ns != ns {
		return 0
	}
	return tg.id
}
