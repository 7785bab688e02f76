package kernel

import (
	"time"

	"glovebox/abi/linux"
)

// A cpuLimit watches RLIMIT_CPU of a thread group. Guarded by timers.mu.
type cpuLimit struct {
	host *time.Timer
	gen  int // of the arming that host belongs to
}

// WatchCPU enforces tg's RLIMIT_CPU from now on; it is to be called whenever
// that changed.
func (tg *ThreadGroup) WatchCPU() {
	l := tg.limits.Get(linux.RLIMIT_CPU)
	if l.Cur == linux.RLIM_INFINITY {
		// The timer that may be running finds nothing to do.
		return
	}
	tm := &tg.timers
	tm.mu.Lock()
	defer tm.mu.Unlock()
	tg.armCPULimitLocked(0)
}

func (tg *ThreadGroup) armCPULimitLocked(left time.Duration) {
	tm := &tg.timers
	if tm.stopped {
		return
	}
	if tm.cpu.host != nil {
		tm.cpu.host.Stop()
	}
	tm.cpu.gen++
	gen := tm.cpu.gen
	tm.cpu.host = time.AfterFunc(max(left, time.Millisecond), func() { tg.cpuLimitDue(gen) })
}

// cpuLimitDue runs when tg may have run for as long as it may: the hard limit
// kills, the soft one signals and moves on by a second
// (check_process_timers in kernel/time/posix-cpu-timers.c).
func (tg *ThreadGroup) cpuLimitDue(gen int) {
	u, s := tg.CPUTime()
	ran := u + s
	l := tg.limits.Get(linux.RLIMIT_CPU)
	signo := 0
	switch {
	case l.Cur == linux.RLIM_INFINITY:
		return
	case l.Max != linux.RLIM_INFINITY && ran >= secondsNS(l.Max):
		signo = linux.SIGKILL
	case ran >= secondsNS(max(l.Cur, 1)):
		signo = linux.SIGXCPU
		l.Cur = tg.limits.passCPU()
	}
	left := time.Duration(secondsNS(max(l.Cur, 1)) - ran)
	tg.timers.mu.Lock()
	if tg.timers.cpu.gen != gen {
		tg.timers.mu.Unlock()
		return
	}
	if signo != linux.SIGKILL {
		tg.armCPULimitLocked(left)
	}
	tg.timers.mu.Unlock()
	if signo != 0 {
		// A group that exits needs no signal.
		_ = tg.Signal(KernelInfo(signo))
	}
}

// passCPU moves the soft limit of processor time on by a second.
func (l *Limits) passCPU() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &l.v[linux.RLIMIT_CPU]
	v.Cur = min(max(v.Cur, 1)+1, v.Max)
	return v.Cur
}

// secondsNS converts what a guest gave as seconds.
func secondsNS(s uint64) int64 {
	const limit = 1 << 33
	return int64(min(s, limit)) * 1e9
}
