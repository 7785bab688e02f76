// Package cgroup puts a sandbox's processes into the control groups of the host
// that a bundle asks for, and sets their limits: v1, v2 and hybrid, by cgroupfs or
// systemd (runtime-spec, config-linux.md, "Control groups").
//
// Limits on tasks and memory are the Sentry's to enforce on the container's own.
// What the host counts is the runtime's threads and memory as well, so the host's
// limits, the backstop, are higher by some.
package cgroup

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
)

// What the runtime itself may need of the host beyond a container's limits. Every
// guest thread is one of the host's too; the rest are the Sentry's and the gofer's.
const (
	moreTasks  = 1024
	MoreMemory = 128 << 20 // bytes
)

// A State is what is remembered of a container's group.
type State struct {
	Config cgroups.Cgroup    `json:"config"`
	Paths  map[string]string `json:"paths"`
}

// A Group is a container's.
type Group struct{ m cgroups.Manager }

// Wanted reports whether a container has a group of its own: one that names none
// and has no limits stays where its caller is.
func Wanted(l *specs.Linux) bool {
	return l != nil && (l.CgroupsPath != "" || l.Resources != nil && limited(l.Resources))
}

func limited(r *specs.LinuxResources) bool {
	return r.Memory != nil || r.CPU != nil || r.Pids != nil || r.BlockIO != nil || len(r.HugepageLimits) > 0 ||
		r.Network != nil || len(r.Rdma) > 0 || len(r.Unified) > 0
}

// New describes the group of container id. Nothing exists until Add.
func New(l *specs.Linux, id string, systemd bool) (*Group, error) {
	c := cgroups.Cgroup{Systemd: systemd, Rootless: os.Geteuid() != 0}
	if err := place(&c, l.CgroupsPath, id); err != nil {
		return nil, err
	}
	var err error
	if c.Resources, err = resources(l.Resources); err != nil {
		return nil, err
	}
	return open(&c, nil)
}

// Load returns the group that a State is of.
func Load(s *State) (*Group, error) {
	c := s.Config
	if c.Resources == nil {
		c.Resources = new(cgroups.Resources)
	}
	return open(&c, s.Paths)
}

func open(c *cgroups.Cgroup, paths map[string]string) (*Group, error) {
	// The library's messages come back as errors as well.
	logrus.SetOutput(io.Discard)
	m, err := manager.NewWithPaths(c, paths)
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	return &Group{m}, nil
}

// place says where the group is.
func place(c *cgroups.Cgroup, path, id string) error {
	if !c.Systemd {
		c.Path = path
		if path == "" {
			c.Name = id
		} else if filepath.Clean("/"+path) == "/" {
			return fmt.Errorf("linux.cgroupsPath: %q is the host's root group", path)
		}
		return nil
	}
	c.Parent, c.ScopePrefix, c.Name = "system.slice", "runsc", id
	if c.Rootless {
		c.Parent = "user.slice"
	}
	if path == "" {
		return nil
	}
	parts := strings.Split(path, ":")
	if len(parts) != 3 {
		return fmt.Errorf("linux.cgroupsPath: %q: with --systemd-cgroup, want slice:prefix:name", path)
	}
	if parts[0] != "" {
		c.Parent = parts[0]
	}
	c.ScopePrefix, c.Name = parts[1], parts[2]
	return nil
}

// Free returns an error if there are processes in the group: limits would be theirs
// as well, and it could not be removed.
func (g *Group) Free() error {
	if !g.m.Exists() {
		return nil
	}
	pids, err := g.m.GetAllPids()
	if err != nil {
		return fmt.Errorf("linux.cgroupsPath: %w", err)
	}
	if len(pids) > 0 {
		c, err := g.m.GetCgroups()
		if err != nil {
			return err
		}
		return fmt.Errorf("linux.cgroupsPath: %q has processes already (%d): a container needs a group of its own", c.Path, pids[0])
	}
	return nil
}

// Add makes the group if it is not there, sets its limits, and moves processes into
// it. An ordinary user who may not gets ErrRefused, and can go on without.
func (g *Group) Add(pids ...int) error {
	for i, pid := range pids {
		err := error(nil)
		if i == 0 {
			err = g.m.Apply(pid)
		} else {
			err = g.m.AddPid("", pid)
		}
		if errors.Is(err, cgroups.ErrRootless) || err != nil && os.Geteuid() != 0 && errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if err != nil {
			return fmt.Errorf("linux.cgroupsPath, linux.resources: %w", err)
		}
	}
	c, err := g.m.GetCgroups()
	if err == nil {
		err = g.m.Set(c.Resources)
	}
	if err != nil {
		return fmt.Errorf("linux.resources: %w", err)
	}
	return nil
}

// ErrRefused says that the host lets this user have no group.
var ErrRefused = errors.New("no permission for a control group")

// Update changes the limits that r sets.
func (g *Group) Update(r *specs.LinuxResources) error {
	now, err := g.m.GetCgroups()
	if err != nil {
		return err
	}
	n, err := resources(r)
	if err != nil {
		return err
	}
	n.SkipFreezeOnSet = true
	merge(n, now.Resources)
	if err := g.m.Set(n); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	now.Resources = n
	return nil
}

// merge keeps what an update says nothing of.
func merge(n, old *cgroups.Resources) {
	if old == nil {
		return
	}
	if n.Memory == 0 && n.MemorySwap == 0 {
		n.Memory, n.MemorySwap = old.Memory, old.MemorySwap
	}
	if n.PidsLimit == nil {
		n.PidsLimit = old.PidsLimit
	}
}

// State returns what Load takes.
func (g *Group) State() (*State, error) {
	c, err := g.m.GetCgroups()
	if err != nil {
		return nil, err
	}
	return &State{Config: *c, Paths: g.m.GetPaths()}, nil
}

// Destroy removes the group, whose processes have ended. One that is gone is fine.
func (g *Group) Destroy() error {
	if err := g.m.Destroy(); err != nil {
		return fmt.Errorf("its control group is left: %w", err)
	}
	return nil
}

// higher is a limit of the host's for one of the container's; -1 is none.
func higher(n, by int64) int64 {
	if n <= 0 || n > math.MaxInt64-by {
		return n
	}
	return n + by
}
