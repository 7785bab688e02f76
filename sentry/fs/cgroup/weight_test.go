package cgroup

import "testing"

// TestWeight: the values of github.com/opencontainers/cgroups.
func TestWeight(t *testing.T) {
	for shares, want := range map[uint64]uint64{0: 100, 1: 1, 2: 1, 3: 2, 256: 35, 512: 59, 1024: 100, 262143: 10000, 262144: 10000, 1 << 40: 10000} {
		if got := weight(shares); got != want {
			t.Errorf("weight(%d) is %d, want %d", shares, got, want)
		}
	}
}
