package kernel

import "sync/atomic"

// A doze is where one waits for a task to wake up.
type doze struct{ over atomic.Pointer[chan struct{}] }

// next returns what stir closes.
func (d *doze) next() <-chan struct{} {
	for fresh := make(chan struct{}); ; {
		if c := d.over.Load(); c != nil {
			return *c
		}
		if d.over.CompareAndSwap(nil, &fresh) {
			return fresh
		}
	}
}

// stir tells who waits.
func (d *doze) stir() {
	if c := d.over.Load(); c != nil && d.over.CompareAndSwap(c, nil) {
		close(*c)
	}
}

// Idle reports whether all tasks of cg sleep in the Sentry, so that no guest code
// runs. The channel is closed when one wakes up after the call.
func (cg *Cgroup) Idle() (idle bool, stirred <-chan struct{}) {
	stirred = cg.doze.next()
	return !cg.awake(), stirred
}

// Stirred returns what is closed when a task of any control group wakes up.
func (k *Kernel) Stirred() <-chan struct{} { return k.doze.next() }

// stir tells that a task of cg woke up.
func (cg *Cgroup) stir() {
	cg.doze.stir()
	cg.k.doze.stir()
}

// awake reports whether some task is not asleep in the Sentry.
func (cg *Cgroup) awake() bool {
	cg.k.tree.RLock()
	defer cg.k.tree.RUnlock()
	for t := range cg.tasks {
		if !t.asleep.Load() && !t.gone.Load() {
			return true
		}
	}
	return false
}
