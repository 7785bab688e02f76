package kernel

import (
	"slices"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// Signal sends i to the process (a shared signal). EAGAIN: a queued signal
// beyond RLIMIT_SIGPENDING.
func (tg *ThreadGroup) Signal(i *Info) error {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.sendLocked(nil, pendingSignal{info: *i}, fromInside)
}

// SignalFromOutside sends i as from an ancestor namespace: init cannot ignore
// SIGKILL and SIGSTOP.
func (tg *ThreadGroup) SignalFromOutside(i *Info) error {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.sendLocked(nil, pendingSignal{info: *i}, fromOutside)
}

// Signal sends i to this task alone.
func (t *Task) Signal(i *Info) error {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	if t.exited {
		return linux.ESRCH
	}
	return t.tg.sendLocked(t, pendingSignal{info: *i}, fromInside)
}

type origin uint8

const (
	fromInside  origin = iota
	fromOutside        // an ancestor namespace, or the kernel by force
)

// sendLocked queues p for t, or for the group if t is nil (__send_signal_locked
// in kernel/signal.c). tg.mu is held.
func (tg *ThreadGroup) sendLocked(t *Task, p pendingSignal, from origin) error {
	signo := int(p.info.Signo)
	if len(tg.tasks) == 0 {
		return nil
	}
	tg.prepareLocked(signo)
	witness := t
	if witness == nil {
		witness = tg.tasks[0]
	}
	if tg.ignoredLocked(witness, signo, from) {
		return nil
	}
	q := &tg.pending
	if t != nil {
		q = &t.pending
	}
	if signo < linux.SIGRTMIN && has(q.set, signo) && p.timer == nil {
		return nil
	}
	if signo == linux.SIGKILL {
		tg.killLocked(linux.SIGKILL)
		return nil
	}
	if p.timer != nil {
		p.timer.queued = true
	}
	user := tg.k.users.get(witness.Creds().UID)
	limit := tg.limits.Cur(linux.RLIMIT_SIGPENDING)
	kernelOrUser := p.info.Code == linux.SI_USER || p.info.Code == linux.SI_KERNEL
	switch {
	case uint64(user.signals.Add(1)) <= limit, p.timer != nil,
		signo < linux.SIGRTMIN && p.info.Code >= 0:
		p.user = user
		q.push(p)
	case signo >= linux.SIGRTMIN && !kernelOrUser:
		user.signals.Add(-1)
		return linux.EAGAIN
	default:
		user.signals.Add(-1)
		q.set |= bit(signo) // its information is lost
	}
	tg.signalEvents.Notify(wait.In)
	if t != nil {
		if !has(t.blocked, signo) || has(t.sigwait, signo) {
			t.interrupt(workSignal)
		}
		return nil
	}
	tg.wakeOneLocked(signo)
	return nil
}

// wakeOneLocked makes one task that wants signo look for it.
func (tg *ThreadGroup) wakeOneLocked(signo int) {
	var busy *Task
	for _, t := range tg.tasks {
		if has(t.blocked, signo) && !has(t.sigwait, signo) {
			continue
		}
		if t.work.Load()&workSignal == 0 {
			t.interrupt(workSignal)
			return
		}
		busy = t
	}
	if busy != nil {
		busy.interrupt(workSignal)
	}
}

// ignoredLocked reports whether signo would do nothing (sig_ignored).
func (tg *ThreadGroup) ignoredLocked(t *Task, signo int, from origin) bool {
	if has(t.blocked|t.sigwait, signo) {
		return false
	}
	h := tg.sighand.get(signo).Handler
	if tg.unkillable && h == linux.SIG_DFL && !(from == fromOutside && has(unblockable, signo)) {
		return true
	}
	return h == linux.SIG_IGN || h == linux.SIG_DFL && has(ignoredByDefault, signo)
}

// prepareLocked lets stop signals and SIGCONT cancel each other, and SIGCONT
// resume the group even where it is blocked or ignored (prepare_signal).
func (tg *ThreadGroup) prepareLocked(signo int) {
	switch {
	case has(stopSignals, signo):
		tg.discardLocked(bit(linux.SIGCONT))
	case signo == linux.SIGCONT:
		tg.discardLocked(stopSignals)
		tg.resumeLocked()
	}
}

func (tg *ThreadGroup) discardLocked(s linux.Sigset) {
	tg.pending.discard(s)
	for _, t := range tg.tasks {
		t.pending.discard(s)
	}
}

// killLocked makes every task exit with status (complete_signal's fatal case).
func (tg *ThreadGroup) killLocked(status int32) {
	if !tg.exiting {
		tg.exiting = true
		tg.groupStatus = status
	}
	tg.stop = stopState{}
	for _, t := range tg.tasks {
		t.interrupt(workKill)
	}
}

// interrupt gives t a reason to look up: it leaves guest code or its sleep.
func (t *Task) interrupt(why uint32) {
	t.work.Or(why)
	t.Wake()
	if t.asleep.Load() {
		return // it looks at work before it runs guest code
	}
	t.ctxMu.Lock()
	if t.ctx != nil {
		t.ctx.Interrupt()
	}
	t.ctxMu.Unlock()
}

// forceSignal sends a signal that t's own action caused and that it cannot
// ignore or block (force_sig_info).
func (t *Task) forceSignal(i *Info) {
	tg := t.tg
	tg.mu.Lock()
	defer tg.mu.Unlock()
	signo := int(i.Signo)
	tg.sighand.mu.Lock()
	a := &tg.sighand.actions[signo]
	if has(t.blocked, signo) || a.Handler == linux.SIG_IGN {
		a.Handler = linux.SIG_DFL
		t.blocked &^= bit(signo)
	}
	if a.Handler == linux.SIG_DFL {
		tg.unkillable = false
	}
	tg.sighand.mu.Unlock()
	_ = tg.sendLocked(t, pendingSignal{info: *i}, fromOutside)
}

// ForceSignal sends t a fault signal that it cannot block or ignore. Task
// goroutine only.
func (t *Task) ForceSignal(i *Info) { t.forceSignal(i) }

// Kill is kill(2) with the information i; signo 0 only checks.
func (t *Task) Kill(pid int32, signo int, i *Info) error {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	ns := t.tg.ns
	send := func(tg *ThreadGroup) error {
		if err := t.mayKill(tg.leader, signo); err != nil || signo == 0 {
			return err
		}
		return tg.Signal(i)
	}
	switch {
	case pid > 0:
		tg := ns.groups[pid]
		if tg == nil {
			// A thread's id means its group (kill_pid_info).
			th := ns.tasks[pid]
			if th == nil {
				return linux.ESRCH
			}
			tg = th.tg
		}
		return send(tg)
	case pid == -1:
		n, err := 0, error(nil)
		for id, tg := range ns.groups {
			if id == 1 || tg == t.tg {
				continue
			}
			n++
			if e := send(tg); e != linux.EPERM {
				err = e
			}
		}
		if n == 0 {
			return linux.ESRCH
		}
		return err
	}
	pg := t.tg.pgrp
	if pid < 0 {
		pg = ns.pgrps[-pid]
	}
	if pg == nil || len(pg.members) == 0 {
		return linux.ESRCH
	}
	var err error
	ok := false
	for _, tg := range pg.members {
		if e := send(tg); e == nil {
			ok = true
		} else {
			err = e
		}
	}
	if ok {
		return nil
	}
	return err
}

// SignalGroup is rt_sigqueueinfo(2), pidfd_send_signal(2): i goes to tg.
func (t *Task) SignalGroup(tg *ThreadGroup, signo int, i *Info) error {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	if tg.state == groupReaped {
		return linux.ESRCH
	}
	if err := t.mayKill(tg.leader, signo); err != nil || signo == 0 {
		return err
	}
	return tg.Signal(i)
}

// SignalTask is tgkill(2): i goes to the task tid, of group tgid unless that
// is 0.
func (t *Task) SignalTask(tgid, tid int32, signo int, i *Info) error {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	target := t.tg.ns.tasks[tid]
	if target == nil || tgid != 0 && target.tg.id != tgid {
		return linux.ESRCH
	}
	if err := t.mayKill(target, signo); err != nil || signo == 0 {
		return err
	}
	if err := target.Signal(i); err != linux.ESRCH {
		return err
	}
	return nil // an exiting thread swallows it
}

// SigAction is sigaction(2): it returns the old action and, if a is not nil,
// sets it.
func (t *Task) SigAction(signo int, a *linux.Sigaction) (old linux.Sigaction, err error) {
	if !validSignal(signo) || a != nil && has(unblockable, signo) {
		return old, linux.EINVAL
	}
	tg := t.tg
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.sighand.mu.Lock()
	old = tg.sighand.actions[signo]
	if a != nil {
		n := *a
		n.Mask &^= unblockable
		n.Flags &= sigactionFlags
		tg.sighand.actions[signo] = n
	}
	tg.sighand.mu.Unlock()
	if a != nil && (a.Handler == linux.SIG_IGN || a.Handler == linux.SIG_DFL && has(ignoredByDefault, signo)) {
		// POSIX: what is ignored is not left pending.
		tg.discardLocked(bit(signo))
	}
	return old, nil
}

// sigactionFlags are the flags that sigaction(2) keeps (UAPI_SA_FLAGS).
const sigactionFlags = linux.SA_NOCLDSTOP | linux.SA_NOCLDWAIT | linux.SA_SIGINFO |
	linux.SA_ONSTACK | linux.SA_RESTART | linux.SA_NODEFER | linux.SA_RESETHAND |
	linux.SA_EXPOSE_TAGBITS | linux.SA_RESTORER

// Blocked returns t's signal mask.
func (t *Task) Blocked() linux.Sigset {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	return t.blocked
}

// SetBlocked replaces t's signal mask. Task goroutine only.
func (t *Task) SetBlocked(s linux.Sigset) {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	t.setBlockedLocked(s)
}

func (t *Task) setBlockedLocked(s linux.Sigset) {
	s &^= unblockable
	newly := s &^ t.blocked
	t.blocked = s
	t.recalcLocked()
	t.retargetLocked(newly)
}

// recalcLocked sets or clears workSignal by what is pending.
func (t *Task) recalcLocked() {
	if (t.pending.set|t.tg.pending.set)&^t.blocked != 0 {
		t.work.Or(workSignal)
	} else {
		t.work.And(^uint32(workSignal))
	}
}

// retargetLocked hands group signals that t no longer takes to other tasks
// (retarget_shared_pending).
func (t *Task) retargetLocked(s linux.Sigset) {
	s &= t.tg.pending.set
	for _, o := range t.tg.tasks {
		if s == 0 {
			return
		}
		if o == t || s&^o.blocked == 0 {
			continue
		}
		s &= o.blocked
		o.interrupt(workSignal)
	}
}

// Pending returns what is pending and blocked (sigpending(2)).
func (t *Task) Pending() linux.Sigset {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	return (t.pending.set | t.tg.pending.set) & t.blocked
}

// SetTempMask replaces the mask until the call returns or a handler has run,
// whose frame restores the old one (sigsuspend(2), ppoll(2)).
func (t *Task) SetTempMask(s linux.Sigset) {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	if !t.hasSaved {
		t.savedMask, t.hasSaved = t.blocked, true
	}
	t.setBlockedLocked(s)
	t.work.Or(workMask)
}

// RestoreMask ends SetTempMask before signals are looked at: for a call that
// was not interrupted.
func (t *Task) RestoreMask() {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	if t.hasSaved {
		t.hasSaved = false
		t.setBlockedLocked(t.savedMask)
	}
}

// DequeueSignal takes a pending signal in s, for signalfd(2) and sigtimedwait(2).
func (t *Task) DequeueSignal(s linux.Sigset) (*Info, bool) {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	p, ok := t.dequeueLocked(^s)
	if !ok {
		return nil, false
	}
	t.recalcLocked()
	return &p.info, true
}

// PendingIn reports whether a signal in s is pending for t (signalfd's poll).
func (t *Task) PendingIn(s linux.Sigset) bool {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	return (t.pending.set|t.tg.pending.set)&s != 0
}

// dequeueLocked takes the next signal outside mask, t's own ones first.
func (t *Task) dequeueLocked(mask linux.Sigset) (p pendingSignal, ok bool) {
	q := &t.pending
	n := q.next(mask)
	if n == 0 {
		q = &t.tg.pending
		if n = q.next(mask); n == 0 {
			return p, false
		}
	}
	p = q.take(n)
	if p.timer != nil {
		p.timer.dequeued(&p.info)
	}
	return p, true
}

// SigWait takes a signal in s, waiting until the deadline (sigtimedwait(2)).
func (t *Task) SigWait(s linux.Sigset, deadline int64) (*Info, error) {
	s &^= unblockable
	for {
		if i, ok := t.DequeueSignal(s); ok {
			return i, nil
		}
		if deadline <= Now() {
			return nil, linux.EAGAIN
		}
		t.setSigwait(s)
		err := t.Block(deadline)
		t.setSigwait(0)
		if i, ok := t.DequeueSignal(s); ok {
			return i, nil
		}
		switch err {
		case linux.ETIMEDOUT:
			return nil, linux.EAGAIN
		case linux.ERESTARTSYS:
			return nil, linux.EINTR
		}
	}
}

// setSigwait says which signals wake t although they are blocked, and are not
// dropped although they are ignored.
func (t *Task) setSigwait(s linux.Sigset) {
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	t.sigwait = s
	if s != 0 && (t.pending.set|t.tg.pending.set)&s != 0 {
		t.work.Or(workSignal) // it came before we said so
		return
	}
	t.recalcLocked()
}

// SignalEvents is told of every signal queued for tg (signalfd(2)).
func (tg *ThreadGroup) SignalEvents() *wait.Queue { return &tg.signalEvents }

// removeTaskLocked takes t, which has exited, out of the group.
func (tg *ThreadGroup) removeTaskLocked(t *Task) {
	if i := slices.Index(tg.tasks, t); i >= 0 {
		tg.tasks = slices.Delete(tg.tasks, i, i+1)
	}
	t.retargetLocked(^t.blocked)
	t.pending.discard(^linux.Sigset(0))
	t.exited = true
}
