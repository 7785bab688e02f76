package main

import (
	"errors"
	"fmt"

	"glovebox/oci/cgroup"
	"glovebox/oci/container"
)

// placement has the sandbox put into the control group that the bundle asks for.
func (l *launch) placement() (err error) {
	linux := l.b.Spec.Linux
	if !cgroup.Wanted(linux) {
		return nil
	}
	if l.ignoreCgroups {
		l.log.warnf("config.json: linux.cgroupsPath, linux.resources: the host's control groups are left alone: --ignore-cgroups")
		return nil
	}
	if l.group, err = cgroup.New(linux, l.c.ID, l.systemdCgroup); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	if l.detach && !l.group.MemoryShared() {
		// Who has detached it looks there for what happened.
		l.o.Boot.HostHeadroom = cgroup.MoreMemory
	}
	l.o.Place = func(pids ...int) error {
		if err := l.group.Free(); err != nil {
			l.group = nil // it is not ours to remove
			return fmt.Errorf("config.json: %w", err)
		}
		err := l.group.Add(pids...)
		if errors.Is(err, cgroup.ErrRefused) {
			l.log.warnf("config.json: linux.resources: ignored by the host: %v", err)
			l.group = nil
			return nil
		}
		return err
	}
	return nil
}

// dropGroup removes a container's control group. Its processes have ended.
func (g *globals) dropGroup(c *container.Container) error {
	if c.Cgroup == nil {
		return nil
	}
	group, err := cgroup.Load(c.Cgroup)
	if err == nil {
		err = group.Destroy()
	}
	if err != nil {
		return fmt.Errorf("container %q: %w", c.ID, err)
	}
	return nil
}
