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

// Tracer returns who is told of t's system calls; nil is nobody.
func (t *Task) Tracer() *Tracer { return t.tg.cg.tracer.Load() }

// SetTracer changes who is told of the system calls of cg's tasks, if old is who
// was. The tasks tell the platform anew what it may answer without the Sentry:
// nothing, while calls are traced.
func (cg *Cgroup) SetTracer(old, tr *Tracer) bool {
	if !cg.tracer.CompareAndSwap(old, tr) {
		return false
	}
	cg.k.tree.RLock()
	defer cg.k.tree.RUnlock()
	for t := range cg.tasks {
		t.interrupt(workPublish)
	}
	return true
}
