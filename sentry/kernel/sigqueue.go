package kernel

import (
	"math/bits"
	"slices"

	"glovebox/abi/linux"
)

// A pendingSignal is one queued signal.
type pendingSignal struct {
	info  Info
	user  *User       // whose RLIMIT_SIGPENDING it counts for; nil if uncounted
	timer *PosixTimer // the timer that sent it, or nil
}

// A sigQueue is the signals pending for a task or a thread group
// (struct sigpending). Guarded by the group's mu.
type sigQueue struct {
	set  linux.Sigset
	list []pendingSignal // oldest first; a signal in set may have no entry
}

// push adds p behind what is queued.
func (q *sigQueue) push(p pendingSignal) {
	q.set |= bit(int(p.info.Signo))
	q.list = append(q.list, p)
}

// next returns the signal of q outside mask to take first, 0 if there is none:
// synchronous ones, then the lowest number (next_signal in kernel/signal.c).
func (q *sigQueue) next(mask linux.Sigset) int {
	s := q.set &^ mask
	if s&synchronous != 0 {
		s &= synchronous
	}
	if s == 0 {
		return 0
	}
	return bits.TrailingZeros64(uint64(s)) + 1
}

// take removes the oldest signo, which is pending.
func (q *sigQueue) take(signo int) pendingSignal {
	p := pendingSignal{info: Info{Signo: int32(signo), Code: linux.SI_USER}}
	more, found := false, -1
	for i := range q.list {
		if int(q.list[i].info.Signo) != signo {
			continue
		}
		if found >= 0 {
			more = true
			break
		}
		found = i
	}
	if found >= 0 {
		p = q.list[found]
		q.list = slices.Delete(q.list, found, found+1)
	}
	if !more {
		q.set &^= bit(signo)
	}
	if p.user != nil {
		p.user.signals.Add(-1)
	}
	return p
}

// discard drops every signal in s.
func (q *sigQueue) discard(s linux.Sigset) {
	if q.set&s == 0 {
		return
	}
	q.set &^= s
	q.list = slices.DeleteFunc(q.list, func(p pendingSignal) bool {
		if !has(s, int(p.info.Signo)) {
			return false
		}
		if p.user != nil {
			p.user.signals.Add(-1)
		}
		if p.timer != nil {
			p.timer.queued = false
		}
		return true
	})
}
