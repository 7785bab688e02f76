package kernel

import (
	"slices"

	"glovebox/abi/linux"
)

// A ProcessGroup is a job (setpgid(2)). Guarded by Kernel.tree.
type ProcessGroup struct {
	id      int32
	session *Session
	members []*ThreadGroup
}

// A Session is what shares a controlling terminal (setsid(2)). Guarded by
// Kernel.tree.
type Session struct {
	ns     *PIDNamespace
	id     int32
	leader *ThreadGroup
	groups int
	tty    *Terminal
}

// joinLocked moves tg into group pg.
func (tg *ThreadGroup) joinLocked(pg *ProcessGroup) {
	tg.leaveLocked()
	tg.pgrp = pg
	pg.members = append(pg.members, tg)
}

// leaveLocked takes tg out of its process group, which ends with its last member.
func (tg *ThreadGroup) leaveLocked() {
	pg := tg.pgrp
	if pg == nil {
		return
	}
	tg.pgrp = nil
	if i := slices.Index(pg.members, tg); i >= 0 {
		pg.members = slices.Delete(pg.members, i, i+1)
	}
	if len(pg.members) > 0 {
		return
	}
	s := pg.session
	delete(tg.ns.pgrps, pg.id)
	if s.tty != nil && s.tty.fg == pg {
		s.tty.fg = nil
	}
	if s.groups--; s.groups == 0 {
		delete(tg.ns.sessions, s.id)
	}
}

// newGroupLocked makes process group id in s.
func (ns *PIDNamespace) newGroupLocked(id int32, s *Session) *ProcessGroup {
	pg := &ProcessGroup{id: id, session: s}
	s.groups++
	ns.pgrps[id] = pg
	return pg
}

// newSessionLocked makes tg the leader of a session and of a process group.
func (tg *ThreadGroup) newSessionLocked() {
	s := &Session{ns: tg.ns, id: tg.id, leader: tg}
	tg.ns.sessions[s.id] = s
	tg.joinLocked(tg.ns.newGroupLocked(tg.id, s))
}

// Setsid is setsid(2).
func (t *Task) Setsid() (int32, error) {
	t.k.tree.Lock()
	defer t.k.tree.Unlock()
	tg := t.tg
	if tg.ns.pgrps[tg.id] != nil || tg.ns.sessions[tg.id] != nil {
		return 0, linux.EPERM
	}
	tg.newSessionLocked()
	return tg.id, nil
}

// Setpgid is setpgid(2).
func (t *Task) Setpgid(pid, pgid int32) error {
	if pid == 0 {
		pid = t.tg.id
	}
	if pgid == 0 {
		pgid = pid
	}
	if pgid < 0 {
		return linux.EINVAL
	}
	t.k.tree.Lock()
	defer t.k.tree.Unlock()
	ns := t.tg.ns
	tg := ns.groups[pid]
	if tg == nil {
		if ns.tasks[pid] != nil {
			return linux.EINVAL // a thread that leads nothing
		}
		return linux.ESRCH
	}
	switch {
	case tg.parent == t.tg:
		if tg.pgrp == nil || tg.pgrp.session != t.tg.pgrp.session {
			return linux.EPERM
		}
		if tg.didExec {
			return linux.EACCES
		}
	case tg != t.tg:
		return linux.ESRCH
	}
	if tg.pgrp == nil || tg.pgrp.session.leader == tg {
		return linux.EPERM
	}
	pg := ns.pgrps[pgid]
	if pgid != pid {
		if pg == nil || pg.session != t.tg.pgrp.session {
			return linux.EPERM
		}
	} else if pg == nil {
		pg = ns.newGroupLocked(pgid, tg.pgrp.session)
	}
	if pg != tg.pgrp {
		tg.joinLocked(pg)
	}
	return nil
}

// orphanedLocked reports whether pg is an orphan if tg is left out of account:
// no member has a parent in another group of the session (setpgid(2)). A
// namespace's first process is a parent as others are: Linux leaves out the
// host's alone (is_global_init).
func (pg *ProcessGroup) orphanedLocked(except *ThreadGroup) bool {
	for _, m := range pg.members {
		if m == except || m.state != groupAlive || m.parent == nil {
			continue
		}
		if p := m.parent.pgrp; p != nil && p != pg && p.session == pg.session {
			return false
		}
	}
	return true
}

func (pg *ProcessGroup) stoppedLocked() bool {
	return slices.ContainsFunc(pg.members, func(m *ThreadGroup) bool { return m.Stopped() })
}

// hangupIfOrphanedLocked sends SIGHUP and SIGCONT to the stopped jobs of pg,
// which tg's exit or parent's exit made an orphan (kill_orphaned_pgrp).
func hangupIfOrphanedLocked(tg, parent *ThreadGroup, except *ThreadGroup) {
	pg := tg.pgrp
	if pg == nil || parent == nil || parent.pgrp == nil ||
		parent.pgrp == pg || parent.pgrp.session != pg.session {
		return
	}
	if pg.orphanedLocked(except) && pg.stoppedLocked() {
		pg.signalLocked(KernelInfo(linux.SIGHUP))
		pg.signalLocked(KernelInfo(linux.SIGCONT))
	}
}

// signalLocked sends i to every member; Kernel.tree is held.
func (pg *ProcessGroup) signalLocked(i *Info) {
	for _, m := range pg.members {
		_ = m.Signal(i) // a full queue loses it, as in Linux
	}
}
