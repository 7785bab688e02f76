package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLimitedAbove(t *testing.T) {
	for _, c := range []struct {
		name, limit string
		want        bool
	}{
		{"memory.limit_in_bytes", "314572800\n", true},
		{"memory.limit_in_bytes", "9223372036854771712\n", false},
		{"memory.max", "314572800\n", true},
		{"memory.max", "max\n", false},
	} {
		top := t.TempDir()
		if err := os.WriteFile(filepath.Join(top, c.name), []byte(c.limit), 0o644); err != nil {
			t.Fatal(err)
		}
		// One's own limit is nobody else's, and what is not there has none.
		if limitedAbove(top) || limitedAbove(filepath.Join(top, "not/there/yet")) != c.want {
			t.Errorf("%s %q: not %v", c.name, c.limit, c.want)
		}
	}
}
