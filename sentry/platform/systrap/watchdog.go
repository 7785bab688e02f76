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

// A patience says when a thread is given up that does not answer a kick.
type patience struct {
	every time.Duration // how often it is looked at
	// cpu is the processor time that its process may use, for each of its
	// threads; most is how long it may be without a processor.
	cpu, most time.Duration
}

var patient = patience{every: 2 * time.Second, cpu: 500 * time.Millisecond, most: 30 * time.Second}

// start notes a kick. The space's mu is held.
func (w *watchdog) start(c *Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		return
	}
	w.since, w.cpu = time.Now(), cpuTime(c.as.pid)
	w.timer = time.AfterFunc(c.p.patience.every, func() { w.check(c) })
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
	if used-w.cpu > c.p.patience.cpu*time.Duration(threads) || time.Since(w.since) > c.p.patience.most {
		go c.as.Kill()
		return
	}
	w.timer.Reset(c.p.patience.every)
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
