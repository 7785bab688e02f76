package kernel

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

// exitRobustList marks the robust futexes that t holds as orphaned, and wakes
// a waiter of each (exit_robust_list). The guest's list may be anything.
func (t *Task) exitRobustList() {
	head := guest.Addr(t.Robust.Swap(0))
	if head == 0 {
		return
	}
	var h linux.RobustListHead
	if _, err := t.mem.CopyIn(head, linux.Bytes(&h)); err != nil {
		return
	}
	pending := h.Pending
	for entry, n := h.List, 0; guest.Addr(entry&^1) != head && n < linux.ROBUST_LIST_LIMIT; n++ {
		// Read the link before the futex wakes who may free it.
		var next uint64
		_, err := t.mem.CopyIn(guest.Addr(entry&^1), linux.Bytes(&next))
		if entry&^1 != pending&^1 {
			if !t.futexDeath(guest.Addr(entry&^1)+guest.Addr(h.FutexOffset), entry&1 != 0, false) {
				return
			}
		}
		if err != nil {
			return
		}
		entry = next
	}
	if pending&^1 != 0 {
		t.futexDeath(guest.Addr(pending&^1)+guest.Addr(h.FutexOffset), pending&1 != 0, true)
	}
}

// futexDeath passes on one futex if t holds it (handle_futex_death). It
// reports whether the walk may go on.
func (t *Task) futexDeath(a guest.Addr, pi, pending bool) bool {
	if a%4 != 0 {
		return false
	}
	for {
		v, err := t.mem.Load32(a)
		if err != nil {
			return false
		}
		if pending && !pi && v == 0 {
			// It died between unlocking and waking.
			_, _ = t.FutexWake(a, 1, linux.FUTEX_BITSET_MATCH_ANY, SharedFutex)
			return true
		}
		if v&linux.FUTEX_TID_MASK != uint32(t.TID()) {
			return true
		}
		prev, err := t.mem.CompareAndSwap32(a, v, v&linux.FUTEX_WAITERS|linux.FUTEX_OWNER_DIED)
		if err != nil {
			return false
		}
		if prev != v {
			continue
		}
		if !pi && v&linux.FUTEX_WAITERS != 0 {
			_, _ = t.FutexWake(a, 1, linux.FUTEX_BITSET_MATCH_ANY, SharedFutex)
		}
		return true
	}
}
