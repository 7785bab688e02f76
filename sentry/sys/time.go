package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
)

const hostsClock = "the clock is the host's"

// times is the calls of time(7) but for timers.
var times = family{
	sysno.ClockGettime:   call2(clockGettime),
	sysno.ClockSettime:   call2(clockSettime),
	sysno.ClockGetres:    call2(clockGetres),
	sysno.ClockNanosleep: call4(clockNanosleep),
	sysno.Nanosleep:      call2(nanosleep),
	sysno.Gettimeofday:   call2(gettimeofday),
	sysno.Settimeofday:   refuse(linux.EPERM, hostsClock),
	sysno.Adjtimex:       refuse(linux.EPERM, hostsClock),
	sysno.ClockAdjtime:   refuse(linux.EPERM, hostsClock),
	sysno.Time:           call1(timeOf),
	sysno.Times:          call1(timesOf),
}

const (
	second = 1_000_000_000
	// coarseNS is what the coarse clocks advance by: a tick at 250 Hz.
	coarseNS = 4_000_000
)

// nanoseconds converts a time that a guest gave: EINVAL if it is not one,
// MaxInt64 if it is beyond that (ktime_set).
func nanoseconds(ts linux.Timespec) (int64, error) {
	if ts.Sec < 0 || uint64(ts.Nsec) >= second {
		return 0, linux.EINVAL
	}
	if ts.Sec >= math.MaxInt64/second {
		return math.MaxInt64, nil
	}
	return ts.Sec*second + ts.Nsec, nil
}

// copyInDuration reads the struct timespec at a as nanoseconds.
func copyInDuration(t *kernel.Task, a Addr) (int64, error) {
	var ts linux.Timespec
	if err := copyIn(t, a, &ts); err != nil {
		return 0, err
	}
	return nanoseconds(ts)
}

// A clock is what a clockid_t stands for.
type clock struct {
	now    func() int64 // nanoseconds
	resNS  int64
	source kernel.ClockSource // of timers
	cpu    bool               // it stands still while nothing runs
	sleeps bool               // clock_nanosleep(2) can wait for it
	timers bool               // timer_create(2) can use it
	of     *kernel.Task       // of TaskCPU
}

// findClock returns the clock id as t sees it; EINVAL if there is none.
func findClock(t *kernel.Task, id Clock) (clock, error) {
	switch id {
	case linux.CLOCK_REALTIME, linux.CLOCK_TAI:
		return clock{now: kernel.Realtime, resNS: 1, source: kernel.Wall, sleeps: true, timers: true}, nil
	case linux.CLOCK_MONOTONIC, linux.CLOCK_BOOTTIME:
		return clock{now: kernel.Now, resNS: 1, source: kernel.Monotonic, sleeps: true, timers: true}, nil
	case linux.CLOCK_MONOTONIC_RAW:
		return clock{now: kernel.Now, resNS: 1}, nil
	case linux.CLOCK_REALTIME_COARSE:
		return clock{now: coarse(kernel.Realtime), resNS: coarseNS}, nil
	case linux.CLOCK_MONOTONIC_COARSE:
		return clock{now: coarse(kernel.Now), resNS: coarseNS}, nil
	case linux.CLOCK_PROCESS_CPUTIME_ID:
		return groupClock(t.Group(), cpuSched), nil
	case linux.CLOCK_THREAD_CPUTIME_ID:
		c := taskClock(t, cpuSched)
		c.sleeps = false
		return c, nil
	}
	if id < 0 {
		return findCPUClock(t, id)
	}
	return clock{}, linux.EINVAL
}

func coarse(now func() int64) func() int64 {
	return func() int64 { n := now(); return n - n%coarseNS }
}

// What the clock of a task or process counts (include/linux/posix-timers_types.h).
const (
	cpuProf = iota
	cpuVirt
	cpuSched
	cpuWhich     = 3 // the mask; this value is a clock's descriptor
	cpuPerThread = 4
)

// findCPUClock returns the clock that clock_getcpuclockid(3) or
// pthread_getcpuclockid(3) named.
func findCPUClock(t *kernel.Task, id Clock) (clock, error) {
	pid, which := PID(^(id >> 3)), int(id&cpuWhich)
	if which == cpuWhich {
		return clock{}, linux.EINVAL
	}
	of := taskOrSelf(t, pid)
	if id&cpuPerThread != 0 {
		if of == nil || of.Group() != t.Group() {
			return clock{}, linux.EINVAL
		}
		return taskClock(of, which), nil
	}
	if pid == 0 {
		return groupClock(t.Group(), which), nil
	}
	if of == nil || of.Group().ID() != int32(pid) {
		return clock{}, linux.EINVAL
	}
	return groupClock(of.Group(), which), nil
}

func groupClock(tg *kernel.ThreadGroup, which int) clock {
	return clock{
		now:   func() int64 { return pick(which, tg.CPUTime) },
		resNS: 1, source: kernel.GroupCPU, cpu: true, sleeps: true, timers: true, of: tg.Leader(),
	}
}

func taskClock(t *kernel.Task, which int) clock {
	return clock{
		now:   func() int64 { return pick(which, t.CPUTime) },
		resNS: 1, source: kernel.TaskCPU, cpu: true, sleeps: true, timers: true, of: t,
	}
}

func pick(which int, used func() (utime, stime int64)) int64 {
	u, s := used()
	if which == cpuVirt {
		return u
	}
	return u + s
}

// clockGettime is clock_gettime(2).
func clockGettime(t *kernel.Task, id Clock, to Addr) (uintptr, error) {
	var now int64
	switch id {
	case linux.CLOCK_MONOTONIC, linux.CLOCK_BOOTTIME, linux.CLOCK_MONOTONIC_RAW:
		now, _ = t.Kernel().Clock()
	case linux.CLOCK_REALTIME, linux.CLOCK_TAI:
		_, now = t.Kernel().Clock()
	default:
		c, err := findClock(t, id)
		if err != nil {
			return 0, err
		}
		now = c.now()
	}
	ts := kernel.Timespec(now)
	return 0, copyOut(t, to, &ts)
}

// clockSettime is clock_settime(2).
func clockSettime(t *kernel.Task, id Clock, from Addr) (uintptr, error) {
	if id != linux.CLOCK_REALTIME {
		return 0, linux.EINVAL
	}
	if _, err := copyInDuration(t, from); err != nil {
		return 0, err
	}
	return 0, linux.EPERM
}

// clockGetres is clock_getres(2).
func clockGetres(t *kernel.Task, id Clock, to Addr) (uintptr, error) {
	c, err := findClock(t, id)
	if err != nil || to == 0 {
		return 0, err
	}
	ts := kernel.Timespec(c.resNS)
	return 0, copyOut(t, to, &ts)
}

// nanosleep is nanosleep(2).
func nanosleep(t *kernel.Task, req, left Addr) (uintptr, error) {
	d, err := copyInDuration(t, req)
	if err != nil {
		return 0, err
	}
	return 0, sleepFor(t, d, left)
}

// sleepFor sleeps for d nanoseconds. A restarted sleep ends when the first
// would have.
func sleepFor(t *kernel.Task, d int64, left Addr) error {
	deadline := t.RestartDeadline(kernel.Deadline(d))
	err := sleepUntil(t, deadline)
	if err == nil {
		return nil
	}
	if left != 0 {
		n := deadline - kernel.Now()
		if n <= 0 {
			return nil
		}
		ts := kernel.Timespec(n)
		if err := copyOut(t, left, &ts); err != nil {
			return err
		}
	}
	return linux.ERESTART_RESTARTBLOCK
}

// sleepUntil sleeps until the deadline (nil) or a signal.
func sleepUntil(t *kernel.Task, deadline int64) error {
	for {
		switch err := t.Block(deadline); err {
		case nil:
		case linux.ETIMEDOUT:
			return nil
		default:
			return err
		}
	}
}

// clockNanosleep is clock_nanosleep(2).
func clockNanosleep(t *kernel.Task, id Clock, flags Flags, req, left Addr) (uintptr, error) {
	c, err := findClock(t, id)
	if err != nil {
		return 0, err
	}
	if !c.sleeps {
		return 0, linux.EOPNOTSUPP
	}
	d, err := copyInDuration(t, req)
	if err != nil {
		return 0, err
	}
	relative := flags&linux.TIMER_ABSTIME == 0
	switch {
	case c.cpu && c.of == t && c.source == kernel.TaskCPU:
		return 0, linux.EINVAL // it would never wake
	case c.cpu && relative:
		err = sleepOnCPU(t, &c, addTime(c.now(), d))
	case c.cpu:
		err = sleepOnCPU(t, &c, d)
	case relative:
		return 0, sleepFor(t, d, left)
	default:
		err = sleepUntil(t, fromClock(&c, d))
	}
	if err != nil {
		err = linux.ERESTARTNOHAND
	}
	return 0, err
}

// fromClock returns the deadline of Block for a time on c.
func fromClock(c *clock, at int64) int64 {
	if at == math.MaxInt64 {
		return kernel.Forever
	}
	return kernel.Deadline(max(at-c.now(), 0))
}

// sleepOnCPU sleeps until c shows at, looking again as often as that can be.
func sleepOnCPU(t *kernel.Task, c *clock, at int64) error {
	const least = 1_000_000
	for {
		left := at - c.now()
		if left <= 0 {
			return nil
		}
		cpus := int64(max(t.Kernel().CPUs, 1))
		if err := sleepUntil(t, kernel.Deadline(max(left/cpus, least))); err != nil {
			return err
		}
	}
}

// addTime returns a+b, at most MaxInt64.
func addTime(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// gettimeofday is gettimeofday(2).
func gettimeofday(t *kernel.Task, tv, tz Addr) (uintptr, error) {
	if tv != 0 {
		_, real := t.Kernel().Clock()
		now := kernel.Timeval(real)
		if err := copyOut(t, tv, &now); err != nil {
			return 0, err
		}
	}
	if tz != 0 {
		return 0, copyOut(t, tz, &linux.Timezone{})
	}
	return 0, nil
}

// timeOf is time(2).
func timeOf(t *kernel.Task, to Addr) (uintptr, error) {
	_, now := t.Kernel().Clock()
	now /= second
	if to != 0 {
		if err := copyOut(t, to, &now); err != nil {
			return 0, err
		}
	}
	return uintptr(now), nil
}

// timesOf is times(2).
func timesOf(t *kernel.Task, to Addr) (uintptr, error) {
	const tick = second / linux.CLOCKS_PER_SEC
	if to != 0 {
		u, s := t.Group().CPUTime()
		cu, cs := t.Group().ChildCPUTime()
		v := linux.Tms{Utime: u / tick, Stime: s / tick, Cutime: cu / tick, Cstime: cs / tick}
		if err := copyOut(t, to, &v); err != nil {
			return 0, err
		}
	}
	return uintptr(kernel.Now() / tick), nil
}
