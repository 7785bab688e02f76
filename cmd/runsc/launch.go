package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/oci/bundle"
	"glovebox/oci/cgroup"
	"glovebox/oci/container"
	"glovebox/oci/sandbox"
)

// A launch makes a container out of a bundle: what create and run share.
type launch struct {
	*globals
	bundle, pidFile, console, userLog string
	detach                            bool
	wrotePID                          bool
	passing                           passing

	c     *container.Container
	pod   *container.Container // in whose sandbox c is to be; nil for its own
	netns *os.File             // of the host, that the sandbox is to be in; nil for a new one
	// ownNetwork has the sandbox be in the namespace that runsc is in.
	ownNetwork bool
	group      *cgroup.Group // nil without one
	b          *bundle.Bundle
	o          *sandbox.Options
	s          *sandbox.Sandbox
}

func (l *launch) flags(fs *flag.FlagSet) {
	fs.StringVar(&l.bundle, "bundle", ".", "`directory` with config.json")
	fs.StringVar(&l.bundle, "b", ".", "")
	fs.StringVar(&l.pidFile, "pid-file", "", "`file` to write the sandbox's process id to")
	fs.StringVar(&l.console, "console-socket", "", "unix `socket` that gets the terminal's master side")
	fs.StringVar(&l.userLog, "user-log", "", "")
	l.passing.flags(fs)
	for _, name := range []string{"no-pivot", "no-new-keyring", "no-subreaper", "keep"} {
		fs.Var(&ignored{name: name, kind: boolFlag, g: l.globals}, name, "")
	}
}

// create makes the container and its sandbox, up to where the first process is to
// be started. The container stays locked. What fails leaves nothing behind.
func (l *launch) create(id string) (err error) {
	if l.userLog != "" {
		l.log.warnf("flag --user-log has no effect")
	}
	if err := container.CheckID(id); err != nil {
		return err
	}
	environment, err := l.passing.activated()
	if err != nil {
		return err
	}
	if err := l.passing.find(); err != nil {
		return err
	}
	if l.b, err = bundle.Load(l.bundle, bundle.Options{Seccomp: l.ociSeccomp}); err != nil {
		return err
	}
	p := &l.b.Boot.Process
	p.Env = append(slices.Clone(p.Env), environment...)
	for _, w := range l.b.Warnings {
		l.log.warnf("%s", w)
	}
	if l.c, err = container.New(l.root, id); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.discard()
		}
	}()
	if err = l.findPod(); err != nil {
		return err
	}
	if l.netns != nil {
		defer l.netns.Close()
	}
	if err = l.options(); err != nil {
		return err
	}
	terminal, err := l.terminal(l.o)
	if err != nil {
		return err
	}
	defer terminal.close()
	done, err := l.prepare(l.o)
	if err != nil {
		return err
	}
	defer done()
	if l.s, err = l.startSandbox(); err != nil {
		return err
	}
	closePassed(l.passing.list)
	if err = l.record(); err != nil {
		return err
	}
	if err = l.createHooks(); err != nil {
		return err
	}
	if err = l.created(); err != nil {
		return err
	}
	return terminal.send(l.console)
}

// options are the bundle's and the flags' for the sandbox.
func (l *launch) options() (err error) {
	o := &sandbox.Options{Boot: l.b.Boot, SocketDir: l.c.Dir(), Detached: l.detach, GuestUID: l.b.GuestUID, GuestGID: l.b.GuestGID}
	l.o = o
	o.Boot.ID = l.c.ID
	o.Boot.Ends = true
	o.Network, o.OwnNetwork = l.netns, l.ownNetwork
	if l.network == "host" && o.Boot.FirstPort != nil {
		l.log.warnf("config.json: linux.sysctl[net.ipv4.ip_unprivileged_port_start] is ignored: with --network=host it is the host's")
		o.Boot.FirstPort = nil
	}
	o.Boot.StdioFDs, o.Boot.PassedFDs = stdio(), l.passing.list
	if err := l.placement(); err != nil {
		return err
	}
	o.Boot.Root.Shared = l.fileAccess == "shared"
	over, err := l.overlay()
	if err != nil {
		return err
	}
	o.Boot.Root.Overlay = over.root
	if len(o.Boot.StartHooks) > 0 {
		st := specs.State{Version: specs.Version, ID: l.c.ID, Status: specs.StateCreated, Pid: 1, Bundle: l.b.Path, Annotations: l.b.Spec.Annotations}
		if o.Boot.HookState, err = json.Marshal(&st); err != nil {
			return err
		}
	}
	for i, t := range l.b.Trees {
		o.Attach = append(o.Attach, sandbox.AttachPoint{
			Source: t.Source, NoRecurse: t.NoRecurse, Slave: t.Slave, Shared: i > 0 || o.Boot.Root.Shared,
			ReadOnly: t.ReadOnly || i == 0 && over.root || i > 0 && over.mounts,
		})
	}
	for i := range o.Boot.Mounts {
		m := &o.Boot.Mounts[i]
		m.Overlay = over.mounts && m.Attach > 0 && !l.b.Trees[m.Attach].ReadOnly
	}
	return nil
}

// record writes down what there is of the container now.
func (l *launch) record() error {
	spec := l.b.Spec
	st := &l.c.State
	st.OCIVersion, st.Annotations = specs.Version, spec.Annotations
	st.NetworkKind = l.network
	st.Bundle, st.Rootfs = l.b.Path, l.b.Trees[0].Source
	st.Program, st.Process, st.Hooks = spec.Process.Args[0], spec.Process, spec.Hooks
	var err error
	if l.pod != nil {
		st.SandboxID, st.Sandbox = l.pod.ID, l.pod.Sandbox
	} else {
		st.Sandbox, err = container.Identify(l.s.PID())
	}
	if err == nil {
		st.Gofer, err = container.Identify(l.s.GoferPID())
	}
	if err != nil {
		// One of them ended as soon as it was started.
		if _, end := l.end(l.s); end != nil {
			return end
		}
		return fmt.Errorf("the sandbox ended: %w", err)
	}
	if l.group != nil {
		if st.Cgroup, err = l.group.State(); err != nil {
			return err
		}
	}
	st.Status = specs.StateCreating
	return l.c.Save()
}

// created says that the container is there.
func (l *launch) created() error {
	l.c.Status = specs.StateCreated
	if err := l.c.Save(); err != nil {
		return err
	}
	if l.pidFile == "" {
		return nil
	}
	if err := container.ReplaceFile(l.pidFile, []byte(strconv.Itoa(l.s.PID())), 0o644); err != nil {
		return fmt.Errorf("--pid-file: %w", err)
	}
	l.wrotePID = true
	return nil
}

// running notes that the first process was started.
func (l *launch) running() error {
	l.c.Status = specs.StateRunning
	return l.c.Save()
}

// discard removes all that create made.
func (l *launch) discard() {
	if l.s != nil {
		l.s.Kill()
		l.giveNetwork(l.c)
		l.poststop(l.c)
	}
	if l.group != nil {
		if err := l.group.Destroy(); err != nil {
			l.log.errorf("%v", err)
		}
	}
	if l.wrotePID {
		_ = os.Remove(l.pidFile)
	}
	if err := l.c.Remove(); err != nil {
		l.log.errorf("remove %s: %v", l.c.Dir(), err)
	}
	l.c.Unlock()
}

// one returns the one argument that a verb takes.
func one(args []string) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("want one container id, not %d arguments", len(args))
	}
	return args[0], nil
}

// startDetached starts the first process of a sandbox that is to go on alone.
func (l *launch) startDetached() (int, error) {
	if err := l.startIn(l.c, l.s.Client); err != nil {
		return l.failed(l.s, err, l.c.Program)
	}
	err := errors.Join(l.running(), l.s.Detach())
	l.poststart(l.c)
	return 0, err
}

// startAttached starts the first process and waits for its end.
func (l *launch) startAttached(signals chan os.Signal) (int, error) {
	catchStop(signals, &l.o.Boot)
	start := func() error { return l.startIn(l.c, l.s.Client) }
	return l.follow(l.s, signals, l.c.Program, start, func() {
		if err := l.running(); err != nil {
			l.log.errorf("%v", err)
		}
		l.poststart(l.c)
		// From now on others may stop and delete it.
		l.c.Unlock()
	})
}

// reach connects to the sandbox of a container. ErrGone: it has ended, or is about to
// and hears nobody any more.
func reach(c *container.Container) (*control.Client, error) {
	client, err := sandbox.Dial(c.SocketDir())
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil, control.ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("container %q: control socket: %w", c.ID, err)
	}
	client.Container = c.NameInside()
	return client, nil
}
