package kernel

import (
	"glovebox/abi/linux"
	"glovebox/sentry/arch"
)

// lookUp does what work asks for before t runs guest code: it stops, delivers
// signals and settles how an interrupted call goes on (arch_do_signal_or_restart).
// It reports whether t lives on.
func (t *Task) lookUp() bool {
	handled := false
	for {
		w := t.work.Load()
		switch {
		case w&workKill != 0:
			return false
		case w&workFreeze != 0:
			t.freezeHere()
		case w&workStop != 0:
			t.stopHere()
		case w&workBarrier != 0:
			t.passBarrier()
		case w&workPublish != 0:
			t.work.And(^uint32(workPublish))
			t.publish()
		case w&workCont != 0:
			t.work.And(^uint32(workCont))
			t.tg.tellContinued()
		case w&workSignal != 0:
			a, i, ok := t.nextHandler()
			if !ok {
				continue
			}
			handled = true
			t.settleCall(&a)
			t.runHandler(&a, i)
		default:
			if !handled {
				t.settleCall(nil)
				t.RestoreMask()
			}
			t.work.And(^uint32(workRestart | workMask))
			return true
		}
	}
}

// nextHandler takes signals and carries out default actions until it finds one
// with a handler (get_signal).
func (t *Task) nextHandler() (a linux.Sigaction, i *Info, ok bool) {
	tg := t.tg
	tg.mu.Lock()
	p, got := t.dequeueLocked(t.blocked)
	t.recalcLocked()
	if !got {
		tg.mu.Unlock()
		return a, nil, false
	}
	signo := int(p.info.Signo)
	tg.sighand.mu.Lock()
	a = tg.sighand.actions[signo]
	if a.Handler > linux.SIG_IGN && a.Flags&linux.SA_RESETHAND != 0 {
		tg.sighand.actions[signo].Handler = linux.SIG_DFL
	}
	tg.sighand.mu.Unlock()
	switch {
	case a.Handler == linux.SIG_IGN:
	case a.Handler != linux.SIG_DFL:
		tg.mu.Unlock()
		return a, &p.info, true
	case has(ignoredByDefault, signo):
	case tg.unkillable && p.info.Code != linux.SI_KERNEL && !has(unblockable, signo):
	case has(stopSignals, signo):
		tg.mu.Unlock()
		t.stopBy(signo)
		return a, nil, false
	default:
		tg.killLocked(int32(signo))
	}
	tg.mu.Unlock()
	return a, nil, false
}

// stopBy begins a stop; terminal stops do not work on orphans.
func (t *Task) stopBy(signo int) {
	tg := t.tg
	tg.k.tree.RLock()
	orphan := signo != linux.SIGSTOP && (tg.pgrp == nil || tg.pgrp.orphanedLocked(nil))
	tg.k.tree.RUnlock()
	if orphan {
		return
	}
	tg.mu.Lock()
	tg.beginStopLocked(signo)
	tg.mu.Unlock()
}

// settleCall decides how the call that ended with ERESTART* goes on: a is the
// action that is about to run, nil for none.
func (t *Task) settleCall(a *linux.Sigaction) {
	e := t.restart
	if e == 0 {
		return
	}
	t.restart = 0
	r := &t.regs
	switch {
	case a == nil && e == linux.ERESTART_RESTARTBLOCK:
		t.Restart.armed = true
		r.Restart(restartSyscall)
	case a == nil, e == linux.ERESTARTNOINTR,
		e == linux.ERESTARTSYS && a.Flags&linux.SA_RESTART != 0:
		r.Restart(r.OrigRAX)
	default:
		e = linux.EINTR
		r.RAX = -uint64(e)
	}
}

// runHandler makes the guest run a's handler.
func (t *Task) runHandler(a *linux.Sigaction, i *Info) {
	d := arch.Delivery{
		Action: *a, Info: *i,
		Alt:    t.AltStack(t.regs.RSP),
		TrapNo: t.fault.TrapNo, Err: t.fault.Err, CR2: t.fault.Addr,
		FP: t.ctx.FP(),
	}
	tg := t.tg
	tg.mu.Lock()
	d.Mask = t.blocked
	if t.hasSaved {
		d.Mask, t.hasSaved = t.savedMask, false
	}
	tg.mu.Unlock()
	if err := arch.PushSignal(&t.regs, t.mem, &d); err != nil {
		t.badFrame(int(i.Signo))
		return
	}
	if t.alt.Flags&linux.SS_AUTODISARM != 0 {
		t.alt = linux.Stack{Flags: linux.SS_DISABLE}
	}
	if err := t.ctx.SetFP(nil); err != nil {
		t.badFrame(int(i.Signo))
		return
	}
	tg.mu.Lock()
	m := t.blocked | a.Mask
	if a.Flags&linux.SA_NODEFER == 0 {
		m |= bit(int(i.Signo))
	}
	t.setBlockedLocked(m)
	tg.mu.Unlock()
}

// badFrame is what happens when a frame cannot be pushed or popped
// (force_sigsegv): SIGSEGV, fatal if it was SIGSEGV that could not be handled.
func (t *Task) badFrame(signo int) {
	if signo == linux.SIGSEGV {
		t.tg.sighand.mu.Lock()
		t.tg.sighand.actions[linux.SIGSEGV].Handler = linux.SIG_DFL
		t.tg.sighand.mu.Unlock()
	}
	t.forceSignal(KernelInfo(linux.SIGSEGV))
}

// SigReturn is rt_sigreturn(2).
func (t *Task) SigReturn() error {
	t.Restart.armed = false // what it interrupted cannot go on any more
	mask, alt, fp, err := arch.PopSignal(&t.regs, t.mem)
	if err == nil {
		err = t.ctx.SetFP(fp)
	}
	if err != nil {
		t.badFrame(0)
		return ErrNoReturn
	}
	t.SetBlocked(mask)
	// As restore_altstack: what is wrong with it is not reported.
	_ = t.SetAltStack(&alt, t.regs.RSP)
	return ErrNoReturn
}

// AltStack returns the alternate stack as sigaltstack(2) shows it to a thread
// whose stack pointer is sp. Task goroutine only.
func (t *Task) AltStack(sp uint64) linux.Stack {
	s := t.alt
	if s.Size == 0 {
		s.Flags |= linux.SS_DISABLE
	} else if s.Flags&linux.SS_AUTODISARM == 0 && t.onAlt(sp) {
		s.Flags |= linux.SS_ONSTACK
	}
	return s
}

func (t *Task) onAlt(sp uint64) bool { return sp > t.alt.SP && sp-t.alt.SP <= t.alt.Size }

// SetAltStack is sigaltstack(2) at stack pointer sp.
func (t *Task) SetAltStack(s *linux.Stack, sp uint64) error {
	if t.alt.Flags&linux.SS_AUTODISARM == 0 && t.alt.Size != 0 && t.onAlt(sp) {
		return linux.EPERM
	}
	switch mode := s.Flags &^ linux.SS_AUTODISARM; {
	case mode == linux.SS_DISABLE:
		t.alt = linux.Stack{Flags: s.Flags & linux.SS_AUTODISARM}
	case mode != 0 && mode != linux.SS_ONSTACK:
		return linux.EINVAL
	case s.Size < t.k.minSigStack():
		return linux.ENOMEM
	default:
		t.alt = linux.Stack{SP: s.SP, Size: s.Size, Flags: s.Flags & linux.SS_AUTODISARM}
	}
	return nil
}
