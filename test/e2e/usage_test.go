package e2e

import (
	"encoding/json"
	"regexp"
	"runtime"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A usage is what `runsc usage --format json` says.
type usage struct {
	ID     string
	Memory struct{ Anonymous, Shared, Files, Kernel, Total, Limit uint64 }
	CPU    struct{ User, System, Total int64 }
	Sentry *struct {
		Heap, Runtime          uint64
		Goroutines, Containers int
	}
	Processes, Threads int
	OOMKills           int64
}

func (h *host) usage(id string, flags ...string) (u usage) {
	h.t.Helper()
	args := append(append([]string{"usage", "--format", "json"}, flags...), id)
	if err := json.Unmarshal([]byte(h.must(args...)), &u); err != nil {
		h.t.Fatal(err)
	}
	return u
}

// TestUsage: memory is counted as what it is, and is given back.
func TestUsage(t *testing.T) {
	h := newHost(t)
	limit := int64(256 << 20)
	id := h.sleeper(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	})
	before := h.usage(id)
	if before.ID != id || before.Processes != 1 || before.Threads != 1 || before.Memory.Limit != uint64(limit) || before.Sentry != nil {
		t.Errorf("%+v", before)
	}
	const written, filled = 8 << 20, 8 << 20
	h.must("exec", id, "dd", "if=/dev/zero", "of=/dev/shm/f", "bs=1M", "count=8")
	h.background("exec", "--detach", id, "sh", "-c", "x=$(head -c 8388608 /dev/zero | tr '\\0' x); sleep 100002; :")
	var u usage
	eventually(t, "the shell has its variable", func() bool {
		u = h.usage(id)
		return u.Memory.Anonymous >= before.Memory.Anonymous+filled && u.Processes == 3
	})
	m := u.Memory
	if m.Files < before.Memory.Files+written || m.Files > before.Memory.Files+written+1<<20 {
		t.Errorf("files: %d bytes, before %d", m.Files, before.Memory.Files)
	}
	if m.Total != m.Anonymous+m.Shared+m.Files+m.Kernel || m.Total > m.Limit || u.CPU.Total != u.CPU.User+u.CPU.System || u.CPU.Total <= 0 {
		t.Errorf("%+v", u)
	}
	if out := h.must("exec", id, "grep", "^shmem ", "/sys/fs/cgroup/memory.stat"); out < "shmem 8388608\n" || len(out) != len("shmem 8388608\n") {
		t.Errorf("memory.stat: %q", out)
	}
	h.must("exec", id, "rm", "/dev/shm/f")
	if m := h.usage(id).Memory; m.Files > before.Memory.Files+1<<20 {
		t.Errorf("afterwards there are files of %d bytes", m.Files)
	}
	if s := h.usage(id, "--full").Sentry; s == nil || s.Heap == 0 || s.Runtime < s.Heap || s.Goroutines == 0 || s.Containers != 1 {
		t.Errorf("the Sentry: %+v", s)
	}
	if out := h.must("usage", id); !regexp.MustCompile(`(?m)^memory +\d+\.\d [KM]iB$`).MatchString(out) || !strings.Contains(out, "256.0 MiB") {
		t.Errorf("for people:\n%s", out)
	}
	h.fails("neither table nor json", "usage", "--format", "xml", id)
	h.must("delete", "--force", id)
	h.fails("does not exist", "usage", id)
	h.nothingLeft()
}

// TestPodProcessors: each container sees the number of processors that it may use,
// wherever programs look.
func TestPodProcessors(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("host feature missing: two processors")
	}
	p := newPod(t)
	const look = `nproc; grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat; ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l; cat /sys/devices/system/cpu/online; ` +
		`grep Cpus_allowed_list /proc/self/status | cut -f 2; taskset 2 true 2>/dev/null; echo $?`
	one := p.start(ownPIDs, func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0"}}
	}, "sleep", "100000")
	if out := p.must("exec", one, "sh", "-c", look); out != "1\n1\n1\n1\n0\n0\n1\n" {
		t.Errorf("of one processor: %q", out)
	}
	natively := p.must("exec", p.first, "sh", "-c", look)
	if lines := strings.Fields(natively); lines[0] == "1" || lines[0] != lines[1] || lines[1] != lines[2] || lines[2] != lines[3] || lines[4] != lines[5] || lines[6] != "0" {
		t.Errorf("of all: %q", natively)
	}
	p.must("delete", "--force", one)
	p.must("delete", "--force", p.first)

	// The other way round: the first one has less.
	first := p.host.id()
	p.background("--ignore-cgroups", "run", "--detach", "--bundle", p.bundle(func(s *specs.Spec) {
		s.Annotations = map[string]string{"io.kubernetes.cri.container-type": "sandbox"}
		s.Linux.Resources = &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0"}}
	}, "sleep", "100000"), first)
	p.first = first
	all := p.start(ownPIDs, nil, "sleep", "100000")
	if out := p.must("exec", first, "nproc"); out != "1\n" {
		t.Errorf("the first: %q", out)
	}
	if out := p.must("exec", all, "sh", "-c", look); out != natively {
		t.Errorf("beside one of one processor: %q, want %q", out, natively)
	}
	p.must("delete", "--force", all)
	p.must("delete", "--force", first)
	p.nothingLeft()
}
