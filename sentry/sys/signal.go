package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
)

// signals is the calls of signal(7).
var signals = family{
	sysno.RtSigaction:      call4(rtSigaction),
	sysno.RtSigprocmask:    call4(rtSigprocmask),
	sysno.RtSigpending:     call2(rtSigpending),
	sysno.RtSigsuspend:     call2(rtSigsuspend),
	sysno.RtSigtimedwait:   call4(rtSigtimedwait),
	sysno.RtSigqueueinfo:   call3(rtSigqueueinfo),
	sysno.RtTgsigqueueinfo: call4(rtTgsigqueueinfo),
	sysno.RtSigreturn:      call0(rtSigreturn),
	sysno.Sigaltstack:      call2(sigaltstack),
	sysno.Kill:             call2(kill),
	sysno.Tkill:            call2(tkill),
	sysno.Tgkill:           call3(tgkill),
	sysno.Pause:            call0(pause),
	sysno.RestartSyscall:   call0(restartSyscall),
}

// rtSigaction is sigaction(2).
func rtSigaction(t *kernel.Task, signo Signal, act, old Addr, size Size) (uintptr, error) {
	if size != linux.SigsetSize {
		return 0, linux.EINVAL
	}
	var a *linux.Sigaction
	if act != 0 {
		a = new(linux.Sigaction)
		if err := copyIn(t, act, a); err != nil {
			return 0, err
		}
	}
	o, err := t.SigAction(int(signo), a)
	if err == nil && old != 0 {
		err = copyOut(t, old, &o)
	}
	return 0, err
}

// rtSigprocmask is sigprocmask(2).
func rtSigprocmask(t *kernel.Task, how Int, set, old Addr, size Size) (uintptr, error) {
	if size != linux.SigsetSize {
		return 0, linux.EINVAL
	}
	was := t.Blocked()
	if set != 0 {
		var s linux.Sigset
		if err := copyIn(t, set, &s); err != nil {
			return 0, err
		}
		switch how {
		case linux.SIG_BLOCK:
			s |= was
		case linux.SIG_UNBLOCK:
			s = was &^ s
		case linux.SIG_SETMASK:
		default:
			return 0, linux.EINVAL
		}
		t.SetBlocked(s)
	}
	if old != 0 {
		return 0, copyOut(t, old, &was)
	}
	return 0, nil
}

// rtSigpending is sigpending(2).
func rtSigpending(t *kernel.Task, set Addr, size Size) (uintptr, error) {
	if size > linux.SigsetSize {
		return 0, linux.EINVAL
	}
	s := t.Pending()
	_, err := t.Mem().CopyOut(set.Guest(), linux.Bytes(&s)[:size])
	return 0, err
}

// rtSigsuspend is sigsuspend(2).
func rtSigsuspend(t *kernel.Task, set Addr, size Size) (uintptr, error) {
	if size != linux.SigsetSize {
		return 0, linux.EINVAL
	}
	var s linux.Sigset
	if err := copyIn(t, set, &s); err != nil {
		return 0, err
	}
	t.SetTempMask(s)
	return pause(t)
}

// pause is pause(2).
func pause(t *kernel.Task) (uintptr, error) {
	for t.Block(kernel.Forever) == nil {
	}
	return 0, linux.ERESTARTNOHAND
}

// rtSigtimedwait is sigtimedwait(2).
func rtSigtimedwait(t *kernel.Task, set, info, timeout Addr, size Size) (uintptr, error) {
	if size != linux.SigsetSize {
		return 0, linux.EINVAL
	}
	var s linux.Sigset
	if err := copyIn(t, set, &s); err != nil {
		return 0, err
	}
	deadline := kernel.Forever
	if timeout != 0 {
		d, err := copyInDuration(t, timeout)
		if err != nil {
			return 0, err
		}
		deadline = kernel.Deadline(d)
	}
	i, err := t.SigWait(s, deadline)
	if err != nil {
		return 0, err
	}
	if info != 0 {
		if err := copyOut(t, info, i); err != nil {
			return 0, err
		}
	}
	return uintptr(i.Signo), nil
}

// copyInInfo reads what a process wants to say in a signal.
func copyInInfo(t *kernel.Task, a Addr, signo Signal) (*kernel.Info, error) {
	i := new(kernel.Info)
	err := copyIn(t, a, i)
	i.Signo = int32(signo)
	return i, err
}

// maySay reports whether t may send i to another: what the kernel or kill(2)
// says, a process may only tell itself.
func maySay(t *kernel.Task, to PID, i *kernel.Info) bool {
	return i.Code < 0 && i.Code != linux.SI_TKILL || int32(to) == t.TID()
}

// rtSigqueueinfo is rt_sigqueueinfo(2).
func rtSigqueueinfo(t *kernel.Task, pid PID, signo Signal, info Addr) (uintptr, error) {
	i, err := copyInInfo(t, info, signo)
	if err != nil {
		return 0, err
	}
	if !maySay(t, pid, i) {
		return 0, linux.EPERM
	}
	to := t.Group().Namespace().Task(int32(pid))
	if to == nil {
		return 0, linux.ESRCH
	}
	return 0, t.SignalGroup(to.Group(), int(signo), i)
}

// rtTgsigqueueinfo is rt_tgsigqueueinfo(2).
func rtTgsigqueueinfo(t *kernel.Task, tgid, tid PID, signo Signal, info Addr) (uintptr, error) {
	i, err := copyInInfo(t, info, signo)
	switch {
	case err != nil:
		return 0, err
	case tgid <= 0 || tid <= 0:
		return 0, linux.EINVAL
	case !maySay(t, tid, i):
		return 0, linux.EPERM
	}
	return 0, t.SignalTask(int32(tgid), int32(tid), int(signo), i)
}

// rtSigreturn is sigreturn(2).
func rtSigreturn(t *kernel.Task) (uintptr, error) { return 0, t.SigReturn() }

// restartSyscall is restart_syscall(2) where there is nothing to restart;
// Dispatch deals with the rest.
func restartSyscall(*kernel.Task) (uintptr, error) { return 0, linux.EINTR }

// sigaltstack is sigaltstack(2).
func sigaltstack(t *kernel.Task, stack, old Addr) (uintptr, error) {
	sp := t.Regs().RSP
	was := t.AltStack(sp)
	if stack != 0 {
		var s linux.Stack
		if err := copyIn(t, stack, &s); err != nil {
			return 0, err
		}
		if err := t.SetAltStack(&s, sp); err != nil {
			return 0, err
		}
	}
	if old != 0 {
		return 0, copyOut(t, old, &was)
	}
	return 0, nil
}

// sentBy is what t says in a signal that it sends.
func sentBy(t *kernel.Task, signo Signal, code int32) *kernel.Info {
	return kernel.KillInfo(int(signo), code, t.Group().ID(), t.Creds().UID)
}

// kill is kill(2).
func kill(t *kernel.Task, pid PID, signo Signal) (uintptr, error) {
	return 0, t.Kill(int32(pid), int(signo), sentBy(t, signo, linux.SI_USER))
}

// tkill is tkill(2).
func tkill(t *kernel.Task, tid PID, signo Signal) (uintptr, error) {
	if tid <= 0 {
		return 0, linux.EINVAL
	}
	return 0, t.SignalTask(0, int32(tid), int(signo), sentBy(t, signo, linux.SI_TKILL))
}

// tgkill is tgkill(2).
func tgkill(t *kernel.Task, tgid, tid PID, signo Signal) (uintptr, error) {
	if tgid <= 0 || tid <= 0 {
		return 0, linux.EINVAL
	}
	return 0, t.SignalTask(int32(tgid), int32(tid), int(signo), sentBy(t, signo, linux.SI_TKILL))
}
