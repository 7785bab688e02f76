package kernel

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// A WaitFor says which children wait4(2) and waitid(2) look at.
type WaitFor struct {
	Type    int          // P_ALL, P_PID or P_PGID
	ID      int32        // of P_PID and P_PGID; P_PGID 0 is the caller's group
	Group   *ThreadGroup // of P_PIDFD
	Options uint32
}

// A Waited is a child's change of state.
type Waited struct {
	PID    int32 // 0: nothing yet (WNOHANG)
	UID    uint32
	Code   int32 // CLD_*
	Status int32 // exit code or signal
	Raw    int32 // as wait4(2) stores it
	Usage  linux.Rusage
}

// WaitChild waits for a child's change of state.
func (t *Task) WaitChild(w *WaitFor) (Waited, error) {
	e := t.NewWaiter(wait.In)
	q := &t.tg.childEvents
	q.Register(e)
	defer q.Unregister(e)
	for {
		r, err := t.tryWait(w)
		if err != nil || r.PID != 0 || w.Options&linux.WNOHANG != 0 {
			return r, err
		}
		if err := t.Block(Forever); err != nil {
			// A child's end goes before its signal (do_wait).
			if r, now := t.tryWait(w); now != nil || r.PID != 0 {
				return r, now
			}
			return Waited{}, err
		}
	}
}

// tryWait looks once: ECHILD where no child fits, an empty Waited where none
// has changed.
func (t *Task) tryWait(w *WaitFor) (Waited, error) {
	t.k.tree.Lock()
	defer t.k.tree.Unlock()
	found := false
	for _, c := range t.tg.children {
		if !w.matchesLocked(t, c) {
			continue
		}
		found = true
		if r, ok := c.tryWaitLocked(t, w); ok {
			return r, nil
		}
	}
	if !found {
		return Waited{}, linux.ECHILD
	}
	return Waited{}, nil
}

func (w *WaitFor) matchesLocked(t *Task, c *ThreadGroup) bool {
	switch w.Type {
	case linux.P_PID:
		if c.ns != t.tg.ns || c.id != w.ID {
			return false
		}
	case linux.P_PIDFD:
		if c != w.Group {
			return false
		}
	case linux.P_PGID:
		pg := c.pgrp
		if w.ID == 0 && pg != t.tg.pgrp || w.ID != 0 && (pg == nil || pg.id != w.ID) {
			return false
		}
	}
	if w.Options&linux.WNOTHREAD != 0 && c.parentTask != t {
		return false
	}
	// A "clone" child is one whose exit signal is not SIGCHLD (eligible_child).
	clone := c.exitSignal != linux.SIGCHLD
	return w.Options&linux.WALL != 0 || clone == (w.Options&linux.WCLONE != 0)
}

// tryWaitLocked consumes a change of c's state unless WNOWAIT is set.
func (tg *ThreadGroup) tryWaitLocked(t *Task, w *WaitFor) (Waited, bool) {
	keep := w.Options&linux.WNOWAIT != 0
	u := tg.usageLocked()
	r := Waited{PID: t.tg.ns.IDOfGroup(tg), UID: tg.leader.Creds().UID}
	if tg.state == groupZombie {
		if w.Options&linux.WEXITED == 0 {
			return r, false
		}
		u.add(tg.childUsage)
		r.Usage = u.rusage()
		r.Code, r.Status = exitCode(tg.exitStatus)
		r.Raw = tg.exitStatus
		if !keep {
			tg.reapLocked()
		}
		return r, true
	}
	r.Usage = u.rusage()
	tg.mu.Lock()
	defer tg.mu.Unlock()
	s := &tg.stop
	switch {
	case w.Options&linux.WSTOPPED != 0 && s.complete && s.waitStop:
		s.waitStop = keep
		r.Code, r.Status = linux.CLD_STOPPED, int32(s.signo)
		r.Raw = int32(s.signo)<<8 | 0x7f
		return r, true
	case w.Options&linux.WCONTINUED != 0 && s.waitCont:
		s.waitCont = keep
		r.Code, r.Status = linux.CLD_CONTINUED, linux.SIGCONT
		r.Raw = 0xffff
		return r, true
	}
	return r, false
}
