package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// TestPause: a paused container runs nothing, can be killed, and goes on.
func TestPause(t *testing.T) {
	h := newHost(t)
	id := h.id()
	// Two processes that compute, one that sleeps, one that counts.
	script := `while :; do :; done & sh -c 'while :; do :; done' & sleep 100000 & i=0; while :; do i=$((i+1)); echo $i; usleep 1000; done`
	output := h.background("run", "--detach", "--bundle", h.bundle(nil, "sh", "-c", script), id)
	size := func() int64 {
		st, err := os.Stat(output)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	h.fails("is running, not paused", "resume", id)
	for range 3 {
		before := size()
		eventually(t, "it counts", func() bool { return size() > before })
		h.must("pause", id)
		if s := h.state(id); s.Status != "paused" {
			t.Errorf("state %+v", s)
		}
		before = size()
		cpu := h.stats(id).Data.CPU.Usage.Total
		time.Sleep(50 * time.Millisecond)
		if now := size(); now != before {
			t.Errorf("paused, it wrote %d bytes", now-before)
		}
		if now := h.stats(id).Data.CPU.Usage.Total; now != cpu {
			t.Errorf("paused, it used %d ns", now-cpu)
		}
		h.fails("it is paused", "exec", id, "true")
		h.fails("not running", "pause", id)
		h.fails("not stopped", "delete", id)
		// One that is started now waits.
		cmd := h.command("exec", "--ignore-paused", id, "echo", "late")
		done := make(chan string, 1)
		go func() {
			out, errs, _ := h.finish(cmd)
			done <- out + errs
		}()
		select {
		case out := <-done:
			t.Errorf("paused, exec said %q", out)
		case <-time.After(50 * time.Millisecond):
		}
		h.must("resume", id)
		if out := <-done; out != "late\n" {
			t.Errorf("exec said %q", out)
		}
	}
	h.must("pause", id)
	h.must("kill", id, "KILL")
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	h.must("delete", id)
	h.nothingLeft()
}

// statistics are of events what the tests look at.
type statistics struct {
	Type, ID string
	Data     struct {
		CPU struct {
			Usage struct{ Total, User, Kernel int64 }
		}
		Memory struct{ Usage struct{ Usage uint64 } }
		Pids   struct{ Current int }
	}
}

func (h *host) stats(id string) (s statistics) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.must("events", "--stats", id)), &s); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// TestPs lists and measures processes.
func TestPs(t *testing.T) {
	h := newHost(t)
	id := h.id()
	h.background("run", "--detach", "--bundle", h.bundle(nil, "sh", "-c", "sleep 100001 & exec sleep 100002"), id)
	var lines []string
	eventually(t, "two programs", func() bool {
		lines = strings.Split(h.must("ps", id), "\n")
		// The shell's own command line ends alike, until it has executed.
		return len(lines) == 4 && !strings.Contains(lines[1], "sh -c") && strings.HasSuffix(lines[1], "sleep 100002") && strings.HasSuffix(lines[2], " sleep 100001")
	})
	if f := strings.Fields(lines[0]); strings.Join(f, " ") != "UID PID PPID PGID C TTY STIME TIME CMD" {
		t.Errorf("head %q", lines[0])
	}
	for i, want := range []string{"0 1 0 1", "0 2 1 1"} {
		if f := strings.Fields(lines[i+1]); len(f) != 10 || strings.Join(f[:4], " ") != want || f[5] != "?" {
			t.Errorf("line %q, want %s", lines[i+1], want)
		}
	}
	var pids []int
	if err := json.Unmarshal([]byte(h.must("ps", "--format", "json", id)), &pids); err != nil || len(pids) != 2 || pids[0] == pids[1] {
		t.Fatalf("pids %v, %v", pids, err)
	}
	for i, pid := range pids {
		// Tools of the host show what runs in it, once it has set its name.
		eventually(t, fmt.Sprintf("process %d of the host has its arguments", pid), func() bool {
			h.must("ps", "--format", "json", id)
			b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			return err == nil && string(b) == fmt.Sprintf("sleep %d\x00", 100002-i)
		})
		if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err != nil || string(b) != h.must("exec", id, "cat", "/proc/"+strconv.Itoa(i+1)+"/comm") {
			t.Errorf("process %d of the host: %q, %v", pid, b, err)
		}
	}
	if s := h.stats(id); s.Type != "stats" || s.ID != id || s.Data.Pids.Current != 2 || s.Data.Memory.Usage.Usage == 0 || s.Data.CPU.Usage.Total == 0 {
		t.Errorf("%+v", s)
	}
	h.must("delete", "--force", id)
	h.fails("does not exist", "ps", id)
	h.nothingLeft()
}

// TestWait tells how processes end.
func TestWait(t *testing.T) {
	h := newHost(t)
	id := h.id()
	h.background("run", "--detach", "--bundle", h.bundle(nil, "sh", "-c", trapping), id)
	type end struct {
		ID         string
		ExitStatus int
	}
	waited := make(chan string, 1)
	go func() {
		out, errs, _ := h.finish(h.command("wait", id))
		waited <- out + errs
	}()
	select {
	case out := <-waited:
		t.Errorf("it waited for nothing: %q", out)
	case <-time.After(100 * time.Millisecond):
	}
	// Until it has set its trap, TERM is nothing to the first process.
	for done := false; !done; {
		h.runsc("kill", id, "TERM")
		select {
		case out := <-waited:
			var e end
			if err := json.Unmarshal([]byte(out), &e); err != nil || e != (end{id, 5}) {
				t.Errorf("%q: %+v, %v", out, e, err)
			}
			done = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	// It is still known.
	var e end
	if err := json.Unmarshal([]byte(h.must("wait", id)), &e); err != nil || e != (end{id, 5}) {
		t.Errorf("when it is over: %+v, %v", e, err)
	}
	h.fails("container not running", "wait", "--pid=7", id)
	h.must("delete", id)
	h.nothingLeft()
}

// TestFeatures: what the runtime says of itself can be read.
func TestFeatures(t *testing.T) {
	h := newHost(t)
	var f features.Features
	if err := json.Unmarshal([]byte(h.must("features")), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Hooks) != 6 || f.OCIVersionMin == "" || f.OCIVersionMax != specs.Version || len(f.MountOptions) == 0 || f.Linux == nil || len(f.Linux.Capabilities) < 41 {
		t.Errorf("%+v", f)
	}
}

// TestEvents goes on until the container ends.
func TestEvents(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(nil)
	ended := make(chan string, 1)
	go func() {
		out, errs, status := h.finish(h.command("events", "--interval", "20ms", id))
		ended <- out + errs + strconv.Itoa(status)
	}()
	time.Sleep(100 * time.Millisecond)
	h.must("kill", id, "KILL")
	out := <-ended
	if lines := strings.Split(out, "\n"); len(lines) < 3 || lines[len(lines)-1] != "0" || !json.Valid([]byte(lines[0])) {
		t.Errorf("events: %q", out)
	}
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	h.must("delete", id)
	h.fails("want seconds", "events", "--interval", "often", id)
	h.nothingLeft()
}

// TestDebug: system calls of a container that runs, of which not all are asked for,
// and the Sentry's stacks.
func TestDebug(t *testing.T) {
	h := newHost(t)
	id := h.id()
	h.background("run", "--detach", "--bundle", h.bundle(nil, "sh", "-c", "while :; do cat /etc/passwd >/dev/null; sleep 0.01; done"), id)
	cmd := h.command("debug", "--strace=openat,wait4", id)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	calls := regexp.MustCompile(`^\[\d+\] (openat|wait4)\(.*\) = `)
	lines := bufio.NewScanner(out)
	for range 20 {
		if !lines.Scan() || !calls.MatchString(lines.Text()) {
			t.Fatalf("a line %q", lines.Text())
		}
	}
	h.fails("traced already", "debug", "--strace", id)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if out := h.must("debug", "--stacks", id); !strings.Contains(out, "kernel.(*Task).run") {
		t.Errorf("stacks: %q", out)
	}
	h.fails(`no system call "opennat"`, "debug", "--strace=opennat", id)
	h.fails("want one of", "debug", id)
	h.must("delete", "--force", id)
	h.fails(`no system call "opennat"`, "--strace-syscalls=opennat", "run", "--bundle", h.bundle(nil, "true"), id)
	h.nothingLeft()
}
