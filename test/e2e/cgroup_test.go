package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// controller returns the directory of a cgroup in a v1 hierarchy of this machine.
func controller(t *testing.T, name, path string) string {
	t.Helper()
	root := filepath.Join("/sys/fs/cgroup", name)
	f, err := os.CreateTemp(root, "")
	if os.IsNotExist(err) || os.Getuid() != 0 {
		t.Skipf("host feature missing: cgroup v1 %s, writable", name)
	}
	if err == nil {
		f.Close()
	}
	return filepath.Join(root, path)
}

// word reads a file of one word.
func word(t *testing.T, name ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(name...))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// filled reports whether there is something in a file.
func filled(name string) bool {
	b, err := os.ReadFile(name)
	return err == nil && len(b) > 0
}

// TestCgroups: both processes are in the group that the bundle names, with limits
// that leave the runtime some more, and the container has its own.
func TestCgroups(t *testing.T) {
	h := newHost(t)
	id := h.id()
	path := "/glovebox-e2e/" + id
	mem, pids, cpu := controller(t, "memory", path), controller(t, "pids", path), controller(t, "cpu", path)
	t.Cleanup(func() {
		for _, dir := range []string{mem, pids, cpu} {
			_ = os.Remove(filepath.Dir(dir))
		}
	})
	limit, tasks, quota, period, shares := int64(64<<20), int64(12), int64(50000), uint64(100000), uint64(512)
	dir := h.bundle(func(s *specs.Spec) {
		s.Linux.CgroupsPath = path
		s.Linux.Resources = &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: &limit}, Pids: &specs.LinuxPids{Limit: &tasks},
			CPU: &specs.LinuxCPU{Quota: &quota, Period: &period, Shares: &shares, Cpus: "0"},
		}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid"}})
	}, "sleep", "100000")
	h.background("create", "--bundle", dir, id)
	sandbox := strconv.Itoa(h.state(id).Pid)
	for _, d := range []string{mem, pids, cpu} {
		procs := strings.Fields(word(t, d, "cgroup.procs"))
		found := false
		for _, p := range procs {
			found = found || p == sandbox
		}
		// The Sentry, its template, a stub that is ready, and the gofer.
		if !found || len(procs) < 4 {
			t.Errorf("%s: processes %v, want %s and the others", d, procs, sandbox)
		}
	}
	check := func(want int64, name ...string) {
		t.Helper()
		if got := word(t, name...); got != strconv.FormatInt(want, 10) {
			t.Errorf("%s is %s, want %d", filepath.Join(name...), got, want)
		}
	}
	check(limit+128<<20, mem, "memory.limit_in_bytes")
	check(tasks+1024, pids, "pids.max")
	check(quota, cpu, "cpu.cfs_quota_us")
	check(512, cpu, "cpu.shares")
	h.must("start", id)
	if out := h.must("exec", id, "sh", "-c", "grep MemTotal /proc/meminfo; nproc"); out != "MemTotal:          65536 kB\n1\n" {
		t.Errorf("inside: %q", out)
	}
	shown := "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpu.weight; grep -c . cgroup.procs; stat -fc %t .; mkdir x"
	if out, errs, _ := h.runsc("exec", id, "sh", "-c", shown); out != "67108864\n12\n50000 100000\n20\n3\n63677270\n" ||
		!strings.Contains(errs, "Read-only file system") {
		t.Errorf("inside: %q, %q", out, errs)
	}
	// Eleven more than there are.
	fork := "n=0; while [ $n -lt 20 ]; do sleep 100 >/dev/null 2>&1 & n=$((n+1)); done; wait"
	if _, errs, status := h.runsc("exec", id, "sh", "-c", fork); status == 0 || !strings.Contains(errs, "can't fork: Resource temporarily unavailable") {
		t.Errorf("20 tasks: status %d, %q", status, errs)
	}
	h.must("exec", id, "sh", "-c", "kill -9 -1; true")
	h.must("update", "--pids-limit", "100", "--memory", "134217728", "--cpu-share", "256", id)
	check(128<<20+128<<20, mem, "memory.limit_in_bytes")
	check(100+1024, pids, "pids.max")
	check(256, cpu, "cpu.shares")
	check(quota, cpu, "cpu.cfs_quota_us")
	if out := h.must("exec", id, "sh", "-c", "grep MemTotal /proc/meminfo; n=0; while [ $n -lt 20 ]; do sleep 100 >/dev/null 2>&1 & n=$((n+1)); done"); out != "MemTotal:         131072 kB\n" {
		t.Errorf("after update: %q", out)
	}
	cmd := h.command("update", "--resources", "-", id)
	cmd.Stdin = strings.NewReader(`{"cpu": {"quota": 70000}}`)
	if _, errs, status := h.finish(cmd); status != 0 {
		t.Error(errs)
	}
	check(70000, cpu, "cpu.cfs_quota_us")
	if out := h.must("exec", id, "cat", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/memory.max"); out != "70000 100000\n134217728\n" {
		t.Errorf("inside: %q", out)
	}
	check(100+1024, pids, "pids.max")
	h.fails("cpu.cpus", "update", "--cpuset-cpus", "many", id)
	h.must("delete", "--force", id)
	for _, d := range []string{mem, pids, cpu} {
		if _, err := os.Stat(d); err == nil {
			t.Errorf("left: %s", d)
		}
	}
	// By run, and where it fails.
	h.edit(dir, func(s *specs.Spec) { s.Process.Args = []string{"grep", "MemTotal", "/proc/meminfo"} })
	if out := h.must("run", "--bundle", dir, id); out != "MemTotal:          65536 kB\n" {
		t.Errorf("run: %q", out)
	}
	h.edit(dir, func(s *specs.Spec) { s.Linux.Resources.CPU.Cpus = "100-200" })
	h.fails("linux.resources", "run", "--bundle", dir, id)
	if out := h.must("--ignore-cgroups", "run", "--bundle", dir, id); !strings.HasPrefix(out, "MemTotal") {
		t.Errorf("--ignore-cgroups: %q", out)
	}
	if _, err := os.Stat(mem); err == nil {
		t.Errorf("left: %s", mem)
	}
	h.nothingLeft()
}

// TestSharedCgroup: a group with processes is nobody's to limit or to remove, and how
// a program ended is known even if its group cannot be removed.
func TestSharedCgroup(t *testing.T) {
	h := newHost(t)
	path := "/glovebox-e2e/" + h.id()
	pids := controller(t, "pids", path)
	t.Cleanup(func() {
		all, _ := filepath.Glob("/sys/fs/cgroup/*/glovebox-e2e")
		for _, dir := range all {
			_ = os.Remove(dir)
		}
	})
	in := func(path string) string {
		return h.bundle(func(s *specs.Spec) { s.Linux.CgroupsPath = path }, "sh", "-c", "sleep 1; exit 7")
	}
	dir, first := in(path), h.id()
	h.background("create", "--bundle", dir, first)
	h.fails(`linux.cgroupsPath: "`+path+`" has processes already`, "run", "--bundle", dir, h.id())
	h.must("delete", "--force", first)
	h.fails(`linux.cgroupsPath: "/" is the host's root group`, "run", "--bundle", in("/"), h.id())

	cmd := h.command("run", "--bundle", dir, h.id())
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is in its group", func() bool { return filled(filepath.Join(pids, "cgroup.procs")) })
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Wait()
	defer sleep.Process.Kill()
	if err := os.WriteFile(filepath.Join(pids, "cgroup.procs"), []byte(strconv.Itoa(sleep.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 7 || !strings.Contains(said.String(), "its control group is left") {
		t.Errorf("status %d, %q", status, said.String())
	}
	_ = sleep.Process.Kill()
	_ = sleep.Wait()
	h.must("delete", "--force", filepath.Base(cmd.Args[len(cmd.Args)-1]))
	h.nothingLeft()
}

// addHog adds /hog, test/guest/hog.c, to the root of a bundle.
func addHog(t *testing.T, dir string) {
	t.Helper()
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-o", filepath.Join(dir, "rootfs", "hog"), "../guest/hog.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestOutOfMemory: a process that takes more than the container may have is killed, the
// container lives and says so (test/guest/hog.c).
func TestOutOfMemory(t *testing.T) {
	h := newHost(t)
	id := h.id()
	path := "/glovebox-e2e/" + id
	group := controller(t, "memory", path)
	t.Cleanup(func() { _ = os.Remove(filepath.Dir(group)) })
	limit := int64(64 << 20)
	dir := h.bundle(func(s *specs.Spec) {
		s.Linux.CgroupsPath = path
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	}, "sleep", "100000")
	addHog(t, dir)
	h.background("run", "--detach", "--bundle", dir, id)
	events := make(chan string, 1)
	go func() {
		out, _, _ := h.finish(h.command("events", "--interval", "50ms", id))
		events <- out
	}()
	for _, how := range []string{"private", "populate", "shared", "children", "tmpfs", "sysv", "sockets"} {
		if out := h.must("exec", id, "/hog", how); out != how+": killed\n" {
			t.Errorf("%s: %q", how, out)
		}
	}
	if out := h.must("exec", id, "sh", "-c", "test $(dmesg | grep -c 'out of memory: Killed process .* (hog)') -ge 5 && awk '/oom_kill /{print ($2 >= 5)}' /sys/fs/cgroup/memory.events"); out != "1\n" {
		t.Errorf("the log and memory.events: %q", out)
	}
	// The limit can be raised.
	h.must("update", "--memory", strconv.Itoa(1<<30), id)
	if out, _, _ := h.runsc("exec", id, "/hog", "private"); out != "private: status 0\n" {
		t.Errorf("with more memory: %q", out)
	}
	h.must("delete", "--force", id)
	if out := <-events; !strings.Contains(out, fmt.Sprintf(`{"type":"oom","id":%q}`, id)) {
		t.Errorf("events: %q", out)
	}
	h.nothingLeft()
}
