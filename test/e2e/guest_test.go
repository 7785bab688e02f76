package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGuestPrograms runs programs of test/guest that want a whole sandbox,
// natively and inside. Each complains on standard output and fails.
func TestGuestPrograms(t *testing.T) {
	for _, name := range []string{"memory"} {
		t.Run(name, func(t *testing.T) {
			bin := filepath.Join(t.TempDir(), name)
			gcc := exec.Command("gcc", "-O1", "-static", "-pthread", "-w", "-o", bin, "../guest/"+name+".c")
			if out, err := gcc.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if out, err := exec.Command(bin).CombinedOutput(); err != nil {
				t.Fatalf("natively: %v: %s", err, out)
			}
			if out, errs, status := do(t, "", bin); status != 0 {
				t.Errorf("status %d: %s%s", status, out, errs)
			}
		})
	}
}
