package kernel

import (
	"time"

	"glovebox/abi/linux"
)

// Freeze keeps the tasks of cg from running guest code until Thaw, those that
// are made meanwhile too, and returns when none does. Waits and timers go on, and
// a task can be killed (cgroup.freeze of cgroups(7)). ETIMEDOUT: one was busy in
// the Sentry for longer than limit, and runs no guest code afterwards.
func (cg *Cgroup) Freeze(limit time.Duration) error {
	cg.k.tree.Lock()
	cg.frozen = true
	tasks := make([]*Task, 0, len(cg.tasks))
	for t := range cg.tasks {
		tasks = append(tasks, t)
	}
	cg.k.tree.Unlock()
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
func (cg *Cgroup) Thaw() {
	cg.k.tree.Lock()
	defer cg.k.tree.Unlock()
	cg.frozen = false
	for t := range cg.tasks {
		t.work.And(^uint32(workFreeze))
		t.Wake()
	}
}

// freezeHere waits until t's control group is thawed, or t is killed.
func (t *Task) freezeHere() {
	for t.work.Load()&workFreeze != 0 && t.work.Load()&workKill == 0 {
		t.sleep(Forever)
	}
}
