package kernel

import (
	"slices"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/platform"
)

// Exit is exit(2): this task ends with code.
func (t *Task) Exit(code int32) error {
	t.exitStatus = (code & 0xff) << 8
	t.work.Or(workKill)
	return ErrNoReturn
}

// ExitGroup is exit_group(2).
func (t *Task) ExitGroup(code int32) error {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	t.tg.killLocked((code & 0xff) << 8)
	return ErrNoReturn
}

// KillGroup ends tg as by an unblockable SIGKILL from outside.
func (tg *ThreadGroup) KillGroup() {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.killLocked(linux.SIGKILL)
}

// exit ends t; its goroutine returns after it (do_exit).
func (t *Task) exit() {
	tg := t.tg
	t.gone.Store(true)
	if t.work.Load()&workBarrier != 0 {
		t.passBarrier()
	}
	tg.mu.Lock()
	if tg.exiting {
		t.exitStatus = tg.groupStatus
	}
	tg.mu.Unlock()
	t.leaveMemory(nil, nil)
	t.LeaveUndo()
	t.files.set(Files{})
	t.cpu.stop(Now())
	last := t.leaveGroup()
	if last {
		tg.timers.stopAll()
	}
	if last && tg.ns.init == tg {
		t.emptyNamespace()
	}
	t.k.users.get(t.Creds().UID).tasks.Add(-1)
	if last {
		tg.becomeZombie()
	}
}

// leaveMemory gives up the address space for another, or for none: futexes held
// are passed on, the id is cleared, and who waits for vfork goes on (mm_release).
func (t *Task) leaveMemory(m Memory, ctx platform.Context) {
	t.exitRobustList()
	if t.clearTID != 0 {
		var zero uint32
		if _, err := t.mem.CopyOut(t.clearTID, linux.Bytes(&zero)); err == nil {
			_, _ = t.FutexWake(t.clearTID, 1, linux.FUTEX_BITSET_MATCH_ANY, SharedFutex)
		}
		t.clearTID = 0
	}
	old := t.setMem(m)
	t.setCtx(ctx) // the old one must be gone before its address space
	old.DecUsers()
	t.endVfork()
}

// endVfork lets the parent of a vfork go on.
func (t *Task) endVfork() {
	if p := t.vforkOf; p != nil {
		t.vforkOf = nil
		t.vforkDone.Store(true)
		p.Wake()
	}
}

// leaveGroup takes t out of its thread group and reports whether it was the last.
func (t *Task) leaveGroup() (last bool) {
	k, tg := t.k, t.tg
	k.tree.Lock()
	defer k.tree.Unlock()
	tg.mu.Lock()
	tg.deadUsage.add(t.usage())
	tg.removeTaskLocked(t)
	last = len(tg.tasks) == 0
	stopped := 0
	if !last {
		stopped = tg.stopCompleteLocked()
	}
	if tg.execing != nil {
		tg.execing.Wake()
	}
	tg.mu.Unlock()
	if stopped != 0 {
		tg.tellParentOfStopLocked(linux.CLD_STOPPED, int32(stopped))
	}
	if t != tg.leader {
		delete(tg.ns.tasks, t.TID())
		delete(tg.cg.tasks, t)
	}
	for _, c := range tg.children {
		if c.parentTask != t {
			continue
		}
		c.tellParentDeathLocked()
		if !last {
			c.parentTask = tg.tasks[0]
		}
	}
	return last
}

// tellParentDeathLocked sends PR_SET_PDEATHSIG's signal to the tasks of tg.
func (tg *ThreadGroup) tellParentDeathLocked() {
	for _, t := range tg.tasks {
		if s := t.pdeathsig.Load(); s != 0 {
			_ = t.Signal(KernelInfo(int(s)))
		}
	}
}

// emptyNamespace kills every other process of the namespace whose init exits,
// and waits for them (zap_pid_ns_processes).
func (t *Task) emptyNamespace() {
	ns := t.tg.ns
	t.k.tree.Lock()
	ns.dying = true
	for _, tg := range ns.groups {
		if tg != t.tg && tg.state == groupAlive {
			tg.KillGroup()
		}
	}
	t.k.tree.Unlock()
	e := t.NewWaiter(wait.In)
	t.tg.childEvents.Register(e)
	defer t.tg.childEvents.Unregister(e)
	for {
		t.k.tree.Lock()
		for _, c := range slices.Clone(t.tg.children) {
			if c.state == groupZombie {
				c.reapLocked()
			}
		}
		left := 0
		for _, tg := range ns.groups {
			if tg.state == groupAlive {
				left++
			}
		}
		t.k.tree.Unlock()
		if left <= 1 {
			return
		}
		t.sleep(Forever)
	}
}

// becomeZombie ends tg, whose tasks have all exited: its children get another
// parent and its parent hears of it (exit_notify).
func (tg *ThreadGroup) becomeZombie() {
	k := tg.k
	k.tree.Lock()
	defer k.tree.Unlock()
	tg.mu.Lock()
	if tg.exiting {
		tg.exitStatus = tg.groupStatus
	} else {
		tg.exitStatus = tg.leader.exitStatus
	}
	tg.mu.Unlock()
	tg.state = groupZombie
	tg.sighand.dec()
	tg.reparentChildrenLocked()
	hangupIfOrphanedLocked(tg, tg.parent, tg)
	tg.disownTerminalLocked()
	reap := tg.tellParentOfExitLocked()
	close(tg.done)
	tg.exitEvents.Notify(wait.In | wait.RdNorm)
	if reap {
		tg.reapLocked()
	}
	if init := tg.ns.init; init != nil && tg.ns.dying {
		init.childEvents.Notify(wait.In)
	}
}

// reparentChildrenLocked gives tg's children to the nearest subreaper above,
// or to init.
func (tg *ThreadGroup) reparentChildrenLocked() {
	reaper := tg.reaperLocked()
	children := tg.children
	tg.children = nil
	for _, c := range children {
		if reaper == nil {
			c.parent, c.parentTask = nil, nil
			c.republishLocked()
			if c.state == groupZombie {
				c.reapLocked()
			}
			continue
		}
		c.parent, c.parentTask = reaper, reaper.leader
		c.exitSignal = linux.SIGCHLD
		reaper.children = append(reaper.children, c)
		c.republishLocked()
		if c.state == groupZombie && c.tellParentOfExitLocked() {
			c.reapLocked()
			continue
		}
		hangupIfOrphanedLocked(c, tg, nil)
	}
}

func (tg *ThreadGroup) reaperLocked() *ThreadGroup {
	if tg.hasSubreaper {
		for p := tg.parent; p != nil; p = p.parent {
			if p.subreaper && p.state == groupAlive {
				return p
			}
		}
	}
	if init := tg.ns.init; init != nil && init != tg && init.state == groupAlive {
		return init
	}
	return nil
}

// tellParentOfExitLocked sends the exit signal and wakes waiters
// (do_notify_parent). It reports whether nobody will wait.
func (tg *ThreadGroup) tellParentOfExitLocked() (reap bool) {
	p := tg.parent
	if p == nil {
		return true
	}
	if p.ns.dying && p == p.ns.init {
		p.childEvents.Notify(wait.In)
		return true
	}
	code, status := exitCode(tg.exitStatus)
	u := tg.usageLocked()
	sig := tg.exitSignal
	p.mu.Lock()
	if a := p.sighand.get(linux.SIGCHLD); sig == linux.SIGCHLD {
		if a.Handler == linux.SIG_IGN {
			reap, sig = true, 0
		} else if a.Flags&linux.SA_NOCLDWAIT != 0 {
			reap = true
		}
	}
	if sig != 0 {
		i := childInfo(code, p.ns.IDOfGroup(tg), tg.leader.Creds().UID, status, u.utime/tickNS, u.stime/tickNS)
		i.Signo = int32(sig)
		_ = p.sendLocked(nil, pendingSignal{info: *i}, fromInside)
	}
	p.mu.Unlock()
	p.childEvents.Notify(wait.In)
	return reap
}

// exitCode turns a wait status into si_code and si_status.
func exitCode(status int32) (code, val int32) {
	if s := status & 0x7f; s != 0 {
		if status&0x80 != 0 {
			return linux.CLD_DUMPED, s
		}
		return linux.CLD_KILLED, s
	}
	return linux.CLD_EXITED, status >> 8 & 0xff
}

// reapLocked forgets tg (release_task).
func (tg *ThreadGroup) reapLocked() {
	tg.state = groupReaped
	tg.cg.reapLocked(tg)
	if p := tg.parent; p != nil {
		p.childUsage.add(tg.usageLocked())
		p.childUsage.add(tg.childUsage)
		if i := slices.Index(p.children, tg); i >= 0 {
			p.children = slices.Delete(p.children, i, i+1)
		}
	}
	tg.leaveLocked()
	delete(tg.ns.groups, tg.id)
	delete(tg.ns.tasks, tg.id)
	tg.exitEvents.Notify(wait.Hup)
}

// republishLocked makes the tasks of tg publish their new parent.
func (tg *ThreadGroup) republishLocked() {
	for _, t := range tg.tasks {
		t.interrupt(workPublish)
	}
}
