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
		Total: c.charged(), Limit: c.memoryLimit.Load(),
	}
	// The two looks are not one: what was freed meanwhile is nobody's.
	sum := used.Total()
	m.Total = max(m.Total, sum)
	m.Kernel = m.Total - sum
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
