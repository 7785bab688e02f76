package kernel

import (
	"glovebox/abi/linux"
	"glovebox/lib/bpf"
	"glovebox/sentry/arch"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/ipc"
)

// CloneArgs say what a new task shares and how it starts (clone(2)).
type CloneArgs struct {
	Flags      uint64
	ExitSignal int
	Stack      uint64 // 0: the parent's
	TLS        uint64
	ParentTID  guest.Addr
	ChildTID   guest.Addr
	PidFD      guest.Addr
	SetTID     int32 // 0: any
	// InstallPidFD makes a descriptor for the child; of CLONE_PIDFD.
	InstallPidFD func(t *Task, child *Task) (fd int32, undo func(), err error)
}

// check is the order in which copy_process refuses flags.
func (a *CloneArgs) check(t *Task) error {
	f := a.Flags
	all := func(m uint64) bool { return f&m == m }
	switch {
	case all(linux.CLONE_NEWNS | linux.CLONE_FS), all(linux.CLONE_NEWUSER | linux.CLONE_FS):
		return linux.EINVAL
	case f&linux.CLONE_THREAD != 0 && f&linux.CLONE_SIGHAND == 0:
		return linux.EINVAL
	case f&linux.CLONE_SIGHAND != 0 && f&linux.CLONE_VM == 0:
		return linux.EINVAL
	case f&linux.CLONE_PARENT != 0 && t.tg.ns.init == t.tg:
		return linux.EINVAL
	case f&linux.CLONE_THREAD != 0 && f&(linux.CLONE_NEWUSER|linux.CLONE_NEWPID) != 0:
		return linux.EINVAL
	case f&linux.CLONE_PIDFD != 0 && f&linux.CLONE_DETACHED != 0:
		return linux.EINVAL
	case f&linux.CLONE_NEWUSER != 0:
		return linux.EINVAL // as a kernel without user namespaces
	case f&namespaceFlags != 0 && !t.Creds().Has(auth.CapSysAdmin):
		return linux.EPERM
	case f&namespaceFlags&^haveNamespaces != 0:
		return linux.EINVAL // as a kernel without that namespace
	}
	return nil
}

// Clone is clone(2): it starts a new task and returns its id. With CLONE_VFORK
// it waits for the child to exec or exit.
func (t *Task) Clone(a *CloneArgs) (int32, error) {
	if err := a.check(t); err != nil {
		return 0, err
	}
	if t.work.Load()&(workSignal|workKill) != 0 {
		return 0, linux.ERESTARTNOINTR
	}
	c := t.Creds()
	user := t.k.users.get(c.UID)
	if uint64(user.tasks.Add(1)) > t.tg.limits.Cur(linux.RLIMIT_NPROC) && c.UID != 0 &&
		!c.Has(auth.CapSysResource) && !c.Has(auth.CapSysAdmin) {
		user.tasks.Add(-1)
		return 0, linux.EAGAIN
	}
	defer t.takeBack() // of what copyTask lends, also if it fails
	child, err := t.copyTask(a)
	if err != nil {
		user.tasks.Add(-1)
		return 0, err
	}
	var undo func()
	if a.Flags&linux.CLONE_PIDFD != 0 {
		var fd int32
		if fd, undo, err = a.InstallPidFD(t, child); err == nil {
			if _, err = t.mem.CopyOut(a.PidFD, linux.Bytes(&fd)); err != nil {
				undo()
			}
		}
		if err != nil {
			child.discard()
			return 0, err
		}
	}
	if err := t.enrol(child, a); err != nil {
		if undo != nil {
			undo()
		}
		child.discard()
		return 0, err
	}
	tid := child.TID()
	if a.Flags&linux.CLONE_PARENT_SETTID != 0 {
		// A bad address goes unreported (kernel_clone).
		_, _ = t.mem.CopyOut(a.ParentTID, linux.Bytes(&tid))
	}
	if a.Flags&linux.CLONE_VFORK != 0 {
		child.vforkOf = t
	}
	go child.run()
	if a.Flags&linux.CLONE_VFORK != 0 {
		// Killed or not, the child exists.
		_ = t.BlockKillable(child.vforkDone.Load)
	}
	return tid, nil
}

// copyTask makes a task that is not in the tree yet.
func (t *Task) copyTask(a *CloneArgs) (*Task, error) {
	f := a.Flags
	child := t.k.newTask()
	child.mem = t.mem
	if f&linux.CLONE_VM != 0 {
		t.mem.IncUsers()
	} else {
		m, err := t.mem.Fork()
		if err != nil {
			return nil, err
		}
		child.mem = m
	}
	if err := t.copyContext(child, f); err != nil {
		child.mem.DecUsers()
		return nil, linux.EAGAIN
	}
	child.files.v = t.files.clone(f)
	child.regs = t.regs
	child.regs.SetReturn(0)
	child.regs.OrigRAX = arch.NoCall
	if a.Stack != 0 {
		child.regs.RSP = a.Stack
	}
	if f&linux.CLONE_SETTLS != 0 {
		child.regs.FSBase = a.TLS
	}
	if f&linux.CLONE_CHILD_SETTID != 0 {
		child.setTID = a.ChildTID
	}
	if f&linux.CLONE_CHILD_CLEARTID != 0 {
		child.clearTID = a.ChildTID
	}
	if f&(linux.CLONE_VM|linux.CLONE_VFORK) != linux.CLONE_VM {
		child.alt = t.alt
	}
	child.cred.Store(t.Creds())
	child.ipc = t.ipc
	child.uts.Store(t.UTS())
	if err := child.Unshare(f); err != nil {
		child.files.set(Files{})
		child.ctx.Release()
		child.mem.DecUsers()
		return nil, err
	}
	if f&linux.CLONE_SYSVSEM != 0 {
		child.undo = t.shareUndo()
	}
	child.SetComm(t.Comm())
	if f&linux.CLONE_VM == 0 {
		child.mem.AddressSpace().SetName(t.Comm())
	}
	child.sched.copyFrom(&t.sched)
	child.slackNS.Store(t.slackNS.Load())
	child.thpDisable.Store(t.thpDisable.Load())
	child.personality.Store(t.personality.Load())
	if f&linux.CLONE_THREAD != 0 {
		child.tg = t.tg
		return child, nil
	}
	child.tg = t.newGroup(f, a.ExitSignal)
	return child, nil
}

// copyContext gives child a context in which the extended state is t's.
func (t *Task) copyContext(child *Task, flags uint64) error {
	if lends(flags) {
		child.ctx = t.lend()
		return nil
	}
	ctx, err := child.mem.AddressSpace().NewContext()
	if err != nil {
		return err
	}
	if err := ctx.SetFP(t.ctx.FP()); err != nil {
		ctx.Release()
		return err
	}
	child.ctx = ctx
	return nil
}

// newGroup makes the thread group of a new process of t's.
func (t *Task) newGroup(f uint64, exitSignal int) *ThreadGroup {
	p := t.tg
	if !validSignal(exitSignal) {
		exitSignal = 0 // the parent hears nothing (do_notify_parent)
	}
	tg := &ThreadGroup{k: t.k, ns: p.ns, cg: p.cg, exitSignal: exitSignal, done: make(chan struct{})}
	tg.limits.SetAll(p.limits.All())
	tg.oomScore.Store(p.oomScore.Load())
	tg.dumpable.Store(p.dumpable.Load())
	switch {
	case f&linux.CLONE_SIGHAND != 0:
		tg.sighand = p.sighand
		tg.sighand.inc()
	default:
		tg.sighand = p.sighand.copy()
		if f&linux.CLONE_CLEAR_SIGHAND != 0 {
			tg.sighand.reset(keepIgnored)
		}
	}
	return tg
}

// enrol puts child into the tree. A signal that came meanwhile goes first:
// ERESTARTNOINTR (copy_process).
func (t *Task) enrol(child *Task, a *CloneArgs) error {
	k, tg := t.k, child.tg
	k.tree.Lock()
	defer k.tree.Unlock()
	if t.work.Load()&(workSignal|workKill) != 0 {
		return linux.ERESTARTNOINTR
	}
	id, err := t.tg.ns.allocLocked(a.SetTID, t.tg.cg)
	if err != nil {
		return err
	}
	child.tid.Store(id)
	t.tg.mu.Lock()
	child.blocked = t.blocked
	child.seccomp.Store(t.seccomp.Load()) // under mu: no other thread syncs
	if a.Flags&linux.CLONE_THREAD != 0 {
		defer t.tg.mu.Unlock()
		if tg.exiting || tg.execing != nil {
			return linux.ERESTARTNOINTR
		}
		if tg.stop.signo != 0 {
			child.work.Or(workStop)
		}
	} else {
		t.tg.mu.Unlock()
		t.enrolGroupLocked(child, a)
	}
	tg.tasks = append(tg.tasks, child)
	tg.ns.tasks[id] = child
	tg.cg.enterLocked(child)
	k.running.Add(1)
	if a.Flags&linux.CLONE_THREAD == 0 {
		tg.WatchCPU()
	}
	return nil
}

func (t *Task) enrolGroupLocked(child *Task, a *CloneArgs) {
	tg := child.tg
	tg.id, tg.leader = child.TID(), child
	tg.parent, tg.parentTask = t.tg, t
	if a.Flags&linux.CLONE_PARENT != 0 {
		tg.parent, tg.parentTask = t.tg.parent, t.tg.parentTask
		tg.exitSignal = t.tg.exitSignal
	}
	if p := tg.parent; p != nil {
		p.children = append(p.children, tg)
		tg.hasSubreaper = p.hasSubreaper || p.subreaper
	}
	tg.ns.groups[tg.id] = tg
	if t.tg.pgrp != nil {
		tg.joinLocked(t.tg.pgrp)
	}
}

// discard undoes copyTask.
func (child *Task) discard() {
	child.k.users.get(child.Creds().UID).tasks.Add(-1)
	child.ctx.Release()
	child.files.set(Files{})
	child.LeaveUndo()
	child.mem.DecUsers()
	if len(child.tg.tasks) == 0 {
		child.tg.sighand.dec()
	}
}

func (k *Kernel) newTask() *Task {
	t := &Task{k: k, wake: make(chan struct{}, 1), startNS: Now()}
	t.regs.OrigRAX = arch.NoCall
	t.slackNS.Store(DefaultSlackNS)
	return t
}

// DefaultSlackNS is init's timer slack (prctl(2)).
const DefaultSlackNS = 50_000

// An Init says how a process starts that no other process made: a container's
// first, or one that exec adds to it.
type Init struct {
	Namespace *PIDNamespace
	// Joins says that the namespace is another's, whose process is to be its init.
	Joins  bool
	Cgroup *Cgroup
	Memory Memory // loaded; the reference becomes the task's
	Regs   arch.Regs
	Creds  *auth.Creds
	Comm   string
	Files  Files
	UTS    *UTS
	IPC    *ipc.Namespace // nil: a new one
	// Terminal becomes the process's controlling terminal if not nil.
	Terminal *Terminal
	Limits   [linux.RLIM_NLIMITS]linux.Rlimit
	// Seccomp is a filter that it starts with, or nil.
	Seccomp *bpf.Program
	// Personality is personality(2)'s value.
	Personality uint32
	Sched       SchedParams
	Affinity    []byte // nil: every processor
}

// Start starts a process from outside. The first of a namespace is its init. ESRCH:
// there is none yet, and this one only joins.
func (k *Kernel) Start(in *Init) (*ThreadGroup, error) {
	ctx, err := in.Memory.AddressSpace().NewContext()
	if err != nil {
		return nil, err
	}
	t := k.newTask()
	t.mem, t.ctx, t.regs = in.Memory, ctx, in.Regs
	t.regs.OrigRAX = arch.NoCall
	t.cred.Store(in.Creds)
	if p := in.Seccomp; p != nil {
		t.seccomp.Store(&Seccomp{prog: p, insns: p.Len()})
	}
	t.personality.Store(in.Personality)
	t.sched.SetParams(in.Sched)
	t.sched.SetAffinity(in.Affinity)
	t.ipc = in.IPC
	t.uts.Store(in.UTS)
	if t.ipc == nil {
		t.ipc = ipc.NewNamespace()
	}
	t.SetComm(in.Comm)
	t.mem.AddressSpace().SetName(in.Comm)
	t.files.v = in.Files
	tg := &ThreadGroup{k: k, ns: in.Namespace, cg: in.Cgroup, exitSignal: linux.SIGCHLD, sighand: &SigHand{users: 1}, done: make(chan struct{})}
	tg.limits.SetAll(in.Limits)
	tg.dumpable.Store(linux.SUID_DUMP_USER)
	t.tg = tg
	k.tree.Lock()
	var id int32
	if in.Joins && in.Namespace.init == nil {
		err = linux.ESRCH
	} else {
		id, err = in.Namespace.allocLocked(0, in.Cgroup)
	}
	if err != nil {
		k.tree.Unlock()
		ctx.Release()
		return nil, err
	}
	t.tid.Store(id)
	tg.id, tg.leader = id, t
	tg.tasks = append(tg.tasks, t)
	tg.didExec = true
	if in.Namespace.init == nil {
		in.Namespace.init = tg
		tg.unkillable = true
	}
	in.Namespace.tasks[id] = t
	in.Cgroup.enterLocked(t)
	in.Namespace.groups[id] = tg
	tg.newSessionLocked()
	if tm := in.Terminal; tm != nil {
		tm.session, tm.fg, tg.pgrp.session.tty = tg.pgrp.session, tg.pgrp, tm
	}
	k.users.get(in.Creds.UID).tasks.Add(1)
	k.running.Add(1)
	k.tree.Unlock()
	tg.WatchCPU()
	in.Cgroup.stir()
	go t.run()
	return tg, nil
}
