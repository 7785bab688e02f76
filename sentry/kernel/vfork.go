package kernel

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/platform"
)

// A lent context is shared by the parent of a vfork, which waits, and the
// child, which runs on it until it has an address space of its own: no thread
// has to be made. Who is left releases it.
type lent struct {
	platform.Context
	users atomic.Int32
}

func (l *lent) Release() {
	if l.users.Add(-1) == 0 {
		l.Context.Release()
	}
}

// lends reports whether a clone with these flags makes t wait in the address
// space that its child runs in.
func lends(flags uint64) bool {
	const vfork = linux.CLONE_VFORK | linux.CLONE_VM
	return flags&(vfork|linux.CLONE_THREAD) == vfork
}

// lend returns t's context for a child.
func (t *Task) lend() *lent {
	t.lentFP = t.ctx.FP()
	t.ctxMu.Lock()
	defer t.ctxMu.Unlock()
	l, ok := t.ctx.(*lent)
	if !ok {
		l = &lent{Context: t.ctx}
		l.users.Store(1)
		t.ctx = l
	}
	l.users.Add(1)
	return l
}

// takeBack makes the context t's again, if the child has left it.
func (t *Task) takeBack() {
	if t.Dead() {
		return // and the child may go on
	}
	// The processor made it, so it takes it.
	_ = t.ctx.SetFP(t.lentFP)
	t.lentFP = nil
	t.publish()
}
