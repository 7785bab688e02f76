package kernel

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// A stopState is a thread group's job control. Guarded by ThreadGroup.mu.
type stopState struct {
	signo    int  // not 0: tasks stop, or have stopped
	stopped  int  // how many have
	complete bool // all have, and the parent was told
	waitStop bool // wait(2) has not reported the stop
	waitCont bool // wait(2) has not reported that it goes on
	tellCont bool // the parent is still to be told that it goes on
}

// Stopped reports whether job control has stopped tg.
func (tg *ThreadGroup) Stopped() bool {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.stop.complete
}

// beginStopLocked makes every task stop.
func (tg *ThreadGroup) beginStopLocked(signo int) {
	if tg.exiting || tg.execing != nil || tg.stop.signo != 0 {
		return
	}
	tg.stop = stopState{signo: signo}
	for _, t := range tg.tasks {
		t.interrupt(workStop)
	}
}

// resumeLocked ends a stop (SIGCONT).
func (tg *ThreadGroup) resumeLocked() {
	if tg.stop.signo == 0 {
		return
	}
	told := tg.stop.complete
	tg.stop = stopState{tellCont: told, waitCont: told}
	for _, t := range tg.tasks {
		t.work.And(^uint32(workStop))
		if told {
			t.interrupt(workCont)
		} else {
			t.Wake()
		}
	}
}

// stopHere stops t until the group goes on or dies.
func (t *Task) stopHere() {
	if !t.enterStop() {
		return
	}
	for t.work.Load()&workStop != 0 && t.work.Load()&workKill == 0 {
		t.sleep(Forever)
	}
}

// enterStop counts t as stopped, unless there is no stop any more. Whoever waits for
// the group sees the stop when its parent has the signal, not before.
func (t *Task) enterStop() bool {
	tg := t.tg
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	tg.mu.Lock()
	if tg.stop.signo == 0 {
		t.work.And(^uint32(workStop))
		tg.mu.Unlock()
		return false
	}
	tg.stop.stopped++
	signo := tg.stopCompleteLocked()
	tg.mu.Unlock()
	if signo != 0 {
		tg.tellParentOfStopLocked(linux.CLD_STOPPED, int32(signo))
	}
	return true
}

// stopCompleteLocked returns the signal if the last task has just stopped.
func (tg *ThreadGroup) stopCompleteLocked() int {
	if tg.stop.signo == 0 || tg.stop.complete || tg.stop.stopped < len(tg.tasks) {
		return 0
	}
	tg.stop.complete, tg.stop.waitStop = true, true
	return tg.stop.signo
}

// tellContinued tells the parent, once, that tg goes on.
func (tg *ThreadGroup) tellContinued() {
	tg.mu.Lock()
	tell := tg.stop.tellCont
	tg.stop.tellCont = false
	tg.mu.Unlock()
	if tell {
		tg.k.tree.RLock()
		defer tg.k.tree.RUnlock()
		tg.tellParentOfStopLocked(linux.CLD_CONTINUED, linux.SIGCONT)
	}
}

// tellParentOfStopLocked sends SIGCHLD for a stop or its end, unless the parent set
// SA_NOCLDSTOP, and wakes its waiters. Kernel.tree is held.
func (tg *ThreadGroup) tellParentOfStopLocked(code, status int32) {
	p := tg.parent
	if p == nil {
		return
	}
	u := tg.usageLocked()
	i := childInfo(code, p.ns.IDOfGroup(tg), tg.leader.Creds().UID, status, u.utime/tickNS, u.stime/tickNS)
	p.mu.Lock()
	if p.sighand.get(linux.SIGCHLD).Flags&linux.SA_NOCLDSTOP == 0 {
		_ = p.sendLocked(nil, pendingSignal{info: *i}, fromInside)
	}
	p.mu.Unlock()
	p.childEvents.Notify(wait.In)
}
