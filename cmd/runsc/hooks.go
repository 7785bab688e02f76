package main

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/oci/container"
	"glovebox/oci/hooks"
)

// createHooks runs the hooks that prepare a container's namespaces. All of them
// run in the host's: the container's mount namespace has no programs that a
// createContainer hook could be one of.
func (l *launch) createHooks() error {
	h := l.b.Spec.Hooks
	if h == nil {
		return nil
	}
	st := l.c.OCI()
	st.Status, st.Pid = specs.StateCreating, l.s.PID()
	for _, step := range []struct {
		name  string
		hooks []specs.Hook
	}{
		//lint:ignore SA1019 Docker sets prestart
		{"prestart", h.Prestart}, {"createRuntime", h.CreateRuntime}, {"createContainer", h.CreateContainer},
	} {
		if err := hooks.Run(step.name, step.hooks, &st); err != nil {
			return err
		}
	}
	return nil
}

// poststart runs the hooks for a container that runs. One that fails is warned
// about: the container goes on.
func (g *globals) poststart(c *container.Container) {
	if c.Hooks == nil {
		return
	}
	st := c.OCI()
	// A program that has ended already did run.
	st.Status, st.Pid = specs.StateRunning, c.HostProcess().PID
	g.each("poststart", c.Hooks.Poststart, &st)
}

// poststop runs the hooks for a container that is gone.
func (g *globals) poststop(c *container.Container) {
	if c.Hooks == nil {
		return
	}
	st := c.OCI()
	st.Status, st.Pid = specs.StateStopped, 0
	g.each("poststop", c.Hooks.Poststop, &st)
}

// each runs all hooks, whether one fails or not.
func (g *globals) each(name string, list []specs.Hook, st *specs.State) {
	if err := hooks.RunAll(name, list, st); err != nil {
		g.log.warnf("%v", err)
	}
}
