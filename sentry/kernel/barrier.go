package kernel

import "glovebox/lib/wait"

// Barrier returns when every task of t's process has left guest code since it
// was called, or was not in it (MEMBARRIER_CMD_PRIVATE_EXPEDITED): leaving and
// entering guest code orders memory. EINTR: t is being killed.
func (t *Task) Barrier() error {
	e := t.NewWaiter(wait.In)
	t.tg.barriers.Register(e)
	defer t.tg.barriers.Unregister(e)
	others := t.tg.Tasks()
	for _, o := range others {
		if o != t {
			o.interrupt(workBarrier)
		}
	}
	return t.BlockKillable(func() bool {
		for _, o := range others {
			if o != t && o.work.Load()&workBarrier != 0 && !o.gone.Load() {
				return false
			}
		}
		return true
	})
}

// passBarrier tells who waits that t is not in guest code.
func (t *Task) passBarrier() {
	t.work.And(^uint32(workBarrier))
	t.tg.barriers.Notify(wait.In)
}
