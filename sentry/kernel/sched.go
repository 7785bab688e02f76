package kernel

import (
	"sync"

	"glovebox/abi/linux"
)

// A Sched is what sched(7) knows of a task. The Sentry does not schedule: it
// keeps what it was told.
type Sched struct {
	mu          sync.Mutex // a leaf
	policy      int
	priority    int
	nice        int
	resetOnFork bool
	affinity    []byte // nil: every processor
}

// SchedParams are the values of a Sched.
type SchedParams struct {
	Policy      int
	Priority    int
	Nice        int
	ResetOnFork bool
}

// Sched returns t's scheduling state.
func (t *Task) Sched() *Sched { return &t.sched }

// Params returns policy, priority and nice value.
func (s *Sched) Params() SchedParams {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SchedParams{s.policy, s.priority, s.nice, s.resetOnFork}
}

// SetParams replaces policy, priority and nice value.
func (s *Sched) SetParams(p SchedParams) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy, s.priority, s.nice, s.resetOnFork = p.Policy, p.Priority, p.Nice, p.ResetOnFork
}

// CPUMaskBytes is the size of a mask of n processors, in longs as the kernel's.
func CPUMaskBytes(n int) int { return (max(n, 1) + 63) / 64 * 8 }

// Affinity returns the mask of processors, nil for all.
func (s *Sched) Affinity() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.affinity
}

// SetAffinity replaces the mask, which nobody changes any more.
func (s *Sched) SetAffinity(m []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.affinity = m
}

func (s *Sched) copyFrom(o *Sched) {
	p := o.Params()
	if p.ResetOnFork {
		p = SchedParams{Policy: linux.SCHED_NORMAL, Nice: max(p.Nice, 0)}
	}
	s.SetParams(p)
	s.SetAffinity(o.Affinity())
}
