package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/oci/container"
)

// eventually waits for something that must come, as long as a slow machine may
// take.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// state asks for a container's.
func (h *host) state(id string) specs.State {
	h.t.Helper()
	var s specs.State
	if err := json.Unmarshal([]byte(h.must("state", id)), &s); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// fails runs a command that must fail with one line.
func (h *host) fails(says string, args ...string) {
	h.t.Helper()
	_, errs, status := h.runsc(args...)
	if status != 128 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) {
		h.t.Errorf("runsc %s: status %d, errors %q; want 128 and one line with %q", strings.Join(args, " "), status, errs, says)
	}
}

// trapping runs until it gets a TERM, and says when it listens.
const trapping = `trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.05; done`

// TestCreateMissing: create already says that a program cannot be run.
func TestCreateMissing(t *testing.T) {
	h := newHost(t)
	for program, want := range map[string]int{"/none": 127, "none": 127, "/etc/passwd": 126} {
		_, errs, status := h.runsc("create", "--bundle", h.bundle(nil, program), h.id())
		if status != want || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, program) {
			t.Errorf("%s: status %d, %q; want %d", program, status, errs, want)
		}
	}
	h.nothingLeft()
}

// TestLifecycle drives a container by create, start, kill and delete, and one by
// run --detach.
func TestLifecycle(t *testing.T) {
	for _, how := range []string{"create", "run"} {
		t.Run(how, func(t *testing.T) {
			h := newHost(t)
			id := h.id()
			dir := h.bundle(func(s *specs.Spec) { s.Annotations = map[string]string{"a": "b"} }, "sh", "-c", trapping)
			pidFile := filepath.Join(h.tmp, "output-pid")
			var output string
			if how == "create" {
				output = h.background("create", "--bundle", dir, "--pid-file", pidFile, id)
				if s := h.state(id); s.Status != specs.StateCreated || s.Pid == 0 {
					t.Errorf("created: %+v", s)
				}
				h.fails("already exists", "create", "--bundle", dir, id)
				h.must("start", id)
				h.fails("it is running", "start", id)
			} else {
				output = h.background("run", "--detach", "--bundle", dir, "--pid-file", pidFile, id)
				h.fails("already exists", "run", "--bundle", dir, id)
			}
			s := h.state(id)
			if s.Status != specs.StateRunning || s.ID != id || s.Bundle != dir || s.Annotations["a"] != "b" || s.Version == "" {
				t.Errorf("running: %+v", s)
			}
			b, err := os.ReadFile(pidFile)
			if pid, _ := strconv.Atoi(string(b)); err != nil || pid != s.Pid || syscall.Kill(pid, 0) != nil {
				t.Errorf("pid file: %q, %v; want %d", b, err, s.Pid)
			}
			if out := h.must("list", "-q"); out != id+"\n" {
				t.Errorf("list -q: %q", out)
			}
			if out := h.must("list"); !strings.HasPrefix(out, "ID ") || strings.Count(out, "\n") != 2 || !strings.Contains(out, "running") {
				t.Errorf("list: %q", out)
			}
			var listed []struct {
				ID, Status, Bundle, Owner string
				PID                       int
			}
			if err := json.Unmarshal([]byte(h.must("list", "--format", "json")), &listed); err != nil ||
				len(listed) != 1 || listed[0].ID != id || listed[0].PID != s.Pid {
				t.Errorf("list --format json: %+v, %v", listed, err)
			}
			h.fails("that is not stopped", "delete", id)
			eventually(t, "the trap is set", func() bool {
				b, _ := os.ReadFile(output)
				return string(b) == "up\n"
			})
			h.must("kill", id, "WINCH")
			h.must("kill", id)
			eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
			if b, _ := os.ReadFile(output); string(b) != "up\ngot\n" {
				t.Errorf("output %q", b)
			}
			if s := h.state(id); s.Pid != 0 {
				t.Errorf("stopped: %+v", s)
			}
			h.fails("container not running", "kill", id, "KILL")
			h.fails("it is stopped", "start", id)
			h.must("delete", id)
			h.fails("does not exist", "delete", id)
			h.fails("does not exist", "state", id)
			h.fails("does not exist", "kill", id, "9")
			h.must("delete", "--force", id)
			_ = os.Remove(pidFile)
			h.nothingLeft()
		})
	}
}

// TestDelete: containers that never ran, that run, and whose state is broken.
func TestDelete(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "sleep", "1000")
	id := h.id()
	h.background("create", "--bundle", dir, id)
	h.must("delete", id)
	h.background("create", "--bundle", dir, id)
	h.must("kill", id, "TERM")
	if s := h.state(id); s.Status != specs.StateStopped {
		t.Errorf("killed before it started: %+v", s)
	}
	h.must("delete", id)
	h.background("run", "--detach", "--bundle", dir, id)
	h.must("kill", id, "TERM") // the first process of a pid namespace ignores it: pid_namespaces(7)
	if s := h.state(id); s.Status != specs.StateRunning {
		t.Errorf("after an ignored signal: %+v", s)
	}
	h.must("delete", "--force", id)
	h.background("run", "--detach", "--bundle", dir, id)
	h.must("kill", "--all", id, "SIGKILL")
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	h.must("kill", "--all", id, "9")
	h.must("delete", id)

	if err := os.MkdirAll(filepath.Join(h.root, "broken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s := h.state("broken"); s.Status != specs.StateStopped {
		t.Errorf("whose maker is gone: %+v", s)
	}
	if err := os.WriteFile(filepath.Join(h.root, "broken/state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.fails(`container "broken" is broken`, "state", "broken")
	h.fails(`container "broken" is broken`, "delete", "broken")
	if out := h.must("list", "-q"); out != "" {
		t.Errorf("list -q: %q", out)
	}
	h.must("delete", "--force", "broken")
	// Whoever wrote the state, what runs is found and ended.
	for _, text := range []string{"{", `{"version": 99, "id": "x", "sandbox": {"pid": %d, "start": %d}}`} {
		h.background("run", "--detach", "--bundle", dir, id)
		if strings.Contains(text, "%") {
			p, err := container.Identify(h.state(id).Pid)
			if err != nil {
				t.Fatal(err)
			}
			text = fmt.Sprintf(text, p.PID, p.Start)
		}
		if err := os.WriteFile(filepath.Join(h.root, id, "state.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.must("delete", "--force", id)
		eventually(t, "nothing runs", func() bool { return len(running()) == 0 })
	}
	h.nothingLeft()
}

// TestIDs: what is no name for a container is refused before anything is made.
func TestIDs(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "true")
	for _, id := range []string{"", ".", "..", "a/b", "../x", "a b", "a\nb", "ä", strings.Repeat("x", 256)} {
		h.fails("container id", "run", "--bundle", dir, id)
		h.fails("container id", "delete", "--force", id)
	}
	h.must("run", "--bundle", dir, "A_b+c-d.e")
	h.nothingLeft()
}

// TestForeground: runsc passes its own signals on, and ends as the container does.
func TestForeground(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "sh", "-c", trapping)
	for _, c := range []struct {
		name   string
		end    func(id string, runsc *os.Process) error
		status int
	}{
		{"TERM to runsc", func(_ string, runsc *os.Process) error { return runsc.Signal(syscall.SIGTERM) }, 5},
		{"runsc kill", func(id string, _ *os.Process) error { h.must("kill", id); return nil }, 5},
		{"runsc kill KILL", func(id string, _ *os.Process) error { h.must("kill", id, "KILL"); return nil }, 137},
	} {
		id := h.id()
		cmd := h.command("run", "--bundle", dir, id)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		if err := c.end(id, cmd.Process); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%s: status %d, want %d", c.name, got, c.status)
		}
	}
	h.nothingLeft()
}
