package kernel

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/vfs"
)

// A Terminal is the job control side of a tty: whose controlling terminal it
// is and which process group may read it. A driver embeds one. Guarded by
// Kernel.tree, but for Dev.
type Terminal struct {
	// Open opens the terminal once more (/dev/tty); nil if that cannot be.
	// Set by the driver, immutable.
	Open func(c *vfs.Ctx, flags uint32) (vfs.FileOps, error)

	// Dev is the device's number, as stat(2) shows it; set by the driver.
	Dev uint32

	session *Session
	fg      *ProcessGroup
}

// A StealFlag says whether TIOCSCTTY may take a terminal from its session.
type StealFlag uint8

// Values of StealFlag.
const (
	DoNotSteal StealFlag = iota
	Steal
)

// SetTerminal makes tm the controlling terminal of t's session (TIOCSCTTY,
// and opening a terminal without O_NOCTTY).
func (t *Task) SetTerminal(tm *Terminal, steal StealFlag) error {
	t.k.tree.Lock()
	defer t.k.tree.Unlock()
	s := t.tg.pgrp.session
	if s.leader == t.tg && tm.session == s {
		return nil
	}
	if s.leader != t.tg || s.tty != nil {
		return linux.EPERM
	}
	if old := tm.session; old != nil {
		if steal != Steal || !t.Creds().Has(auth.CapSysAdmin) {
			return linux.EPERM
		}
		old.tty = nil
	}
	tm.session, tm.fg, s.tty = s, t.tg.pgrp, tm
	return nil
}

// DropTerminal is TIOCNOTTY.
func (t *Task) DropTerminal(tm *Terminal) error {
	t.k.tree.Lock()
	defer t.k.tree.Unlock()
	s := t.tg.pgrp.session
	if s.tty != tm || tm == nil {
		return linux.ENOTTY
	}
	if s.leader == t.tg {
		tm.disownLocked()
	}
	return nil
}

// Terminal returns t's controlling terminal, or nil.
func (t *Task) Terminal() *Terminal {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	if t.tg.pgrp == nil {
		return nil
	}
	return t.tg.pgrp.session.tty
}

// ForegroundGroup is TIOCGPGRP on t's controlling terminal.
func (t *Task) ForegroundGroup(tm *Terminal) (int32, error) {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	if t.tg.pgrp.session.tty != tm {
		return 0, linux.ENOTTY
	}
	if tm.fg == nil {
		return 0, nil
	}
	return tm.fg.id, nil
}

// TerminalSession is TIOCGSID.
func (t *Task) TerminalSession(tm *Terminal) (int32, error) {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	if s := t.tg.pgrp.session; s.tty == tm {
		return s.id, nil
	}
	return 0, linux.ENOTTY
}

// SetForeground is TIOCSPGRP. The caller has asked CheckTerminal first.
func (t *Task) SetForeground(tm *Terminal, pgid int32) error {
	t.k.tree.Lock()
	defer t.k.tree.Unlock()
	s := t.tg.pgrp.session
	if s.tty != tm {
		return linux.ENOTTY
	}
	if pgid < 0 {
		return linux.EINVAL
	}
	pg := t.tg.ns.pgrps[pgid]
	if pg == nil {
		return linux.ESRCH
	}
	if pg.session != s {
		return linux.EPERM
	}
	tm.fg = pg
	return nil
}

// CheckTerminal makes a background job that reads (SIGTTIN), or that writes or
// changes (SIGTTOU), stop: ERESTARTSYS, or EIO where that cannot be
// (__tty_check_change, job_control in n_tty.c). The driver retries the call.
func (t *Task) CheckTerminal(tm *Terminal, signo int) error {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	pg := t.tg.pgrp
	if pg == nil || pg.session.tty != tm || tm.fg == nil || tm.fg == pg {
		return nil
	}
	t.tg.mu.Lock()
	quiet := has(t.blocked, signo) || t.tg.sighand.get(signo).Handler == linux.SIG_IGN
	t.tg.mu.Unlock()
	switch {
	case quiet && signo == linux.SIGTTOU:
		return nil
	case quiet, pg.orphanedLocked(nil):
		return linux.EIO
	}
	pg.signalLocked(KernelInfo(signo))
	return linux.ERESTARTSYS
}

// SignalForeground sends signo to the foreground job of tm (^C, SIGWINCH).
func (k *Kernel) SignalForeground(tm *Terminal, signo int) {
	k.tree.RLock()
	defer k.tree.RUnlock()
	if tm.fg != nil {
		tm.fg.signalLocked(KernelInfo(signo))
	}
}

// HangupTerminal tells tm's session that the terminal is gone.
func (k *Kernel) HangupTerminal(tm *Terminal) {
	k.tree.Lock()
	defer k.tree.Unlock()
	if s := tm.session; s != nil {
		_ = s.leader.Signal(KernelInfo(linux.SIGHUP))
		_ = s.leader.Signal(KernelInfo(linux.SIGCONT))
		tm.disownLocked()
	}
}

// disownLocked ends tm's session's hold on it: the foreground job hears of it
// (disassociate_ctty).
func (tm *Terminal) disownLocked() {
	if tm.fg != nil {
		tm.fg.signalLocked(KernelInfo(linux.SIGHUP))
		tm.fg.signalLocked(KernelInfo(linux.SIGCONT))
	}
	if tm.session != nil {
		tm.session.tty = nil
	}
	tm.session, tm.fg = nil, nil
}

// disownTerminalLocked is what the exit of a session's leader does.
func (tg *ThreadGroup) disownTerminalLocked() {
	if tg.pgrp == nil || tg.pgrp.session.leader != tg {
		return
	}
	if tm := tg.pgrp.session.tty; tm != nil {
		tm.disownLocked()
	}
}
