package kernel

import "io"

// A Tracer gets a line for each system call. It is immutable.
type Tracer struct {
	// W is written to once a call, by many tasks at once.
	W io.Writer
	// Only are the numbers of the calls that are told of; nil is all.
	Only map[uint64]bool
}

// Wants reports whether the tracer is told of call no. A nil one is of none.
func (tr *Tracer) Wants(no uint64) bool { return tr != nil && (tr.Only == nil || tr.Only[no]) }

// Tracer returns who is told of system calls; nil is nobody.
func (k *Kernel) Tracer() *Tracer { return k.tracer.Load() }

// SetTracer changes that, if old is who was told.
func (k *Kernel) SetTracer(old, tr *Tracer) bool { return k.tracer.CompareAndSwap(old, tr) }

// Republish has the tasks of ns tell the platform anew what it may answer without
// the Sentry: nothing, while calls are traced.
func (ns *PIDNamespace) Republish() {
	ns.k.tree.RLock()
	defer ns.k.tree.RUnlock()
	for _, t := range ns.tasks {
		t.interrupt(workPublish)
	}
}
