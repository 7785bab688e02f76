package kernel

import (
	"time"

	"glovebox/abi/linux"
)

// Freeze keeps the tasks of ns from running guest code until Thaw, those that
// are made meanwhile too, and returns when none does. Waits and timers go on, and
// a task can be killed (cgroup.freeze of cgroups(7)). ETIMEDOUT: one was busy in
// the Sentry for longer than limit, and runs no guest code afterwards.
func (ns *PIDNamespace) Freeze(limit time.Duration) error {
	ns.k.tree.Lock()
	ns.frozen = true
	tasks := make([]*Task, 0, len(ns.tasks))
	for _, t := range ns.tasks {
		tasks = append(tasks, t)
	}
	ns.k.tree.Unlock()
	for _, t := range tasks {
		t.interrupt(workFreeze)
	}
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		busy := false
		for _, t := range tasks {
			busy = busy || !t.asleep.Load() && !t.gone.Load()
		}
		if !busy {
			return nil
		}
		if time.Now().After(end) {
			return linux.ETIMEDOUT
		}
	}
}

// Thaw ends Freeze.
func (ns *PIDNamespace) Thaw() {
	ns.k.tree.Lock()
	defer ns.k.tree.Unlock()
	ns.frozen = false
	for _, t := range ns.tasks {
		t.work.And(^uint32(workFreeze))
		t.Wake()
	}
}

// enterLocked has a task that is new in ns share its fate.
func (ns *PIDNamespace) enterLocked(t *Task) {
	ns.tasks[t.TID()] = t
	if ns.frozen {
		t.work.Or(workFreeze)
	}
}

// freezeHere waits until t's namespace is thawed, or t is killed.
func (t *Task) freezeHere() {
	for t.work.Load()&workFreeze != 0 && t.work.Load()&workKill == 0 {
		t.sleep(Forever)
	}
}
