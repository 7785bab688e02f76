package kernel

import (
	"sync"
	"time"

	"glovebox/sentry/arch"
	"glovebox/sentry/lock"
	"glovebox/sentry/vdso"
)

// A Kernel is one Sentry: every task of every container in it. Its exported
// fields are set before the first task runs.
type Kernel struct {
	// Syscall serves the call that stopped t; sys.Dispatch.
	Syscall func(t *Task)
	// Logf receives what an operator should know; nil drops it.
	Logf func(format string, args ...any)
	// VDSO is mapped into every process; nil for none.
	VDSO *vdso.VDSO
	// FPSize is the size of a thread's extended state in a signal frame.
	FPSize int
	// HWCap and HWCap2 are AT_HWCAP and AT_HWCAP2 (getauxval(3)).
	HWCap, HWCap2 uint64
	// CPUs is how many processors there are; how many guests see is their Cgroup's.
	CPUs int

	// tree guards the process tree, ids and process groups.
	tree    lock.RWMutex[lock.TaskSet]
	users   users
	futexes futexTable
	// running counts task goroutines.
	running sync.WaitGroup
	doze    doze // for any task
	log     klog
}

// Warnf logs what went wrong in the Sentry itself.
func (k *Kernel) Warnf(format string, args ...any) {
	if k.Logf != nil {
		k.Logf(format, args...)
	}
}

// Wait returns when no task is left.
func (k *Kernel) Wait() { k.running.Wait() }

// Uptime returns how long the guest has been up.
func (k *Kernel) Uptime() time.Duration { return time.Duration(Now()) }

// minSigStack is the least alternate stack (AT_MINSIGSTKSZ's check needs the
// processor's word only for AMX; MINSIGSTKSZ otherwise).
func (k *Kernel) minSigStack() uint64 { return minSigStkSz }

// MinSigStack is AT_MINSIGSTKSZ.
func (k *Kernel) MinSigStack() uint64 { return arch.MinSigStack(k.FPSize) }
