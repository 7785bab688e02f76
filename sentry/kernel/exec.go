package kernel

import (
	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/auth"
)

// Bits of personality(2).
const (
	AddrNoRandomize = 0x40000
	PerMask         = 0xff
	PerLinux32      = 0x8
	// clearOnSetID is what a program that gains privilege does without
	// (PER_CLEAR_ON_SETID).
	clearOnSetID = AddrNoRandomize | 0x100000 | 0x200000 | 0x400000
)

// An Image is a loaded program that execve(2) changes to.
type Image struct {
	Memory Memory // the reference becomes the task's
	Regs   arch.Regs
	Creds  *auth.Creds
	Comm   string
	// Secure: the program gained privilege (AT_SECURE).
	Secure bool
	// Readable: the caller may read the file; the process can be dumped.
	Readable bool
}

// Exec makes t the only task of its process and gives it the program img
// (begin_new_exec). After an error img is the caller's still, and the guest's
// old program goes on unless it was being killed.
func (t *Task) Exec(img *Image) error {
	ctx, err := img.Memory.AddressSpace().NewContext()
	if err != nil {
		return linux.ENOMEM
	}
	if err := t.killSiblings(); err != nil {
		ctx.Release()
		return err
	}
	t.mourn(ctx)
	t.leaveMemory(img.Memory, ctx)
	t.regs = img.Regs
	t.regs.OrigRAX = arch.NoCall
	t.alt = linux.Stack{Flags: linux.SS_DISABLE}
	t.Robust.Store(0)
	t.Restart = Restart{}
	t.Rename(img.Comm)
	tg := t.tg
	tg.membarrier.Store(0)
	tg.timers.deletePosix()
	t.becomeSoleUser()
	t.execFiles()
	dumpable := int32(linux.SUID_DUMP_USER)
	if img.Secure || !img.Readable {
		dumpable = linux.SUID_DUMP_DISABLE
	}
	tg.SetDumpable(dumpable)
	if img.Secure {
		t.pdeathsig.Store(0)
		t.personality.And(^uint32(clearOnSetID))
	}
	t.k.tree.Lock()
	tg.didExec = true
	tg.exitSignal = linux.SIGCHLD
	t.k.tree.Unlock()
	t.SetCreds(img.Creds)
	return ErrNoReturn
}

// killSiblings ends the other tasks of t's group and gives t the leader's id
// (de_thread).
func (t *Task) killSiblings() error {
	tg := t.tg
	tg.mu.Lock()
	if tg.exiting || tg.execing != nil {
		tg.mu.Unlock()
		return linux.EAGAIN
	}
	tg.execing = t
	for _, o := range tg.tasks {
		if o != t {
			o.interrupt(workKill)
		}
	}
	tg.mu.Unlock()
	err := t.BlockKillable(func() bool {
		tg.mu.Lock()
		defer tg.mu.Unlock()
		return len(tg.tasks) == 1
	})
	tg.k.tree.Lock()
	tg.mu.Lock()
	tg.execing = nil
	if err == nil && tg.leader != t {
		delete(tg.ns.tasks, t.TID())
		delete(tg.cg.tasks, tg.leader)
		t.startNS = tg.leader.startNS
		t.tid.Store(tg.id)
		tg.leader = t
		tg.ns.tasks[tg.id] = t
	}
	tg.mu.Unlock()
	tg.k.tree.Unlock()
	return err
}

// becomeSoleUser stops sharing dispositions and resets what has handlers.
func (t *Task) becomeSoleUser() {
	tg := t.tg
	tg.mu.Lock()
	defer tg.mu.Unlock()
	own := tg.sighand.copy()
	tg.sighand.dec()
	own.reset(keepIgnored)
	tg.sighand = own
}
