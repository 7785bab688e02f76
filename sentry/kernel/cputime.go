package kernel

import (
	"sync/atomic"

	"glovebox/abi/linux"
)

// tickNS is the length of a clock tick (USER_HZ).
const tickNS = 1e9 / linux.CLOCKS_PER_SEC

// A cpuClock is how long a task has run: the time that it did not sleep. The
// share of the system is estimated from every 64th call, as Linux splits
// precise run time by sampled ticks (cputime_adjust).
type cpuClock struct {
	ran   atomic.Int64 // before since
	since atomic.Int64 // when it last woke; 0 while it sleeps
	sys   atomic.Int64
	waits atomic.Int64 // voluntary context switches
}

func (c *cpuClock) start(now int64) { c.since.Store(max(now, 1)) }

func (c *cpuClock) stop(now int64) {
	c.waits.Add(1)
	if s := c.since.Swap(0); s != 0 {
		c.ran.Add(now - s)
	}
}

func (c *cpuClock) charge(ns int64) { c.sys.Add(ns) }

// total returns the run time at now. A reader elsewhere may see a sleep that
// just began or ended twice or not at all; never time running backwards by
// more than that.
func (c *cpuClock) total(now int64) int64 {
	n := c.ran.Load()
	if s := c.since.Load(); s != 0 && now > s {
		n += now - s
	}
	return n
}

// usage is what getrusage(2) tells.
type usage struct {
	utime, stime   int64
	nvcsw          int64
	minflt, majflt int64
	maxrssKB       int64
}

func (u *usage) add(v usage) {
	u.utime += v.utime
	u.stime += v.stime
	u.nvcsw += v.nvcsw
	u.minflt += v.minflt
	u.majflt += v.majflt
	u.maxrssKB = max(u.maxrssKB, v.maxrssKB)
}

func (u *usage) rusage() linux.Rusage {
	return linux.Rusage{
		Utime: Timeval(u.utime), Stime: Timeval(u.stime),
		Maxrss: u.maxrssKB, Minflt: u.minflt, Majflt: u.majflt, Nvcsw: u.nvcsw,
	}
}

func (t *Task) usage() usage {
	n := t.cpu.total(Now())
	s := min(t.cpu.sys.Load(), n)
	return usage{utime: n - s, stime: s, nvcsw: t.cpu.waits.Load()}
}

// usageLocked returns what tg's tasks used, dead ones too; Kernel.tree or tg.mu
// is held.
func (tg *ThreadGroup) usageLocked() usage {
	u := tg.deadUsage
	for _, t := range tg.tasks {
		u.add(t.usage())
	}
	return u
}

// Usage is getrusage(2) of who.
func (t *Task) Usage(who int) (linux.Rusage, error) {
	t.k.tree.RLock()
	defer t.k.tree.RUnlock()
	var u usage
	switch who {
	case linux.RUSAGE_SELF:
		u = t.tg.usageLocked()
	case linux.RUSAGE_THREAD:
		u = t.usage()
	case linux.RUSAGE_CHILDREN:
		u = t.tg.childUsage
	default:
		return linux.Rusage{}, linux.EINVAL
	}
	return u.rusage(), nil
}

// CPUTime returns the user and system time of tg in nanoseconds.
func (tg *ThreadGroup) CPUTime() (utime, stime int64) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	u := tg.usageLocked()
	return u.utime, u.stime
}

// ChildCPUTime returns the same of reaped children.
func (tg *ThreadGroup) ChildCPUTime() (utime, stime int64) {
	tg.k.tree.RLock()
	defer tg.k.tree.RUnlock()
	return tg.childUsage.utime, tg.childUsage.stime
}

// CPUTime returns the user and system time of t in nanoseconds.
func (t *Task) CPUTime() (utime, stime int64) {
	u := t.usage()
	return u.utime, u.stime
}

// Timeval converts nanoseconds.
func Timeval(ns int64) linux.Timeval {
	return linux.Timeval{Sec: ns / 1e9, Usec: ns % 1e9 / 1e3}
}

// Timespec converts nanoseconds.
func Timespec(ns int64) linux.Timespec {
	return linux.Timespec{Sec: ns / 1e9, Nsec: ns % 1e9}
}
