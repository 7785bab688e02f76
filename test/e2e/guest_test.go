package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestGuestPrograms runs programs of test/guest that want a whole sandbox,
// natively and inside. Each complains on standard output and fails.
func TestGuestPrograms(t *testing.T) {
	for _, p := range []struct{ name, link string }{
		{"memory", "-static"},
		{"vdso", "-ldl"},
	} {
		t.Run(p.name, func(t *testing.T) {
			bin := filepath.Join(t.TempDir(), p.name)
			gcc := exec.Command("gcc", "-O1", "-pthread", "-w", "-o", bin, "../guest/"+p.name+".c", p.link)
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

// TestHostileGuest runs a guest that took over its stub. It has no native run.
func TestHostileGuest(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "hostile")
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-o", bin, "../guest/hostile.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, errs, status := do(t, "", bin); status != 0 {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// TestChaos makes random system calls: nobody but their makers may suffer. A seed
// and a number name each of the rounds (test/guest/chaos.c).
func TestChaos(t *testing.T) {
	seeds, rounds := []string{"1"}, "300"
	if os.Getenv("GLOVEBOX_FULL") != "" {
		seeds, rounds = []string{"2", "3", "4", "5", "6"}, "3000"
	}
	bin := filepath.Join(t.TempDir(), "chaos")
	gcc := exec.Command("gcc", "-O1", "-static", "-pthread", "-w", "-o", bin, "../guest/chaos.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, seed := range seeds {
		if out, errs, status := do(t, "", bin, seed, rounds); status != 0 {
			t.Errorf("seed %s: status %d: %s%s", seed, status, out, errs)
		}
	}
}

// TestGreedy: a sandbox that has no descriptor left refuses, and lives.
func TestGreedy(t *testing.T) {
	dir := t.TempDir()
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		if err := os.WriteFile(filepath.Join(files, strconv.Itoa(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "greedy")
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-o", bin, "../guest/greedy.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const want = "files: refused\nprocesses: refused\nmemory: refused\nfiles: refused\n"
	out, err := exec.Command("sh", "-c", `ulimit -n 1200; exec "$0" do -- "$1" "$2"`, runsc, bin, files).CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSpinners: threads that compute cost the sandbox no threads of its own.
// More than the 10,000 at which a Go program dies take some minutes.
func TestSpinners(t *testing.T) {
	n := "100"
	if os.Getenv("GLOVEBOX_FULL") != "" {
		n = "10050"
	}
	bin := filepath.Join(t.TempDir(), "spinners")
	gcc := exec.Command("gcc", "-O1", "-static", "-pthread", "-w", "-o", bin, "../guest/spinners.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, errs, status := do(t, "", bin, n); status != 7 || out != "they spin\n" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if out, errs, status := do(t, "", "echo", "alive"); status != 0 {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}
