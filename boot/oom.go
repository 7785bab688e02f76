package boot

import (
	"runtime/debug"
	"runtime/metrics"
	"time"

	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/memfile"
	"glovebox/sentry/mm"
)

// heapBase is what a Sentry's heap has without guests, in bytes.
const heapBase = 16 << 20

// chargedMemory is usedMemory, and what guests made the Sentry keep for them beside
// files: what is in pipes and sockets, and all it knows of them. Some of that may be
// garbage.
func chargedMemory() uint64 {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	files := memfile.Total()
	return max(files+tmpfs.HeapBytes(), files+max(heap[0].Value.Uint64(), heapBase)-heapBase)
}

// usedMemory is what the container has in memory, in bytes: that of its processes,
// each page once, and of its tmpfs files. What the host caches of files does not
// count, as it can be dropped.
func usedMemory() uint64 { return memfile.Total() + tmpfs.HeapBytes() }

// freeMemory is what guests could still use, in bytes (sysinfo(2), /proc/meminfo).
func (s *sandbox) freeMemory() uint64 {
	return s.k.TotalMemory.Load() - min(usedMemory(), s.k.TotalMemory.Load())
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
func (s *sandbox) watchMemory() {
	for {
		limit := s.memoryLimit.Load()
		if limit == 0 {
			<-s.limited // by an update
			continue
		}
		idle, stirred := s.pid.Idle()
		start := time.Now()
		used := chargedMemory()
		switch {
		case used > limit && collected(limit):
			// It was garbage.
		case used > limit:
			s.outOfMemory(limit)
		case idle:
			<-stirred
		default:
			// The look itself stays below a tenth of the time.
			time.Sleep(max(lookAgain(limit-used), 10*time.Since(start)))
		}
	}
}

// collected frees what of the Sentry's heap is garbage, and reports whether that was
// enough.
func collected(limit uint64) bool {
	if memfile.Total() > limit {
		return false
	}
	debug.FreeOSMemory()
	return chargedMemory() <= limit
}

// outOfMemory has processes killed until that has helped. The others stand still
// meanwhile, as those that want memory do on Linux.
func (s *sandbox) outOfMemory(limit uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused {
		_ = s.pid.Freeze(0) // nobody is waited for
		defer s.pid.Thaw()
	}
	for before := chargedMemory(); before > limit; before = chargedMemory() {
		// Not one more than it takes: somebody may be dying already.
		for end := time.Now().Add(dyingTime); mm.Releasing() > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if chargedMemory() <= limit || collected(limit) {
			return
		}
		killed, ok := s.pid.OOMKill(limit)
		if !ok {
			// Nobody is left who could be.
			time.Sleep(longLook)
			return
		}
		s.k.Printk(3, killed.Log)
		s.k.Warnf("%s", killed.Log)
		enough := max(limit, before-min(before, killed.Resident/2))
		select {
		case <-killed.Done:
		case <-time.After(dyingTime):
		}
		for end := time.Now().Add(dyingTime); chargedMemory() > enough && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
}

// limitMemory has guests see the host's memory, or their limit of it if that is
// not 0.
func (s *sandbox) limitMemory(limit uint64) {
	total := s.cfg.hostMemory
	if limit > 0 {
		total = min(total, limit)
	}
	s.k.TotalMemory.Store(total)
	s.memoryLimit.Store(limit)
	select {
	case s.limited <- struct{}{}:
	default:
	}
}
