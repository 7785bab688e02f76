package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// often is how often to do something: all with GLOVEBOX_FULL=1, else some.
func often(all, some int) int {
	if os.Getenv("GLOVEBOX_FULL") != "" {
		return all
	}
	return some
}

// TestCycles: whole lives of containers, one after the other and many at once, leave
// nothing.
func TestCycles(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(func(s *specs.Spec) { s.Linux.CgroupsPath = "/glovebox-e2e/" + h.id() }, "sleep", "100000")
	for range often(500, 25) {
		id := h.id()
		h.background("create", "--bundle", dir, id)
		h.must("start", id)
		h.must("kill", id, "KILL")
		eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
		h.must("delete", id)
	}
	h.nothingLeft()
	dir = h.bundle(nil, "sleep", "100000")
	ids := make([]string, often(50, 12))
	var all sync.WaitGroup
	for i := range ids {
		ids[i] = h.id()
		all.Go(func() { h.background("run", "--detach", "--bundle", dir, ids[i]) })
	}
	all.Wait()
	for _, id := range ids {
		if out := h.must("exec", id, "echo", id); out != id+"\n" {
			t.Errorf("exec in %s: %q", id, out)
		}
	}
	if out := h.must("list", "--quiet"); strings.Count(out, "\n") != len(ids) {
		t.Errorf("list: %q", out)
	}
	for _, id := range ids {
		all.Go(func() { h.must("delete", "--force", id) })
	}
	all.Wait()
	h.nothingLeft()
}

// TestKilledAnywhere kills one of a container's processes, or the verb that works on
// it, at some moment of its life. Every verb does what it should or says in a line
// why not, soon, and what is left can be deleted.
func TestKilledAnywhere(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(func(s *specs.Spec) { s.Linux.CgroupsPath = "/glovebox-e2e/" + h.id() }, "sh", "-c", "sleep 1000 & sleep 1000 & wait")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range often(200, 30) {
		id := h.id()
		over := make(chan string, 1)
		wait, which := time.Duration(r.IntN(250))*time.Millisecond, r.Uint64()
		go func() {
			time.Sleep(wait)
			over <- killOne(which)
		}()
		var said []string
		for _, verb := range [][]string{{"create", "--bundle", dir, id}, {"start", id}, {"exec", id, "true"}, {"exec", id, "ls"}, {"kill", id, "KILL"}, {"delete", id}} {
			cmd := h.command(verb...)
			// A file, as a pipe would be the container's, too, and outlive create.
			file, err := os.Create(filepath.Join(t.TempDir(), "errors"))
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = file
			start := time.Now()
			err = cmd.Run()
			file.Close()
			b, _ := os.ReadFile(file.Name())
			errs := string(b)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("cycle %d: %v took %v", i, verb, took)
			}
			said = append(said, fmt.Sprintf("%v: %v %s", verb, err, errs))
			if verb[0] == "exec" && cmd.ProcessState.ExitCode() == 128+int(syscall.SIGKILL) {
				continue // the program's own end
			}
			if err != nil && !cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() && (strings.Count(errs, "\n") != 1 || strings.Contains(errs, "EOF")) {
				t.Errorf("cycle %d: %v: %v, errors %q", i, verb, err, errs)
			}
		}
		victim := <-over
		if _, errs, status := h.runsc("delete", "--force", id); status != 0 {
			t.Errorf("cycle %d: delete --force: %s", i, errs)
		}
		eventually(t, "nothing runs", func() bool { return len(running()) == 0 })
		if t.Failed() {
			t.Fatalf("cycle %d, %s was killed after %v:\n%s", i, victim, wait, strings.Join(said, "\n"))
		}
	}
	h.nothingLeft()
}

// killOne kills one of the processes that are there, stubs among them, and returns
// what it was.
func killOne(which uint64) string {
	list := running()
	for _, p := range list {
		if strings.HasPrefix(p.args, "runsc-sandbox") {
			list = append(list, family(p.pid)...)
			break
		}
	}
	if len(list) == 0 {
		return "nobody"
	}
	p := list[which%uint64(len(list))]
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	return p.args
}
