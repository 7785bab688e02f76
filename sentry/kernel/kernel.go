package kernel

import (
	"io"

	"glovebox/sentry/platform"
)

// A Kernel is one Sentry: every task of every container in it.
type Kernel struct {
	Platform platform.Platform
	// Syscall serves the call that stopped t; sys.Dispatch.
	Syscall func(t *Task)
	// Strace gets a line a call when not nil. Set before the first task runs.
	Strace io.Writer
	// Logf receives what an operator should know; nil drops it.
	Logf func(format string, args ...any)
}

// Warnf logs what went wrong in the Sentry itself.
func (k *Kernel) Warnf(format string, args ...any) {
	if k.Logf != nil {
		k.Logf(format, args...)
	}
}
