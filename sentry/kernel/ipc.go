package kernel

import (
	"glovebox/lib/ref"
	"glovebox/sentry/ipc"
)

// A semUndo is what the last task that shares it takes back when it exits
// (CLONE_SYSVSEM).
type semUndo struct {
	refs ref.Count
	ipc.Undo
}

// IPC returns the System V objects that t sees.
func (t *Task) IPC() *ipc.Namespace { return t.ipc }

// IPCWho returns who t is for them.
func (t *Task) IPCWho() ipc.Who {
	return ipc.Who{Creds: t.Creds(), PID: t.tg.id, Memory: t.tg.cg.Host.Memory}
}

// SemUndo returns what t's exit takes back. Task goroutine only.
func (t *Task) SemUndo() *ipc.Undo {
	if t.undo == nil {
		t.undo = new(semUndo)
	}
	return &t.undo.Undo
}

// shareUndo returns t's undo with a reference for a child.
func (t *Task) shareUndo() *semUndo {
	t.SemUndo()
	t.undo.refs.Inc()
	return t.undo
}

// LeaveUndo gives up t's share of an undo (exit_sem).
func (t *Task) LeaveUndo() {
	if u := t.undo; u != nil {
		t.undo = nil
		if u.refs.Dec() {
			t.ipc.Exit(t.IPCWho(), &u.Undo)
		}
	}
}
