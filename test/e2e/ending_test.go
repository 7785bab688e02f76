package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestEnding: a sandbox that has no processes any more, but is not gone, is one that is
// not running: what callers look for, and wait has the status.
func TestEnding(t *testing.T) {
	h := newHost(t)
	id := h.id()
	h.background("--overlay2=root:memory", "run", "--detach", "--bundle", h.bundle(writable, "sleep", "100000"), id)
	h.must("exec", id, "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=4")
	// An archive that nobody reads is given a second.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	archive := h.command("tar", "rootfs-upper", id)
	archive.Stdout = w
	if err := archive.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 512)); err != nil {
		t.Fatal(err)
	}
	h.must("kill", id, "KILL")
	wait := h.must("wait", id)
	for _, args := range [][]string{{"kill", id, "TERM"}, {"ps", id}, {"exec", id, "true"}, {"usage", id}, {"pause", id}, {"events", "--stats", id}} {
		_, errs, status := h.runsc(args...)
		if status != 128 || strings.Contains(errs, "connection") || !strings.Contains(errs, "running") && !strings.Contains(errs, "stopped") {
			t.Errorf("%v: status %d, %q", args, status, errs)
		}
	}
	if again := h.must("wait", id); again != wait || !strings.Contains(wait, "137") {
		t.Errorf("%q, then %q", wait, again)
	}
	r.Close()
	_ = archive.Wait()
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	h.must("delete", id)
	h.nothingLeft()
}

// TestHostKills: a process that waits for something ends when the host kills the one that
// it runs in, as its OOM killer does.
func TestHostKills(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(nil)
	h.background("exec", "--detach", id, "sleep", "1000")
	pids := func() (list []int) {
		if err := json.Unmarshal([]byte(h.must("ps", "--format", "json", id)), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	eventually(t, "both", func() bool { return len(pids()) == 2 })
	both := pids()
	kill := func(pid int) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	kill(both[1])
	eventually(t, "one is left", func() bool { return len(pids()) == 1 })
	kill(both[0])
	if out := h.must("wait", id); !strings.Contains(out, "137") {
		t.Errorf("wait: %s", out)
	}
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	h.must("delete", id)
	h.nothingLeft()
}
