package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A pod is containers in one sandbox, that of the first.
type pod struct {
	*host
	first string
}

// newPod starts the first container, which sleeps.
func newPod(t *testing.T) *pod {
	h := newHost(t)
	return &pod{h, h.sleeper(func(s *specs.Spec) {
		s.Hostname = "pod"
		s.Annotations = map[string]string{"io.kubernetes.cri.container-type": "sandbox"}
	})}
}

// member is the bundle of a container to be in the pod. Its namespaces are those of
// the first, but for those in own.
func (p *pod) member(own []specs.LinuxNamespaceType, change func(*specs.Spec), args ...string) string {
	return p.bundle(func(s *specs.Spec) {
		s.Annotations = map[string]string{"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": p.first}
		s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
		for _, n := range own {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: n})
		}
		if change != nil {
			change(s)
		}
	}, args...)
}

// start starts a member that goes on by itself.
func (p *pod) start(own []specs.LinuxNamespaceType, change func(*specs.Spec), args ...string) string {
	id := p.host.id()
	p.background("run", "--detach", "--bundle", p.member(own, change, args...), id)
	return id
}

var ownPIDs = []specs.LinuxNamespaceType{specs.PIDNamespace}

// TestPod: containers of one sandbox come and go, each with its own files, processes
// and status.
func TestPod(t *testing.T) {
	p := newPod(t)
	run := func(want string, status int, dir string) {
		t.Helper()
		out, errs, got := p.runsc("run", "--bundle", dir, p.host.id())
		if out != want || got != status {
			t.Errorf("status %d, %q, %q; want %d, %q", got, out, errs, status, want)
		}
	}
	run("1\npod\n", 7, p.member(ownPIDs, nil, "sh", "-c", "echo $$; hostname; exit 7"))
	run("1\nown\n", 137, p.member(append(ownPIDs, specs.UTSNamespace), func(s *specs.Spec) { s.Hostname = "own" },
		"sh", "-c", "echo $$; hostname; (sh -c 'kill -9 $PPID'); kill -9 1; exit 137"))
	// In the first's pid namespace: it is there as process 1.
	run("sleep 100000 0\n", 0, p.member(nil, nil, "sh", "-c", "[ $$ != 1 ] && echo $(tr '\\0' ' ' </proc/1/cmdline) $(ls /proc/1/root/not-there 2>/dev/null | wc -l)"))
	// Files are each one's own.
	run("", 0, p.member(ownPIDs, writable, "sh", "-c", "echo x > /only-here"))
	run("", 1, p.member(ownPIDs, writable, "test", "-e", "/only-here"))

	// One's end is not the others'.
	a := p.start(ownPIDs, nil, "sh", "-c", "sleep 100000 & exec sleep 100001")
	b := p.start(nil, nil, "sh", "-c", "sleep 100002 & exec sleep 100003")
	if out := p.must("exec", a, "ps"); strings.Contains(out, "100003") || !strings.Contains(out, "100001") {
		t.Errorf("of its own namespace:\n%s", out)
	}
	if out := p.must("exec", b, "ps"); strings.Contains(out, "100001") || !strings.Contains(out, "sleep 100000") {
		t.Errorf("of the shared namespace:\n%s", out)
	}
	for id, want := range map[string]int{a: 3, b: 3, p.first: 2} {
		if out := p.must("ps", id); strings.Count(out, "\n") != want {
			t.Errorf("ps of %s, want %d lines:\n%s", id, want, out)
		}
	}
	p.fails("no such process", "kill", "--pid", "1", b, "KILL")
	p.must("pause", a)
	if s := p.state(a).Status; s != "paused" || p.state(b).Status != specs.StateRunning {
		t.Errorf("one paused: %s, %s", s, p.state(b).Status)
	}
	if out := p.must("exec", b, "echo", "runs"); out != "runs\n" {
		t.Errorf("%q", out)
	}
	p.must("resume", a)
	p.must("kill", b, "KILL")
	eventually(t, "stopped", func() bool { return p.state(b).Status == specs.StateStopped })
	if out := p.must("wait", b); !strings.Contains(out, `"exitStatus": 137`) {
		t.Errorf("wait: %s", out)
	}
	// With the first process all of the container's went, and nobody else's.
	if out := p.must("exec", p.first, "ps"); strings.Contains(out, "10000") && strings.Contains(out, "100002") {
		t.Errorf("left:\n%s", out)
	}
	if p.state(a).Status != specs.StateRunning || p.state(p.first).Status != specs.StateRunning {
		t.Error("others ended, too")
	}
	p.fails("container not running", "exec", b, "true")
	p.must("delete", b)

	// A gofer that is killed takes its container along.
	if err := syscall.Kill(p.state(a).Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "stopped", func() bool { return p.state(a).Status == specs.StateStopped })
	p.must("delete", a)
	if out := p.must("exec", p.first, "echo", "runs"); out != "runs\n" {
		t.Errorf("%q", out)
	}

	// The first one's end is everyone's.
	c := p.start(ownPIDs, nil, "sleep", "100000")
	d := p.host.id()
	p.background("create", "--bundle", p.member(ownPIDs, nil, "true"), d)
	p.must("kill", p.first, "KILL")
	for _, id := range []string{p.first, c, d} {
		eventually(t, "stopped", func() bool { return p.state(id).Status == specs.StateStopped })
		p.must("delete", id)
	}
	p.nothingLeft()
}

// TestPodLife: create, start and what ends a container that never ran.
func TestPodLife(t *testing.T) {
	p := newPod(t)
	id := p.host.id()
	dir := p.member(ownPIDs, nil, "sh", "-c", "sleep 100000")
	for range 2 {
		p.background("create", "--bundle", dir, id)
		if s := p.state(id); s.Status != specs.StateCreated || s.Pid == p.state(p.first).Pid {
			t.Errorf("%+v", s)
		}
		p.must("delete", id)
	}
	p.background("create", "--bundle", dir, id)
	p.must("kill", id, "TERM")
	eventually(t, "stopped", func() bool { return p.state(id).Status == specs.StateStopped })
	p.must("delete", id)
	p.background("create", "--bundle", dir, id)
	p.must("start", id)
	if out := p.must("exec", id, "sh", "-c", "exec 2>&1; ls /proc/self/fd | wc -l; echo $PATH | wc -l"); out != "4\n1\n" {
		t.Errorf("exec: %q", out)
	}
	p.must("delete", "--force", id)

	// One that hangs at its start is ended as well.
	p.background("create", "--bundle", p.member(nil, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "100000"}}}}
	}, "true"), id)
	hangs := p.command("start", id)
	if err := hangs.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if err := syscall.Kill(p.state(id).Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := hangs.Wait(); err == nil {
		t.Error("start of what was killed meanwhile: no error")
	}
	p.must("delete", "--force", id)

	if _, errs, status := p.runsc("create", "--bundle", p.member(ownPIDs, nil, "/not/there"), id); status != 127 || !strings.Contains(errs, "executable file not found") {
		t.Errorf("a missing program: status %d, %q", status, errs)
	}
	p.fails("mount tmpfs on /nodev", "run", "--bundle", p.member(ownPIDs, func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/nodev", Type: "tmpfs", Source: "x", Options: []string{"size=x"}})
	}, "true"), id)
	for says, a := range map[string]map[string]string{
		"io.kubernetes.cri.sandbox-id is missing": {"io.kubernetes.cri.container-type": "container"},
		"neither sandbox nor container":           {"io.kubernetes.cri-o.ContainerType": "pod"},
		`container "not-there" does not exist`:    {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "not-there"},
		"only letters, digits":                    {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "../x"},
	} {
		p.fails(says, "run", "--bundle", p.bundle(func(s *specs.Spec) { s.Annotations = a }, "true"), id)
	}
	p.must("delete", "--force", p.first)
	p.fails("does not exist", "run", "--bundle", dir, id)
	p.nothingLeft()
}

// TestPodLimits: what one container may use is not what another may.
func TestPodLimits(t *testing.T) {
	p := newPod(t)
	limit, tasks := int64(32<<20), int64(3)
	small := func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}, Pids: &specs.LinuxPids{Limit: &tasks}}
	}
	id := p.start(ownPIDs, small, "sleep", "100000")
	if out := p.must("exec", id, "sh", "-c", "grep MemTotal /proc/meminfo"); strings.Join(strings.Fields(out), " ") != "MemTotal: 32768 kB" {
		t.Errorf("%q", out)
	}
	if out := p.must("exec", p.first, "grep", "MemTotal", "/proc/meminfo"); strings.Contains(out, " 32768 kB") {
		t.Errorf("the first: %q", out)
	}
	_, errs, status := p.runsc("exec", id, "sh", "-c", "sleep 5 & sleep 5 & sleep 5 & sleep 5")
	if status == 0 || !strings.Contains(errs, "fork") {
		t.Errorf("more tasks than allowed: status %d, %q", status, errs)
	}
	other := p.start(ownPIDs, nil, "sleep", "100000")
	// tmpfs counts, and dd is killed; who has no limit can have as much.
	if out, errs, status := p.runsc("exec", id, "dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=50"); status != 137 {
		t.Errorf("beyond the limit: status %d, %q, %q", status, out, errs)
	}
	p.must("exec", other, "dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=50")
	for _, id := range []string{p.first, other} {
		if s := p.state(id).Status; s != specs.StateRunning {
			t.Errorf("%s is %s", id, s)
		}
	}
	p.must("delete", "--force", p.first, id, other)
	p.nothingLeft()
}

// TestPodMemory: what the Sentry keeps counts for the container that made it. A segment
// does whoever made the namespace, and while its maker sleeps as well.
func TestPodMemory(t *testing.T) {
	p := newPod(t)
	limit := int64(64 << 20)
	dir := p.member(ownPIDs, func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	}, "sleep", "100000")
	addHog(t, dir)
	small, large := p.host.id(), p.host.id()
	p.background("run", "--detach", "--bundle", dir, small)
	free := p.member(ownPIDs, nil, "sleep", "100000")
	addHog(t, free)
	p.background("run", "--detach", "--bundle", free, large)
	for _, how := range []string{"sysv", "sockets", "pipes"} {
		if out := p.must("exec", small, "/hog", how); out != how+": killed\n" {
			t.Errorf("%q", out)
		}
	}
	maker := p.command("exec", small, "/hog", "make")
	said, err := maker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := maker.Start(); err != nil {
		t.Fatal(err)
	}
	if line := make([]byte, 5); true {
		if _, err := io.ReadFull(said, line); err != nil {
			t.Fatal(err)
		}
	}
	p.must("exec", large, "/hog", "fill")
	if err := maker.Wait(); maker.ProcessState.ExitCode() != 137 {
		t.Errorf("who made the segment: %v", err)
	}
	for _, id := range []string{p.first, small, large} {
		if s := p.state(id).Status; s != specs.StateRunning {
			t.Errorf("%s is %s", id, s)
		}
	}
	p.must("delete", "--force", p.first, small, large)
	p.nothingLeft()
}

// TestPodOrder: the first container's process is the pid namespace's init, so a member
// that shares it starts later.
func TestPodOrder(t *testing.T) {
	h := newHost(t)
	p := &pod{h, h.id()}
	h.background("create", "--bundle", h.bundle(func(s *specs.Spec) {
		s.Annotations = map[string]string{"io.kubernetes.cri.container-type": "sandbox"}
	}, "sleep", "100001"), p.first)
	id := h.id()
	dir := p.member(nil, nil, "sleep", "100000")
	h.background("create", "--bundle", dir, id)
	p.fails("container "+p.first+", whose pid namespace", "start", id)
	p.must("delete", id)
	h.background("create", "--bundle", dir, id)
	own := p.start(ownPIDs, nil, "sleep", "100000")
	p.must("start", p.first)
	p.must("start", id)
	if out := p.must("exec", p.first, "cat", "/proc/1/cmdline"); out != "sleep\x00100001\x00" {
		t.Errorf("process 1: %q", out)
	}
	p.must("delete", "--force", p.first, id, own)
	p.nothingLeft()
}

// TestPodRenames: two containers that move folders of one file system to and fro, one
// by the other's root, do not wait for each other.
func TestPodRenames(t *testing.T) {
	p := newPod(t)
	id := p.start(nil, nil, "sleep", "100000")
	p.must("exec", p.first, "mkdir", "-p", "/dev/shm/a/x/1", "/dev/shm/b/y/2")
	const script = "cd $1; i=0; while [ $i -lt 200 ]; do mv $2/$4 $3/ && mv $3/$4 $2/ || exit 1; i=$((i+1)); done"
	var both sync.WaitGroup
	for _, args := range [][]string{
		{"exec", p.first, "sh", "-c", script, "sh", "/dev/shm", "a", "b", "x"},
		{"exec", id, "sh", "-c", script, "sh", "/proc/1/root/dev/shm", "b", "a", "y"},
	} {
		both.Go(func() {
			if _, errs, status := p.runsc(args...); status != 0 {
				t.Errorf("status %d: %s", status, errs)
			}
		})
	}
	both.Wait()
	p.must("delete", "--force", p.first, id)
	p.nothingLeft()
}

// TestPodStrace: the calls of one container are told, not those of the others.
func TestPodStrace(t *testing.T) {
	p := newPod(t)
	busy := []string{"sh", "-c", "while :; do sleep 0.01; done"}
	a, b := p.start(ownPIDs, nil, busy...), p.start(nil, nil, "sh", "-c", "while :; do cat /etc/passwd; sleep 0.01; done")
	cmd := p.command("debug", "--strace=openat,nanosleep,clock_nanosleep", a)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 4096)
	if _, err := io.ReadFull(out, seen); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if s := string(seen); !strings.Contains(s, "nanosleep") || strings.Contains(s, "passwd") {
		t.Errorf("trace of one:\n%s", s)
	}
	p.must("delete", "--force", p.first, a, b)
	p.nothingLeft()
}

// TestPodStuck: a Sentry that does not answer does not keep its containers from being
// deleted.
func TestPodStuck(t *testing.T) {
	if os.Getenv("GLOVEBOX_FULL") == "" {
		t.Skip("waits for 30 s; in make test-full")
	}
	p := newPod(t)
	id := p.start(nil, nil, "sleep", "100000")
	if err := syscall.Kill(p.state(p.first).Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.must("delete", "--force", id)
	p.must("delete", "--force", p.first)
	p.nothingLeft()
}

// TestPodTerminal: job control on a terminal of a container beside the first.
func TestPodTerminal(t *testing.T) {
	p := newPod(t)
	dir := p.member(ownPIDs, func(s *specs.Spec) {
		s.Process.Terminal = true
		s.Process.ConsoleSize = &specs.Box{Height: 31, Width: 79}
	}, "sh")
	name, l := consoleSocket(t)
	id := p.host.id()
	p.background("run", "--detach", "--bundle", dir, "--console-socket", name, id)
	tty := watchPty(t, receiveFD(t, l))
	tty.send("stty size\n")
	tty.expect("31 79")
	tty.jobControl()
	eventually(t, "stopped", func() bool { return p.state(id).Status == specs.StateStopped })
	p.must("delete", "--force", id, p.first)
	p.nothingLeft()
}

// TestPodChurn: a sandbox in which many containers come and go keeps nothing of them.
func TestPodChurn(t *testing.T) {
	p := newPod(t)
	script := "head -c 100000 /dev/zero > /dev/shm/x; cat /bin/busybox > /dev/shm/y; chmod 755 /dev/shm/y; /dev/shm/y sleep 100 & exit 3"
	dir := p.member(ownPIDs, nil, "sh", "-c", script)
	shared := p.member(nil, nil, "sh", "-c", script)
	sentry := p.state(p.first).Pid
	held := func() (files []string) {
		dir := fmt.Sprintf("/proc/%d/fd", sentry)
		fds, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			name, _ := os.Readlink(filepath.Join(dir, fd.Name()))
			files = append(files, name)
		}
		return files
	}
	round := func() {
		for _, d := range []string{dir, shared} {
			if out, errs, status := p.runsc("run", "--bundle", d, p.host.id()); status != 3 {
				t.Fatalf("status %d, %q, %q", status, out, errs)
			}
		}
		tty, err := p.onPty("exec", "--tty", p.first, "sh", "-c", "echo by name > $(tty)")
		if err != nil {
			t.Fatalf("on a terminal: %v, %q", err, tty.output())
		}
		tty.expect("by name")
	}
	for range 5 {
		round()
	}
	before := held()
	most := len(before) + 8
	for range often(100, 15) {
		round()
	}
	end := time.Now().Add(10 * time.Second)
	for len(held()) > most && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond)
	}
	if after := held(); len(after) > most {
		t.Errorf("%d descriptors, and before %d:\n%s", len(after), len(before), strings.Join(after, "\n"))
	}
	p.must("delete", "--force", p.first)
	p.nothingLeft()
}

// TestPodPidFD: who was handed a descriptor of another container's process may look, but
// signals do not leave a pid namespace.
func TestPodPidFD(t *testing.T) {
	p := newPod(t)
	dir := p.member(ownPIDs, nil, "/pidfd", "receive")
	program := filepath.Join(dir, "rootfs", "pidfd")
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-D_GNU_SOURCE", "-o", program, "testdata/pidfd.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, shared := range []bool{false, true} {
		own, want := ownPIDs, "Invalid argument\n"
		if shared {
			own, want = nil, "killed\n"
		}
		p.edit(dir, func(s *specs.Spec) {
			s.Linux.Namespaces = s.Linux.Namespaces[:1]
			for _, n := range own {
				s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: n})
			}
		})
		sender := p.member(own, nil, "/pidfd", "send")
		if err := os.Link(program, filepath.Join(sender, "rootfs", "pidfd")); err != nil {
			t.Fatal(err)
		}
		id := p.host.id()
		p.background("run", "--detach", "--bundle", sender, id)
		if out, errs, status := p.runsc("run", "--bundle", dir, p.host.id()); out != want || status != 0 {
			t.Errorf("shared %v: status %d, %q, %q, want %q", shared, status, out, errs, want)
		}
		p.must("delete", "--force", id)
	}
	p.must("delete", "--force", p.first)
	p.nothingLeft()
}
