package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// unlimited is more than any limit that somebody sets: cgroup v1 has a number for none.
const unlimited = 1 << 60

// MemoryShared reports whether a group above g has a limit of memory: what g takes, its
// neighbours may be killed for.
func (g *Group) MemoryShared() bool {
	path := g.m.Path("memory")
	return path != "" && limitedAbove(path)
}

// limitedAbove looks at the directories above path, of which some may not be there yet.
func limitedAbove(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		for _, name := range []string{"memory.limit_in_bytes", "memory.max"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n < unlimited {
				return true
			}
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}
