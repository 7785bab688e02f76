package boot

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
)

// heapBase is what a Sentry's heap has without guests, in bytes.
const heapBase = 16 << 20

// heapObjects is what package runtime/metrics calls the heap in use.
const heapObjects = "/memory/classes/heap/objects:bytes"

// charged is what the container has in memory, in bytes: that of its processes, each
// page once, of its tmpfs files, what is in its pipes, sockets and queues, and what the
// Sentry knows of all that. The last may be garbage, and of several containers nobody
// knows whose it is: there it does not count. Neither does what the host caches of files,
// as it can be dropped.
func (c *container) charged() uint64 {
	total := c.memory.Total()
	if !c.sandbox.alone() {
		return total
	}
	heap := []metrics.Sample{{Name: heapObjects}}
	metrics.Read(heap)
	return max(total, c.memory.Files()+max(heap[0].Value.Uint64(), heapBase)-heapBase)
}

// freeMemory is what guests could still use, in bytes (sysinfo(2), /proc/meminfo).
func (c *container) freeMemory() uint64 {
	total := c.group.TotalMemory.Load()
	return total - min(c.memory.Total(), total)
}

// Between two looks at what is used, no more is filled than is left. The host's
// limit must not be met: who the host kills gives no memory back until the Sentry
// knows, and so it would kill one after the other.
const (
	fillRate  = 16 << 30 // bytes a second: MAP_POPULATE on two processors
	shortLook = time.Millisecond
	longLook  = 200 * time.Millisecond
	// dyingTime is how long who was killed may take to give its memory back.
	dyingTime = time.Second
)

// lookAgain is when to look again with so much left.
func lookAgain(left uint64) time.Duration {
	return min(max(time.Duration(left>>10*uint64(time.Second)/(fillRate>>10)), shortLook), longLook)
}

// watchMemory kills as Linux does where there is a limit (mm/oom_kill.c): guests
// take pages without asking the Sentry, so it looks, while any of them runs.
func (c *container) watchMemory() {
	for {
		select {
		case <-c.gone:
			return
		default:
		}
		limit := c.memoryLimit.Load()
		if limit == 0 {
			select {
			case <-c.limited: // by an update
				continue
			case <-c.gone:
				return
			}
		}
		idle, stirred := c.group.Idle()
		start := time.Now()
		used := c.charged()
		switch {
		case used > limit && c.collected(limit):
			// It was garbage.
		case used > limit:
			c.outOfMemory(limit)
		case idle:
			c.whileIdle(stirred)
		default:
			// The look itself stays below a tenth of the time.
			time.Sleep(max(lookAgain(limit-used), 10*time.Since(start)))
		}
	}
}

// whileIdle returns when one of the container's tasks has woken up, or it is time to look
// at what those of others put into what is its: shared memory.
func (c *container) whileIdle(stirred <-chan struct{}) {
	anyone := c.k.Stirred()
	if !c.sandbox.othersAwake(c) {
		select {
		case <-anyone:
		case <-c.gone:
			return
		}
	}
	select {
	case <-stirred:
	case <-time.After(longLook):
	case <-c.gone:
	}
}

// collected frees what of the Sentry's heap is garbage, and reports whether that was
// enough.
func (c *container) collected(limit uint64) bool {
	if c.memory.Files() > limit {
		return false
	}
	debug.FreeOSMemory()
	return c.charged() <= limit
}

// outOfMemory has processes killed until that has helped. The others stand still
// meanwhile, as those that want memory do on Linux.
func (c *container) outOfMemory(limit uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.paused {
		_ = c.group.Freeze(0) // nobody is waited for
		defer c.group.Thaw()
	}
	for before := c.charged(); before > limit; before = c.charged() {
		// Not one more than it takes: somebody may be dying already.
		for end := time.Now().Add(dyingTime); mm.Releasing() > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if c.charged() <= limit || c.collected(limit) {
			return
		}
		killed, ok := c.group.OOMKill(limit)
		if !ok {
			// Nobody is left who could be.
			time.Sleep(longLook)
			return
		}
		c.k.Printk(3, killed.Log)
		c.k.Warnf("%s", killed.Log)
		enough := max(limit, before-min(before, killed.Resident/2))
		select {
		case <-killed.Done:
		case <-time.After(dyingTime):
		}
		for end := time.Now().Add(dyingTime); c.charged() > enough && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
}

// limitMemory has guests see the host's memory, or their limit of it if that is
// not 0.
func (c *container) limitMemory(limit uint64) {
	total := c.sandbox.hostMemory
	if limit > 0 {
		total = min(total, limit)
	}
	c.group.TotalMemory.Store(total)
	c.memoryLimit.Store(limit)
	if n, ok := c.sandbox.net.Internet.(interface{ SetMemory(uint64) }); ok && (c.sandbox.first == nil || c.sandbox.first == c) {
		n.SetMemory(total)
	}
	select {
	case c.limited <- struct{}{}:
	default:
	}
}

// howEnded is how the container did, with its first process: killed, if that does not
// end.
func (c *container) howEnded(init *kernel.ThreadGroup) End {
	status := control.WaitStatus(linux.SIGKILL)
	if init.Zombie() {
		status = control.WaitStatus(init.ExitStatus())
	}
	return End{status.ExitCode(), c.group.OOMKills() > 0}
}

// WaitOOM implements control.Container.
func (c *container) WaitOOM(ctx context.Context, seen int64) (int64, error) {
	started := c.started
	var ended <-chan struct{}
	for {
		n, more := c.group.OOMEvents()
		if n > seen {
			return n, nil
		}
		select {
		case <-more:
		case <-started:
			started, ended = nil, c.init.Done()
		case <-ended:
			return c.group.OOMKills(), nil
		case <-c.over:
			return n, nil
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}
