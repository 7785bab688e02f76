package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/control"
	"glovebox/oci/container"
	"glovebox/oci/network"
)

// openNetwork opens the network namespace of the bundle that its sandbox is to be in: one
// by path; nil for a new one. The caller's own it is in only if its sockets are to be the
// host's. A namespace that a container has is that one's sandbox: two kernels cannot both
// answer there, so this container becomes one more in it.
func (l *launch) openNetwork() (*os.File, error) {
	if l.network == "none" {
		return nil, nil
	}
	f, own, err := l.namespace()
	if err != nil || f == nil && !own {
		return nil, err
	}
	if own {
		if l.ownNetwork = l.network == "host"; !l.ownNetwork {
			// The host's interfaces stay the host's.
			l.log.warnf("config.json: the network is the host's: with --network=%s there is only a loopback interface, with --network=host the host's sockets", l.network)
		}
		return nil, nil
	}
	if l.network == "host" {
		return f, nil
	}
	if err := l.joinOwner(f); err != nil || l.b.SandboxID != "" {
		f.Close()
		return nil, err
	}
	l.c.NetworkPath = f.Name()
	return f, nil
}

// namespace opens the network namespace that the bundle names by path; own is true, with
// no file, if that is the one that runsc is in, or if the bundle has none.
func (l *launch) namespace() (f *os.File, own bool, err error) {
	if l.b.Spec.Linux == nil {
		return nil, true, nil
	}
	i := slices.IndexFunc(l.b.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
	if i < 0 {
		return nil, true, nil
	}
	path := l.b.Spec.Linux.Namespaces[i].Path
	if path == "" {
		return nil, false, nil
	}
	if f, err = openNamespace(path); err != nil {
		return nil, false, fmt.Errorf("config.json: linux.namespaces[%d].path: %w", i, err)
	}
	if own, err = sameNamespace(f, "self", "net"); err != nil || own {
		f.Close()
		f = nil
	}
	return f, own, err
}

func openNamespace(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		f.Close()
		return nil, fmt.Errorf("%s is no network namespace", path)
	}
	return f, nil
}

// joinOwner finds the container that has the network namespace ns, and shares with it what
// the bundle says.
func (l *launch) joinOwner(ns *os.File) error {
	all, _, err := container.List(l.root)
	if err != nil {
		return err
	}
	for _, c := range all {
		if now := c.Now(); now != specs.StateRunning && now != specs.StateCreated && now != statePaused {
			continue
		}
		pid := strconv.Itoa(c.HostProcess().PID)
		if same, err := sameNamespace(ns, pid, "net"); err != nil || !same {
			continue // nobody's, or it has ended
		}
		if l.b.SandboxID = c.SandboxID; c.SandboxID == "" {
			l.b.SandboxID = c.ID
		}
		l.b.Shared = map[specs.LinuxNamespaceType]string{}
		for _, n := range l.b.Spec.Linux.Namespaces {
			if n.Path == "" || n.Type != specs.PIDNamespace && n.Type != specs.IPCNamespace && n.Type != specs.UTSNamespace {
				continue
			}
			f, err := os.Open(n.Path)
			if err != nil {
				return err
			}
			if same, err := sameNamespace(f, pid, string(n.Type)); err == nil && same {
				l.b.Shared[n.Type] = n.Path
			}
			f.Close()
		}
		return nil
	}
	return nil
}

// sameNamespace reports whether ns is the namespace of a kind that a process is in.
func sameNamespace(ns *os.File, process, kind string) (bool, error) {
	a, err := ns.Stat()
	if err != nil {
		return false, err
	}
	b, err := os.Stat("/proc/" + process + "/ns/" + kind)
	return err == nil && os.SameFile(a, b), err
}

// takeNetwork takes over what is in the network namespace of c's sandbox by now, for
// Start. The caller closes the descriptors.
func (g *globals) takeNetwork(c *container.Container) (a control.StartArgs, fds []int, err error) {
	if c.NetworkKind != "sandbox" || c.SandboxID != "" {
		return a, nil, nil
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.Sandbox.PID))
	if errors.Is(err, fs.ErrPermission) {
		return a, nil, nil // an ordinary user's is empty
	}
	if err != nil {
		return a, nil, fmt.Errorf("the sandbox's network namespace: %w", err)
	}
	defer ns.Close()
	n, fds, err := network.Take(int(ns.Fd()), func(n boot.Network) error {
		if c.NetworkPath == "" {
			return nil // goes with the sandbox
		}
		c.Network = &n
		return c.Save()
	})
	if errors.Is(err, unix.EPERM) {
		g.log.warnf("network: %v: only a loopback interface", err)
		return a, nil, nil
	}
	if err != nil {
		return a, nil, fmt.Errorf("network: %w", err)
	}
	if c.NetworkPath != "" && len(n.Links) == 0 {
		g.log.warnf("network: there is nothing in %s, or another sandbox has it: only a loopback interface", c.NetworkPath)
	}
	a.Network, err = json.Marshal(n)
	return a, fds, err
}

// startIn starts the first process of c, with its network.
func (g *globals) startIn(c *container.Container, client *control.Client) error {
	a, fds, err := g.takeNetwork(c)
	if err != nil {
		return err
	}
	defer closeAll(fds)
	return client.Start(a, fds...)
}

// giveNetwork gives a namespace by path back what was taken.
func (g *globals) giveNetwork(c *container.Container) {
	if c.Network == nil {
		return
	}
	ns, err := os.Open(c.NetworkPath)
	if errors.Is(err, fs.ErrNotExist) {
		return // it is gone
	}
	if err == nil {
		err = network.Restore(int(ns.Fd()), *c.Network)
		ns.Close()
	}
	if err != nil {
		g.log.warnf("network: %s does not have its addresses back: %v", c.NetworkPath, err)
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
