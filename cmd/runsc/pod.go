package main

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/oci/container"
	"glovebox/oci/sandbox"
)

// findPod finds the container in whose sandbox this one is to be, if its annotations
// name one, or its network is that one's.
func (l *launch) findPod() (err error) {
	if l.b.SandboxID == "" {
		if l.netns, err = l.openNetwork(); err != nil {
			return err
		}
	}
	if l.b.SandboxID == "" {
		return nil
	}
	p, err := container.Open(l.root, l.b.SandboxID)
	if err == nil && p.SandboxID != "" {
		err = fmt.Errorf("container %q is in the sandbox of %q itself", p.ID, p.SandboxID)
	}
	if err == nil && p.Now() != specs.StateRunning && p.Now() != statePaused && p.Now() != specs.StateCreated {
		err = notRunning(p)
	}
	if err != nil {
		return fmt.Errorf("config.json: annotations: the sandbox to be in: %w", err)
	}
	l.pod = p
	for t, id := range map[specs.LinuxNamespaceType]*string{
		specs.PIDNamespace: &l.b.Boot.Join.PID, specs.IPCNamespace: &l.b.Boot.Join.IPC, specs.UTSNamespace: &l.b.Boot.Join.UTS,
	} {
		if path, ok := l.b.Shared[t]; ok {
			*id = l.sharer(string(t), path)
		}
	}
	return nil
}

// sharer is the container of the pod whose namespace is at path: the first, unless the
// path is by way of another's process.
func (l *launch) sharer(kind, path string) string {
	pid, ok := strings.CutSuffix(strings.TrimPrefix(path, "/proc/"), "/ns/"+kind)
	n, err := strconv.Atoi(pid)
	all, _, lerr := container.List(l.root)
	if !ok || err != nil || lerr != nil {
		return l.pod.ID
	}
	for _, c := range all {
		if c.SandboxID == l.pod.ID && c.Gofer.PID == n && c.Now() == specs.StateRunning {
			return c.ID
		}
	}
	return l.pod.ID
}

// startSandbox makes the container's processes: a gofer, and a Sentry unless there is
// one already.
func (l *launch) startSandbox() (*sandbox.Sandbox, error) {
	if l.pod == nil {
		return sandbox.Start(l.o)
	}
	client, err := reach(l.pod)
	if err != nil {
		return nil, unreached(l.pod, err)
	}
	client.Container = l.c.ID
	return sandbox.Join(l.o, client)
}
