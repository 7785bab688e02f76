package cgroup

import (
	"testing"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		systemd                  bool
		path                     string
		parent, prefix, name, at string
		wrong                    bool
	}{
		{path: "/a/b", at: "/a/b"},
		{path: "", name: "id"},
		{systemd: true, path: "s.slice:p:n", parent: "s.slice", prefix: "p", name: "n"},
		{systemd: true, path: ":p:n", parent: "system.slice", prefix: "p", name: "n"},
		{systemd: true, path: "", parent: "system.slice", prefix: "runsc", name: "id"},
		{systemd: true, path: "/a/b", wrong: true},
	} {
		g := cgroups.Cgroup{Systemd: c.systemd}
		err := place(&g, c.path, "id")
		if (err != nil) != c.wrong {
			t.Errorf("%+v: %v", c, err)
		}
		if !c.wrong && (g.Parent != c.parent || g.ScopePrefix != c.prefix || g.Name != c.name || g.Path != c.at) {
			t.Errorf("%+v: %+v", c, g)
		}
	}
}

func TestResources(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	r, err := resources(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: n(1 << 30), Swap: n(-1)}, Pids: &specs.LinuxPids{Limit: n(0)},
	})
	if err != nil || r.Memory != 1<<30+MoreMemory || r.MemorySwap != -1 || *r.PidsLimit != -1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := resources(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: n(100), Swap: n(99)}}); err == nil {
		t.Error("swap is less than the limit")
	}
	kept := new(cgroups.Resources)
	merge(kept, r)
	if kept.Memory != r.Memory || kept.PidsLimit != r.PidsLimit {
		t.Errorf("%+v", kept)
	}
	if Wanted(&specs.Linux{Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}}) || Wanted(nil) || !Wanted(&specs.Linux{CgroupsPath: "/x"}) {
		t.Error("Wanted")
	}
}
