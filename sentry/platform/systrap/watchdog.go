package systrap

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A watchdog ends a process whose thread does not answer a kick: its guest
// has blocked the signal. A thread that had no processor is given time.
type watchdog struct {
	mu    sync.Mutex
	timer *time.Timer // guarded by mu; running while a kick is unanswered
	since time.Time
	cpu   time.Duration
}

const (
	watchEvery = 2 * time.Second
	// watchCPU is the processor time that a process may use after a kick,
	// for each of its threads.
	watchCPU = 500 * time.Millisecond
	// watchMost is how long a thread may be without a processor.
	watchMost = 30 * time.Second
)

// start notes a kick. The space's mu is held.
func (w *watchdog) start(c *Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		return
	}
	w.since, w.cpu = time.Now(), cpuTime(c.as.pid)
	w.timer = time.AfterFunc(watchEvery, func() { w.check(c) })
}

// stop notes an answer.
func (w *watchdog) stop() {
	w.mu.Lock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	w.mu.Unlock()
}

func (w *watchdog) check(c *Context) {
	c.as.mu.Lock()
	dead, threads := c.as.dead.Load(), len(c.as.contexts)
	used := cpuTime(c.as.pid)
	c.as.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil || dead {
		return
	}
	if used-w.cpu > watchCPU*time.Duration(threads) || time.Since(w.since) > watchMost {
		go c.as.kill()
		return
	}
	w.timer.Reset(watchEvery)
}

// cpuTime returns the processor time of a process that is not reaped.
func cpuTime(pid int) time.Duration {
	// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), include/linux/posix-timers.h
	clock := int32(^pid<<3 | 2)
	var ts unix.Timespec
	if unix.ClockGettime(clock, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
