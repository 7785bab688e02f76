// Package kernel is tasks and what they share: thread groups, process groups,
// sessions, signals, futexes and timers.
package kernel

import (
	"errors"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// ErrNoReturn is what a handler returns when the registers are already what
// the guest must see (sigreturn, exec) or it never runs again (exit).
var ErrNoReturn = errors.New("kernel: no return value")

// A Task is one guest thread. Its goroutine runs Task.run.
type Task struct {
	k    *Kernel
	regs arch.Regs // task goroutine only
	ctx  platform.Context

	tid  int32
	mem  guest.Memory
	cred atomic.Pointer[auth.Creds]

	// work is why the task must look up before it runs guest code again.
	work atomic.Uint32
	// wake ends a Block; capacity 1.
	wake chan struct{}
}

// Kernel returns the kernel that t belongs to.
func (t *Task) Kernel() *Kernel { return t.k }

// Regs returns t's registers. Task goroutine only.
func (t *Task) Regs() *arch.Regs { return &t.regs }

// TID returns t's id in its own PID namespace.
func (t *Task) TID() int32 { return t.tid }

// Mem returns t's memory. Task goroutine only.
func (t *Task) Mem() guest.Memory { return t.mem }

// Creds returns t's credentials, which are immutable.
func (t *Task) Creds() *auth.Creds { return t.cred.Load() }

// AskRestart notes that the current call ended with one of ERESTART*.
func (t *Task) AskRestart(e linux.Errno) { t.work.Or(workRestart) }
