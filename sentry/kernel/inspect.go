package kernel

import "glovebox/abi/linux"

// State returns the letter by which /proc/PID/stat shows what t does.
func (t *Task) State() byte {
	tg := t.tg
	tg.mu.Lock()
	defer tg.mu.Unlock()
	switch {
	case t.exited:
		return 'Z'
	case tg.stop.signo != 0 && t.asleep.Load():
		return 'T'
	case t.asleep.Load():
		return 'S'
	}
	return 'R'
}

// SignalSets are a task's signals as /proc/PID/status shows them.
type SignalSets struct {
	Pending, Shared, Blocked, Ignored, Caught linux.Sigset
}

// SignalSets returns t's.
func (t *Task) SignalSets() SignalSets {
	tg := t.tg
	tg.mu.Lock()
	defer tg.mu.Unlock()
	s := SignalSets{Pending: t.pending.set, Shared: tg.pending.set, Blocked: t.blocked}
	h := tg.sighand
	h.mu.Lock()
	defer h.mu.Unlock()
	for signo := 1; signo <= linux.NSIG; signo++ {
		switch h.actions[signo].Handler {
		case linux.SIG_DFL:
		case linux.SIG_IGN:
			s.Ignored |= bit(signo)
		default:
			s.Caught |= bit(signo)
		}
	}
	return s
}

// PIDMax is kernel.pid_max.
const PIDMax = pidMax
