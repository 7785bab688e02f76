package kernel

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// mayKill is kill(2)'s check of a signal, 0 too, for target; Kernel.tree is
// held (check_kill_permission).
func (t *Task) mayKill(target *Task, signo int) error {
	if signo != 0 && !validSignal(signo) {
		return linux.EINVAL
	}
	c, d := t.Creds(), target.Creds()
	switch {
	case t.tg == target.tg, c.EUID == d.SUID, c.EUID == d.UID, c.UID == d.SUID, c.UID == d.UID,
		c.Has(auth.CapKill):
		return nil
	case signo == linux.SIGCONT && target.tg.pgrp != nil && t.tg.pgrp != nil &&
		target.tg.pgrp.session == t.tg.pgrp.session:
		return nil
	}
	return linux.EPERM
}

// MayPtrace reports whether t may look into target: its memory, descriptors
// and the like (ptrace_may_access with real credentials in kernel/ptrace.c).
func (t *Task) MayPtrace(target *Task) bool {
	c, d := t.Creds(), target.Creds()
	if t.tg == target.tg || c.Has(auth.CapSysPtrace) {
		return true
	}
	return c.UID == d.EUID && c.UID == d.SUID && c.UID == d.UID &&
		c.GID == d.EGID && c.GID == d.SGID && c.GID == d.GID &&
		target.tg.Dumpable() == linux.SUID_DUMP_USER && d.Permitted&^c.Permitted == 0
}
