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

// lend gives t's context to a child. t has none until takeBack: it must not say
// that it waits, or be kicked, on what is the child's.
func (t *Task) lend() *lent {
	fp := t.ctx.FP()
	t.ctxMu.Lock()
	defer t.ctxMu.Unlock()
	l, ok := t.ctx.(*lent)
	if !ok {
		l = &lent{Context: t.ctx}
		l.users.Store(1)
	}
	l.users.Add(1)
	t.ctx, t.lent, t.lentFP = nil, l, fp
	return l
}

// takeBack ends lend, once the child has left the context, or t is killed.
func (t *Task) takeBack() {
	l := t.lent
	if l == nil {
		return
	}
	t.lent = nil
	if t.Dead() {
		l.Release() // and the child may go on
		return
	}
	t.ctxMu.Lock()
	t.ctx = l
	t.ctxMu.Unlock()
	// The processor made it, so it takes it.
	_ = l.SetFP(t.lentFP)
	t.lentFP = nil
	t.publish()
}
