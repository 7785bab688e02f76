package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const cgroups = "/sys/fs/cgroup"

// unified reports whether the host has the second version of control groups, and for
// everything.
func unified() bool {
	_, err := os.Stat(cgroups + "/cgroup.controllers")
	return err == nil
}

// controller returns the directory of a cgroup in a hierarchy of this machine.
func controller(t *testing.T, name, path string) string {
	t.Helper()
	if unified() {
		name = ""
	}
	if os.Getuid() != 0 || unix.Access(filepath.Join(cgroups, name, "cgroup.procs"), unix.W_OK) != nil {
		t.Skipf("host feature missing: control groups with %s, writable", name)
	}
	return filepath.Join(cgroups, name, path)
}

// limits are the files of the host's groups that show limits, and what they show.
type limits struct {
	memory, pids, quota, weight string
	// showQuota is for microseconds in 100,000, showShares for cpu.shares.
	showQuota, showShares func(n int64) string
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// limitsHere are those of this machine, for path.
func limitsHere(t *testing.T, path string) limits {
	if unified() {
		dir := controller(t, "", path)
		return limits{
			dir + "/memory.max", dir + "/pids.max", dir + "/cpu.max", dir + "/cpu.weight",
			func(n int64) string { return number(n) + " 100000" },
			// As github.com/opencontainers/cgroups converts them.
			func(n int64) string { return map[int64]string{256: "35", 512: "59"}[n] },
		}
	}
	return limits{
		controller(t, "memory", path) + "/memory.limit_in_bytes", controller(t, "pids", path) + "/pids.max",
		controller(t, "cpu", path) + "/cpu.cfs_quota_us", controller(t, "cpu", path) + "/cpu.shares", number, number,
	}
}

// dirs are the folders of the files.
func (l *limits) dirs() []string {
	return []string{filepath.Dir(l.memory), filepath.Dir(l.pids), filepath.Dir(l.quota)}
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
	host := limitsHere(t, path)
	t.Cleanup(func() {
		for _, dir := range host.dirs() {
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
	for _, d := range host.dirs() {
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
	check := func(want, name string) {
		t.Helper()
		if got := word(t, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	check(number(limit+128<<20), host.memory)
	check(number(tasks+1024), host.pids)
	check(host.showQuota(quota), host.quota)
	check(host.showShares(512), host.weight)
	h.must("start", id)
	if out := h.must("exec", id, "sh", "-c", "grep MemTotal /proc/meminfo; nproc"); out != "MemTotal:          65536 kB\n1\n" {
		t.Errorf("inside: %q", out)
	}
	shown := "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpu.weight; grep -c . cgroup.procs; stat -fc %t .; mkdir x"
	if out, errs, _ := h.runsc("exec", id, "sh", "-c", shown); out != "67108864\n12\n50000 100000\n59\n3\n63677270\n" ||
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
	check(number(128<<20+128<<20), host.memory)
	check(number(100+1024), host.pids)
	check(host.showShares(256), host.weight)
	check(host.showQuota(quota), host.quota)
	if out := h.must("exec", id, "sh", "-c", "grep MemTotal /proc/meminfo; n=0; while [ $n -lt 20 ]; do sleep 100 >/dev/null 2>&1 & n=$((n+1)); done"); out != "MemTotal:         131072 kB\n" {
		t.Errorf("after update: %q", out)
	}
	cmd := h.command("update", "--resources", "-", id)
	cmd.Stdin = strings.NewReader(`{"cpu": {"quota": 70000}}`)
	if _, errs, status := h.finish(cmd); status != 0 {
		t.Error(errs)
	}
	check(host.showQuota(70000), host.quota)
	if out := h.must("exec", id, "cat", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/memory.max"); out != "70000 100000\n134217728\n" {
		t.Errorf("inside: %q", out)
	}
	check(number(100+1024), host.pids)
	h.fails("cpu.cpus", "update", "--cpuset-cpus", "many", id)
	h.must("delete", "--force", id)
	for _, d := range host.dirs() {
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
	if _, err := os.Stat(host.memory); err == nil {
		t.Errorf("left: %s", host.memory)
	}
	h.nothingLeft()
}

// TestSystemd: the group is a scope that systemd makes, with limits that update changes.
func TestSystemd(t *testing.T) {
	if _, err := os.Stat("/run/systemd/private"); err != nil || !unified() {
		t.Skip("host feature missing: systemd with unified control groups")
	}
	h := newHost(t)
	limit, tasks, quota, period := int64(64<<20), int64(12), int64(50000), uint64(100000)
	for _, c := range []struct{ path, dir string }{
		{"system.slice:e2e:ID", "/system.slice/e2e-ID.scope"},
		{"", "/system.slice/runsc-ID.scope"},
		{"e2e-nest.slice:runsc:ID", "/e2e.slice/e2e-nest.slice/runsc-ID.scope"},
	} {
		id := h.id()
		dir := cgroups + strings.ReplaceAll(c.dir, "ID", id)
		b := h.bundle(func(s *specs.Spec) {
			s.Linux.CgroupsPath = strings.ReplaceAll(c.path, "ID", id)
			s.Linux.Resources = &specs.LinuxResources{
				Memory: &specs.LinuxMemory{Limit: &limit}, Pids: &specs.LinuxPids{Limit: &tasks}, CPU: &specs.LinuxCPU{Quota: &quota, Period: &period},
			}
		}, "sleep", "100000")
		h.background("--systemd-cgroup", "create", "--bundle", b, id)
		if all := strings.Fields(word(t, dir, "cgroup.procs")); len(all) < 4 || !slices.Contains(all, strconv.Itoa(h.state(id).Pid)) {
			t.Errorf("%s: processes %v", dir, all)
		}
		for name, want := range map[string]string{
			"memory.max": number(limit + 128<<20), "pids.max": number(tasks + 1024), "cpu.max": "50000 100000",
		} {
			if got := word(t, dir, name); got != want {
				t.Errorf("%s/%s is %s, want %s", dir, name, got, want)
			}
		}
		h.must("start", id)
		if out := h.must("exec", id, "grep", "MemTotal", "/proc/meminfo"); strings.Join(strings.Fields(out), " ") != "MemTotal: 65536 kB" {
			t.Errorf("inside: %q", out)
		}
		h.must("--systemd-cgroup", "update", "--memory", number(limit*2), id)
		if got := word(t, dir, "memory.max"); got != number(limit*2+128<<20) {
			t.Errorf("after update: %s", got)
		}
		h.must("delete", "--force", id)
		eventually(t, dir+" is gone", func() bool { _, err := os.Stat(dir); return err != nil })
	}
	h.fails("want slice:prefix:name", "--systemd-cgroup", "run", "--bundle",
		h.bundle(func(s *specs.Spec) { s.Linux.CgroupsPath = "/not/a/scope" }, "true"), h.id())
	h.nothingLeft()
}

// TestSharedCgroup: a group with processes is nobody's to limit or to remove, and how
// a program ended is known even if its group cannot be removed.
func TestSharedCgroup(t *testing.T) {
	h := newHost(t)
	path := "/glovebox-e2e/" + h.id()
	pids := controller(t, "pids", path)
	t.Cleanup(func() {
		all, _ := filepath.Glob(cgroups + "/*/glovebox-e2e")
		for _, dir := range append(all, cgroups+"/glovebox-e2e") {
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
