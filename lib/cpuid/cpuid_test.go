package cpuid

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestFlags compares with the host's /proc/cpuinfo: what we name, it must name,
// but for what its kernel has switched off.
func TestFlags(t *testing.T) {
	c := Read()
	if c.Vendor == "" || c.Family == 0 || !slices.Contains(c.Flags, "sse2") {
		t.Errorf("%+v", c)
	}
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(line, ":")
		switch v = strings.TrimSpace(v); strings.TrimSpace(k) {
		case "vendor_id":
			if v != c.Vendor {
				t.Errorf("vendor %q, want %q", c.Vendor, v)
			}
		case "model name":
			if v != c.Model {
				t.Errorf("model %q, want %q", c.Model, v)
			}
		case "flags":
			host := strings.Fields(v)
			for _, f := range c.Flags {
				if !slices.Contains(host, f) {
					t.Logf("the host does not show %s", f)
				}
			}
			for _, f := range []string{"avx2", "sse4_2", "aes", "bmi2", "rdrand", "nx", "lm"} {
				if slices.Contains(host, f) != slices.Contains(c.Flags, f) {
					t.Errorf("%s: the host says otherwise", f)
				}
			}
			return
		}
	}
}
