package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestManyRuns: 200 containers one after another (500 with GLOVEBOX_FULL=1) and 20
// at once leave nothing.
func TestManyRuns(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "sh", "-c", "sh -c 'exit 3' | cat; (exit 4); exit $?")
	n := 200
	switch {
	case os.Getenv("GLOVEBOX_FULL") != "":
		n = 500
	case testing.Short():
		n = 20
	}
	for range n {
		if out, errs, status := h.runsc("run", "--bundle", dir, h.id()); status != 4 || out != "" || errs != "" {
			t.Fatalf("status %d, output %q, errors %q", status, out, errs)
		}
	}
	h.nothingLeft()
	errs := make(chan error, 20)
	var all sync.WaitGroup
	for i := range 20 {
		verb := []string{"run", "--bundle", dir, h.id()}
		all.Go(func() {
			out, err := h.command(verb...).CombinedOutput()
			if err == nil || err.Error() != "exit status 4" || len(out) != 0 {
				errs <- fmt.Errorf("%d: %v: %s", i, err, out)
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	h.nothingLeft()
}

// family are the processes that come from pid, those of the sandbox's own pid
// namespace among them.
func family(pid int) (list []process) {
	children := map[int][]process{}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		stat, err := os.ReadFile(dir + "/stat")
		i := strings.LastIndexByte(string(stat), ')')
		if err != nil || i < 0 {
			continue
		}
		var state string
		var parent int
		fmt.Sscan(string(stat[i+1:]), &state, &parent)
		if p := readProcess(dir); p.pid != 0 {
			children[parent] = append(children[parent], p)
		}
	}
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		for _, c := range children[next[0]] {
			list = append(list, c)
			next = append(next, c.pid)
		}
	}
	return list
}

// gone waits until none of the processes is there any more.
func gone(t *testing.T, list []process) {
	t.Helper()
	for _, p := range list {
		eventually(t, fmt.Sprintf("process %d ends: %s", p.pid, p.args), func() bool {
			now := readProcess(fmt.Sprintf("/proc/%d", p.pid))
			return now.pid == 0 || now.args != p.args
		})
	}
}

// TestKilled kills one process of a running container, at a moment that nobody
// chose: the others follow, and what is left of its state can be deleted.
func TestKilled(t *testing.T) {
	h := newHost(t)
	const busy = `while :; do echo x > /tmp/f; cat /tmp/f | grep -c x > /dev/null; done`
	dir := h.bundle(writable, "sh", "-c", "echo up; "+busy)
	victims := map[string]func(list []process, runsc int) int{
		"runsc":    func(_ []process, runsc int) int { return runsc },
		"sandbox":  func(list []process, _ int) int { return named(list, "runsc-sandbox") },
		"gofer":    func(list []process, _ int) int { return named(list, "runsc-gofer") },
		"template": func(list []process, _ int) int { return inner(list)[0] },
		"stub": func(list []process, _ int) int {
			stubs := inner(list)[1:]
			return stubs[rand.IntN(len(stubs))]
		},
	}
	for name, pick := range victims {
		t.Run(name, func(t *testing.T) {
			h := &host{t, h.root, h.tmp}
			for range 3 {
				id := h.id()
				cmd := h.command("run", "--bundle", dir, id)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				defer cmd.Process.Kill()
				if _, err := out.Read(make([]byte, 8)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
				list := family(cmd.Process.Pid)
				victim := pick(list, cmd.Process.Pid)
				if victim == 0 {
					t.Fatalf("no %s among %v", name, list)
				}
				if err := syscall.Kill(victim, syscall.SIGKILL); err != nil && name != "stub" {
					t.Fatal(err)
				}
				if name == "stub" {
					// A program inside was killed, perhaps not the first.
					h.must("delete", "--force", id)
				}
				_ = cmd.Wait()
				gone(t, list)
				if name == "runsc" {
					eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
					h.must("delete", id)
				}
				h.nothingLeft()
			}
		})
	}
}

// TestLastWords: who asks for a container whose detached sandbox died is told why.
func TestLastWords(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(nil)
	sentry, err := os.FindProcess(h.state(id).Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := sentry.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	for _, verb := range [][]string{{"exec", id, "true"}, {"ps", id}, {"wait", id}, {"start", id}} {
		h.fails(": the sandbox died: SIGABRT: abort", verb...)
	}
	h.must("delete", id)
	h.nothingLeft()
}

func named(list []process, name string) int {
	for _, p := range list {
		if strings.HasPrefix(p.args, name+" ") {
			return p.pid
		}
	}
	return 0
}

// inner are the processes that the Sentry has: the platform's template, which was
// the first, and stubs, which run guest code.
func inner(list []process) (pids []int) {
	for _, p := range list {
		if !strings.HasPrefix(p.args, "runsc-") {
			pids = append(pids, p.pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// TestKilledBeforeItRuns kills runsc while it makes a container that is to go on
// alone: none does, and its name can be freed.
func TestKilledBeforeItRuns(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "sleep", "1000")
	for i := range 20 {
		id := h.id()
		cmd := h.command("run", "--detach", "--bundle", dir, id)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*4) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		h.must("delete", "--force", id)
		eventually(t, "nothing runs", func() bool { return len(running()) == 0 })
	}
	h.nothingLeft()
}

// TestNoLeaks: what runsc's caller has open does not reach the sandbox.
func TestNoLeaks(t *testing.T) {
	h := newHost(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir := h.bundle(nil, "sh", "-c", "ls /proc/self/fd | wc -l; sleep 1000")
	cmd := h.command("run", "--bundle", dir, h.id())
	cmd.ExtraFiles = []*os.File{w}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	b := make([]byte, 8)
	n, err := out.Read(b)
	if err != nil || strings.TrimSpace(string(b[:n])) != "4" { // the standard streams and the directory itself
		t.Errorf("descriptors inside: %q, %v", b[:n], err)
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range family(cmd.Process.Pid) {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid))
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); to == name {
				t.Errorf("%s has the caller's %s", p.args, name)
			}
		}
	}
}

// TestRootless: an ordinary user runs a bundle of its own, and its leftovers are
// none.
func TestRootless(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests run as an ordinary user already")
	}
	h := newHost(t)
	dir := h.bundle(writable, "sh", "-c", "id -u; echo x > /made; stat -c %u /made; (kill -9 $$) ; exit 6")
	const nobody = 65534
	// Everything on the way to it has to be open, the bundle to be the user's.
	for _, name := range []string{filepath.Dir(filepath.Dir(h.root)), filepath.Dir(h.root), filepath.Dir(runsc)} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{h.tmp, dir} {
		if out, err := exec.Command("chown", "-R", fmt.Sprint(nobody), name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.Mkdir(h.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(h.root, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	as := func(args ...string) *exec.Cmd {
		cmd := h.command(args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	out, errs, status := h.finish(as("run", "--bundle", dir, h.id()))
	if out != "0\n0\n" || status != 6 {
		t.Errorf("status %d, output %q, errors %q", status, out, errs)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, "rootfs/made"), &st); err != nil || st.Uid != nobody {
		t.Errorf("the file on the host: owner %d, %v", st.Uid, err)
	}
	id := h.id()
	quiet := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		return cmd
	}
	h.edit(dir, func(s *specs.Spec) { s.Process.Args = []string{"sleep", "1000"} })
	if _, _, status := h.finish(quiet(as("run", "--detach", "--bundle", dir, id))); status != 0 {
		t.Errorf("detached: status %d", status)
	}
	if out, errs, _ := h.finish(as("list")); !strings.Contains(out, "running") {
		t.Errorf("list: %q, %q", out, errs)
	}
	if _, errs, status := h.finish(as("delete", "--force", id)); status != 0 {
		t.Errorf("delete: %s", errs)
	}
	h.nothingLeft()
}
