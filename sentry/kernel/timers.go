package kernel

import (
	"math"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/lock"
)

// minRearm bounds how often a timer whose signal nobody takes can fire.
const minRearm = 100 * time.Microsecond

// ignoredRearm is the same for a timer whose signal is ignored.
const ignoredRearm = 10 * time.Millisecond

// timers are a thread group's interval timers and POSIX timers. Lock order:
// ThreadGroup.mu, timers.mu.
type timers struct {
	mu       lock.Mutex[lock.Timers]
	interval [3]intervalTimer
	posix    map[int32]*PosixTimer
	nextID   int32
	cpu      cpuLimit
	stopped  bool
}

// An intervalTimer is one of setitimer(2). Guarded by timers.mu.
type intervalTimer struct {
	period int64
	next   int64 // on its clock; 0: not armed
	host   *time.Timer
	gen    int // of the arming that host belongs to
}

var itimerSignals = [3]int{linux.SIGALRM, linux.SIGVTALRM, linux.SIGPROF}

// itimerNow returns the time on the clock of interval timer which.
func (tg *ThreadGroup) itimerNow(which int) int64 {
	if which == linux.ITIMER_REAL {
		return Now()
	}
	u, s := tg.CPUTime()
	if which == linux.ITIMER_VIRTUAL {
		return u
	}
	return u + s
}

// Itimer returns interval timer which: what is left, and the period.
func (tg *ThreadGroup) Itimer(which int) (left, period int64) {
	now := tg.itimerNow(which)
	tg.timers.mu.Lock()
	defer tg.timers.mu.Unlock()
	return tg.timers.interval[which].left(now)
}

func (it *intervalTimer) left(now int64) (left, period int64) {
	if it.next == 0 {
		return 0, it.period
	}
	return max(it.next-now, 1000), it.period
}

// SetItimer arms interval timer which, or stops it if value is 0, and returns
// what Itimer would have.
func (tg *ThreadGroup) SetItimer(which int, value, period int64) (oldLeft, oldPeriod int64) {
	now := tg.itimerNow(which)
	tm := &tg.timers
	tm.mu.Lock()
	defer tm.mu.Unlock()
	it := &tm.interval[which]
	oldLeft, oldPeriod = it.left(now)
	it.gen++
	if it.host != nil {
		it.host.Stop()
	}
	it.period, it.next = period, 0
	if value != 0 && !tm.stopped {
		it.next = addTime(now, value)
		tg.armItimerLocked(which, time.Duration(value))
	}
	return oldLeft, oldPeriod
}

func (tg *ThreadGroup) armItimerLocked(which int, d time.Duration) {
	it := &tg.timers.interval[which]
	gen := it.gen
	it.host = time.AfterFunc(max(d, minRearm), func() { tg.itimerFired(which, gen) })
}

// itimerFired runs when the host thinks that the timer is due: on a CPU clock
// that may be early.
func (tg *ThreadGroup) itimerFired(which, gen int) {
	now := tg.itimerNow(which)
	tm := &tg.timers
	tm.mu.Lock()
	it := &tm.interval[which]
	if it.gen != gen || it.next == 0 || tm.stopped {
		tm.mu.Unlock()
		return
	}
	due := now >= it.next
	if due {
		it.next = forward(it.next, it.period, now)
	}
	if it.next != 0 {
		d := time.Duration(it.next - now)
		if which != linux.ITIMER_REAL {
			d = max(d, time.Millisecond)
		}
		tg.armItimerLocked(which, d)
	}
	tm.mu.Unlock()
	if due {
		_ = tg.Signal(KernelInfo(itimerSignals[which]))
	}
}

// forward returns the first expiry after now, 0 for a timer without a period.
func forward(next, period, now int64) int64 {
	if period == 0 {
		return 0
	}
	if missed := (now - next) / period; missed > 0 {
		next += missed * period
	}
	return addTime(next, period)
}

func addTime(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// stopAll stops everything for good: the group has exited.
func (tm *timers) stopAll() {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	tm.stopped = true
	for i := range tm.interval {
		if h := tm.interval[i].host; h != nil {
			h.Stop()
		}
		tm.interval[i].next = 0
	}
	if tm.cpu.host != nil {
		tm.cpu.host.Stop()
	}
	tm.dropPosixLocked()
}

// deletePosix removes the POSIX timers (exec).
func (tm *timers) deletePosix() {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	tm.dropPosixLocked()
}

func (tm *timers) dropPosixLocked() {
	for _, p := range tm.posix {
		p.stopLocked()
	}
	tm.posix = nil
}
