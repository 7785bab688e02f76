package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// small lets a container have 48 MiB.
func small(s *specs.Spec) {
	limit := int64(48 << 20)
	s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
}

// greedy is a shell's command that takes more than that.
const greedy = "dd if=/dev/zero of=/dev/null bs=150M count=1"

// subscribe returns the lines of `events` that are about memory, and what ends it.
func (h *host) subscribe(id, interval string) (oom <-chan string, stop func()) {
	h.t.Helper()
	cmd := h.command("events", "--interval", interval, id)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if s, err := lines.ReadString('\n'); err != nil || !json.Valid([]byte(s)) {
		h.t.Fatalf("the first event: %q, %v", s, err)
	}
	c := make(chan string, 100)
	go func() {
		defer close(c)
		for {
			s, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			var e struct{ Type string }
			if json.Unmarshal([]byte(s), &e) != nil || e.Type != "stats" {
				c <- s
			}
		}
	}()
	return c, func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}
}

// TestOOMEvents: who subscribes hears at once of processes that are killed for memory,
// and not of those before.
func TestOOMEvents(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(small)
	want := fmt.Sprintf(`{"type":"oom","id":%q}`+"\n", id)
	for range 2 {
		oom, stop := h.subscribe(id, "1h")
		late, stopLate := h.subscribe(id, "20ms")
		time.Sleep(100 * time.Millisecond)
		if n := len(oom) + len(late); n != 0 {
			t.Errorf("%d events before there is one", n)
		}
		if _, errs, status := h.runsc("exec", id, "sh", "-c", greedy); status != 137 {
			t.Errorf("status %d, %q", status, errs)
		}
		for _, c := range []<-chan string{oom, late} {
			select {
			case got := <-c:
				if got != want {
					t.Errorf("%q", got)
				}
			case <-time.After(5 * time.Second):
				t.Error("no event")
			}
		}
		stop()
		stopLate()
	}
	if s := h.stats(id); s.Type != "stats" {
		t.Errorf("--stats: %+v", s)
	}
	if n := h.usage(id).OOMKills; n < 2 {
		t.Errorf("usage: %d were killed", n)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}

// TestOOMKilled: of a container that ended, it is known that a process was killed for
// memory.
func TestOOMKilled(t *testing.T) {
	h := newHost(t)
	const mark = "dev.glovebox.oom-killed"
	for _, c := range []struct {
		script string
		status int
		oom    bool
	}{
		{"sleep 0.3; exec " + greedy, 137, true},
		{"sleep 0.3; " + greedy + "; exit 3", 3, true},
		{"sleep 0.3; exit 137", 137, false},
		// More than the host would give, in one call, which the Sentry fills.
		{"sleep 0.3; dd if=/dev/zero of=/dev/null bs=900M count=1; exit 4", 4, true},
		{"sleep 0.3; echo 1000 >/proc/self/oom_score_adj; exec dd if=/dev/zero of=/dev/null bs=900M count=1", 137, true},
	} {
		id := h.id()
		dir := h.bundle(small, "sh", "-c", c.script)
		h.edit(dir, func(s *specs.Spec) { s.Annotations = map[string]string{"other": "kept"} })
		h.background("create", "--bundle", dir, id)
		oom, stop := h.subscribe(id, "1h")
		h.must("start", id)
		for i, said := range []string{h.must("wait", id), h.must("wait", id)} {
			var w struct {
				ID         string
				ExitStatus int
				OOMKilled  bool
			}
			if err := json.Unmarshal([]byte(said), &w); err != nil || w.ID != id || w.ExitStatus != c.status || w.OOMKilled != c.oom {
				t.Errorf("%q: wait (%d) says %q", c.script, i, said)
			}
		}
		// The last word of a container that ends is heard.
		if s, ok := <-oom; ok != c.oom {
			t.Errorf("%q: event %q", c.script, s)
		}
		stop()
		eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
		if s := h.state(id); s.Annotations["other"] != "kept" || (s.Annotations[mark] == "true") != c.oom {
			t.Errorf("%q: state %+v", c.script, s)
		}
		h.must("delete", id)
	}
	// One of several in a sandbox has a mark of its own.
	p := newPod(t)
	member := p.start(ownPIDs, small, "sh", "-c", greedy)
	eventually(t, "stopped", func() bool { return p.state(member).Status == specs.StateStopped })
	if s := p.state(member); s.Annotations[mark] != "true" {
		t.Errorf("in a pod: %+v", s)
	}
	if s := p.state(p.first); s.Annotations[mark] != "" {
		t.Errorf("the first of the pod: %+v", s)
	}
	p.must("delete", member)
	p.must("delete", "--force", p.first)
	p.nothingLeft()
	h.nothingLeft()
}

// TestHostHearsNothing: where a limit is shared with others, they are not killed to tell
// of a container's end.
func TestHostHearsNothing(t *testing.T) {
	h := newHost(t)
	const name = "glovebox-limited"
	parent := controller(t, "memory", name)
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		all, _ := filepath.Glob(filepath.Join(cgroups, "*", name))
		for _, dir := range append(all, parent) {
			_ = os.Remove(dir)
		}
	})
	limit := "memory.limit_in_bytes"
	if unified() {
		limit = "memory.max"
	}
	if err := os.WriteFile(filepath.Join(parent, limit), []byte("160M"), 0o644); err != nil {
		t.Skipf("host feature missing: limits in %s: %v", parent, err)
	}
	id := h.id()
	dir := h.bundle(func(s *specs.Spec) {
		small(s)
		s.Linux.CgroupsPath = "/" + name + "/" + id
	}, "sh", "-c", "exec "+greedy)
	h.background("run", "--detach", "--bundle", dir, id)
	if out := h.must("wait", id); !strings.Contains(out, `"oomKilled": true`) {
		t.Errorf("wait: %s", out)
	}
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	// v1's count is of the group alone: what met the limit is in the greatest use.
	most := "memory.max_usage_in_bytes"
	if unified() {
		most = "memory.peak"
	}
	if n, err := strconv.ParseInt(word(t, parent, most), 10, 64); err != nil || n > 150<<20 {
		t.Errorf("the parent had %d bytes, %v", n, err)
	}
	h.must("delete", id)
	h.nothingLeft()
}

// TestHostHears: the host's control group counts a killed process, one only, when a
// container ends of which one was killed inside: containerd's shim for runc looks there,
// and docker shows OOMKilled (testdata/docker.sh).
func TestHostHears(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct {
		script string
		status int
		oom    string
	}{
		{"exec " + greedy, 137, "1"},
		{greedy + "; exit 5", 5, "1"},
		{"sleep 0.1; exit 6", 6, "0"},
	} {
		id := h.id()
		path := "/glovebox-e2e/" + id
		group := controller(t, "memory", path)
		t.Cleanup(func() { _ = os.Remove(filepath.Dir(group)) })
		dir := h.bundle(func(s *specs.Spec) {
			small(s)
			s.Linux.CgroupsPath = path
		}, "sh", "-c", c.script)
		h.background("create", "--bundle", dir, id)
		h.must("start", id)
		var w struct{ ExitStatus int }
		if err := json.Unmarshal([]byte(h.must("wait", id)), &w); err != nil || w.ExitStatus != c.status {
			t.Errorf("%q: %+v, %v", c.script, w, err)
		}
		eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
		events := "memory.oom_control"
		if unified() {
			events = "memory.events"
		}
		_, kills, _ := strings.Cut(word(t, group, events), "oom_kill ")
		if kills, _, _ = strings.Cut(kills, "\n"); kills != c.oom {
			t.Errorf("%q: the host counts %q", c.script, kills)
		}
		h.must("delete", id)
	}
	h.nothingLeft()
}
