package boot

import (
	"runtime"
	"runtime/metrics"

	"glovebox/control"
	"glovebox/sentry/memfile"
)

// usage is what the container has in memory.
func (c *container) usage() control.Memory {
	used := c.memory.Used()
	m := control.Memory{
		Anonymous: used[memfile.Anonymous], Shared: used[memfile.Shared], Files: used[memfile.Stored],
		Limit: c.memoryLimit.Load(),
	}
	// Of the two looks, what was freed meanwhile is nobody's.
	m.Total = max(c.charged(), used.Total())
	m.Kernel = m.Total - m.Anonymous - m.Shared - m.Files
	return m
}

// usage is what the Sentry itself has.
func (s *sandbox) usage() control.Sentry {
	read := []metrics.Sample{
		{Name: heapObjects}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(read)
	s.mu.Lock()
	defer s.mu.Unlock()
	return control.Sentry{
		Heap: read[0].Value.Uint64(), Runtime: read[1].Value.Uint64() - read[2].Value.Uint64(),
		Goroutines: runtime.NumGoroutine(), Containers: len(s.containers),
	}
}
