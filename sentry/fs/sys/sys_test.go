package sys

import "testing"

func TestCPUMask(t *testing.T) {
	for _, tt := range []struct {
		first, n int
		want     string
	}{
		{0, 1, "1\n"}, {0, 2, "3\n"}, {1, 1, "2\n"}, {0, 32, "ffffffff\n"},
		{0, 33, "1,ffffffff\n"}, {40, 1, "100,00000000\n"}, {0, 64, "ffffffff,ffffffff\n"}, {0, 0, "1\n"},
	} {
		if got := cpuMask(tt.first, tt.n); got != tt.want {
			t.Errorf("cpuMask(%d, %d) = %q, want %q", tt.first, tt.n, got, tt.want)
		}
	}
}
