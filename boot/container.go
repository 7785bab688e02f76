package boot

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/p9"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/devpts"
	"glovebox/sentry/fs/overlay"
	"glovebox/sentry/ipc"
	"glovebox/sentry/kernel"
	"glovebox/sentry/memfile"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// A container is one of a Sentry's, with files, a control group and, unless it shares
// another's, namespaces of its own.
type container struct {
	sandbox *sandbox
	k       *kernel.Kernel // the sandbox's
	cfg     *Config
	group   *kernel.Cgroup
	memory  *memfile.Account
	pid     *kernel.PIDNamespace
	uts     *kernel.UTS
	ipc     *ipc.Namespace
	vfs     *vfs.VFS
	// upper has the changes of the root in memory; nil where they go to the host.
	upper *overlay.FileSystem
	// gofer serves the host's files. Without it there is no container.
	gofer *p9.Client
	fds   *vfs.FDTable
	tty   *terminal  // nil without a console
	pts   *devpts.FS // on /dev/pts; nil without

	mu     sync.Mutex
	init   *kernel.ThreadGroup // guarded by mu; nil until Start
	paused bool                // guarded by mu
	// started is closed once there is init, over when the container is to end, and
	// gone when it has.
	started, over, gone chan struct{}
	ending              sync.Once
	execs               execs

	// cpuTime is never nil.
	cpuTime atomic.Pointer[CPUTime]
	// memoryLimit is in bytes, 0 for none; limited is told that there may be one now.
	memoryLimit atomic.Uint64
	limited     chan struct{}
}

var _ control.Container = (*container)(nil)

// newContainer makes the container of cfg, whose descriptors become its own, up to
// where its first process can be started.
func (s *sandbox) newContainer(cfg *Config) (*container, error) {
	memory := &memfile.Account{Reopen: s.reopen}
	c := &container{
		sandbox: s, k: s.k, cfg: cfg, memory: memory, group: s.k.NewCgroup(&mm.Host{Platform: s.platform, Memory: memory}),
		started: make(chan struct{}), over: make(chan struct{}), gone: make(chan struct{}), limited: make(chan struct{}, 1),
	}
	given := given(cfg.StdioFDs, cfg.PassedFDs)
	if err := c.namespaces(); err != nil {
		closeFDs(cfg.GoferFDs[:])
		closeGiven(given)
		c.release()
		return nil, err
	}
	c.group.SetTracer(nil, s.tracer)
	c.limitMemory(cfg.Memory)
	if cfg.CPUs > 0 {
		c.group.CPUs = min(c.group.CPUs, cfg.CPUs)
	}
	c.cpuTime.Store(&cfg.CPUTime)
	c.group.FreeMemory = c.freeMemory
	c.group.SetMaxTasks(cfg.MaxTasks)
	err := c.mountAll()
	if err != nil {
		closeGiven(given)
	} else {
		var open func(int) (*terminal, error)
		if cfg.Console {
			open = c.newConsole
		}
		c.fds, c.tty, err = c.stdio(given, open)
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

// namespaces are those of the containers that cfg names, or new ones.
func (c *container) namespaces() error {
	for _, n := range []struct {
		kind, of string
		join     func(*container)
		make     func()
	}{
		{"pid", c.cfg.Join.PID, func(o *container) { c.pid = o.pid }, func() { c.pid = c.k.NewPIDNamespace() }},
		{"ipc", c.cfg.Join.IPC, func(o *container) { c.ipc = o.ipc }, func() { c.ipc = ipc.NewNamespace() }},
		{"uts", c.cfg.Join.UTS, func(o *container) { c.uts = o.uts }, func() { c.uts = kernel.NewUTS(c.cfg.Hostname, c.cfg.Domainname) }},
	} {
		if n.of == "" {
			n.make()
			continue
		}
		o, err := c.sandbox.container(n.of)
		if err != nil {
			return fmt.Errorf("the %s namespace of container %s: %w", n.kind, n.of, err)
		}
		n.join(o)
	}
	for name, value := range c.cfg.Sysctl {
		if err := c.ipc.SetLimit(name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Start implements control.Container.
func (c *container) Start(a control.StartArgs, files []*os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.init != nil:
		closeFiles(files)
		return control.Errorf(control.Invalid, "container %s is running already", c.cfg.ID)
	case len(a.Network) == 0 || c != c.sandbox.first:
		closeFiles(files)
	default:
		if err := c.sandbox.takeNetwork(a, files); err != nil {
			return err
		}
	}
	if err := c.startHooks(); err != nil {
		return err
	}
	tg, err := c.start(&c.cfg.Process, c.pid, c.fds, c.tty)
	if err == linux.ESRCH {
		return control.Errorf(control.NotStarted, "container %s, whose pid namespace %s joins, was not started", c.cfg.Join.PID, c.cfg.ID)
	}
	if err != nil {
		return err
	}
	c.init = tg
	close(c.started)
	go c.watchMemory()
	return nil
}

// watch ends a container that is not the sandbox's first when its first process or
// its gofer does.
func (c *container) watch() {
	select {
	case <-c.started:
		select {
		case <-c.init.Done():
		case <-c.gofer.Done():
		case <-c.over:
		}
	case <-c.gofer.Done():
	case <-c.over:
	}
	c.end()
}

// end kills what is left of the container's processes, leaves word of its status
// and gives back what it has. The gofer ends when its connection does.
func (c *container) end() {
	ended := c.killed(dyingTime)
	if !ended {
		// One may wait for the gofer. Without it there is nothing to wait for.
		c.gofer.Close()
		ended = c.killed(dyingTime)
	}
	if init, err := c.first(); err == nil {
		NoteEnd(c.cfg.EndFD, c.howEnded(init))
	}
	c.sandbox.forget(c)
	if ended {
		c.release()
	} else {
		c.k.Warnf("container %s: processes do not end", c.cfg.ID)
		closeFDs([]int{c.cfg.EndFD, c.cfg.SignalFD}) // the rest is in use
	}
	close(c.gone)
}

// killed kills the container's processes, and reports whether they have ended in time.
func (c *container) killed(limit time.Duration) bool {
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		c.group.Kill()
		if !slices.ContainsFunc(c.group.Groups(), func(tg *kernel.ThreadGroup) bool { return !tg.Zombie() }) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// release gives back what no process holds.
func (c *container) release() {
	if c.fds != nil && c.init == nil {
		c.fds.Dec()
	}
	if c.tty != nil {
		c.tty.leave()
	}
	if c.vfs != nil {
		c.vfs.Dec()
	}
	if c.gofer != nil {
		c.gofer.Close()
	}
	closeFDs([]int{c.cfg.EndFD, c.cfg.SignalFD})
}

// Destroy implements control.Container.
func (c *container) Destroy() error {
	if c == c.sandbox.first {
		os.Exit(0) // the host takes back everything at once
	}
	c.ending.Do(func() { close(c.over) })
	<-c.gone
	return nil
}

// first returns the first process.
func (c *container) first() (*kernel.ThreadGroup, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.init == nil {
		return nil, control.Errorf(control.NotStarted, "container %s was not started", c.cfg.ID)
	}
	return c.init, nil
}

// byPID returns the process with the given id, the first for 0.
func (c *container) byPID(pid int32) (*kernel.ThreadGroup, error) {
	tg, err := c.first()
	if err != nil || pid == 0 {
		return tg, err
	}
	if tg = c.pid.Group(pid); tg == nil || tg.Cgroup() != c.group {
		return nil, control.Errorf(control.NotFound, "no such process: %d", pid)
	}
	return tg, nil
}

// Signal implements control.Container.
func (c *container) Signal(a control.SignalArgs) error {
	if a.Signal < 0 || a.Signal > linux.NSIG {
		return control.Errorf(control.Invalid, "no such signal: %d", a.Signal)
	}
	tg, err := c.byPID(a.PID)
	if err != nil {
		return err
	}
	// As from a process of an ancestor's pid namespace: pid_namespaces(7).
	send := func(g *kernel.ThreadGroup) error {
		return g.SignalFromOutside(kernel.KillInfo(a.Signal, linux.SI_USER, 0, 0))
	}
	switch a.Scope {
	case control.Foreground:
		tty := c.tty
		if a.PID != 0 {
			tty = c.execs.terminal(tg)
		}
		if tty != nil {
			c.k.SignalForeground(&tty.Terminal, a.Signal)
			return nil
		}
	case control.Everyone:
		for _, g := range c.group.Groups() {
			// One that ended meanwhile needs no signal.
			_ = send(g)
		}
		return nil
	case control.ProcessGroup:
		pgid, _ := tg.IDs()
		for _, g := range c.group.Groups() {
			if id, _ := g.IDs(); id == pgid {
				_ = send(g)
			}
		}
		return nil
	}
	if tg.Zombie() || send(tg) != nil {
		return control.Errorf(control.Finished, "process already finished")
	}
	return nil
}

// Wait implements control.Container.
func (c *container) Wait(ctx context.Context, pid int32) (control.WaitStatus, error) {
	tg, err := c.byPID(pid)
	if err != nil {
		return 0, err
	}
	select {
	case <-tg.Done():
		return control.WaitStatus(tg.ExitStatus()), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// State implements control.Container.
func (c *container) State() (control.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.init == nil {
		return control.State{Status: "created"}, nil
	}
	select {
	case <-c.init.Done():
		return control.State{Status: "stopped", Exit: control.WaitStatus(c.init.ExitStatus())}, nil
	default:
	}
	if c.paused {
		return control.State{Status: "paused"}, nil
	}
	return control.State{Status: "running"}, nil
}

// creds are the credentials that p starts with.
func creds(p *Process) *auth.Creds {
	groups := slices.Clone(p.ExtraGIDs)
	slices.Sort(groups)
	return &auth.Creds{
		UID: p.UID, EUID: p.UID, SUID: p.UID, FSUID: p.UID,
		GID: p.GID, EGID: p.GID, SGID: p.GID, FSGID: p.GID,
		Groups:    slices.Compact(groups),
		Permitted: auth.CapSet(p.Caps.Permitted), Inheritable: auth.CapSet(p.Caps.Inheritable),
		Effective: auth.CapSet(p.Caps.Effective), Bounding: auth.CapSet(p.Caps.Bounding),
		Ambient: auth.CapSet(p.Caps.Ambient), NoNewPrivs: p.NoNewPrivileges,
	}
}

// limits are the resource limits that p starts with.
func limits(p *Process) (l [linux.RLIM_NLIMITS]linux.Rlimit, err error) {
	l = kernel.DefaultLimits()
	for _, r := range p.Rlimits {
		if r.Resource < 0 || r.Resource >= len(l) {
			return l, fmt.Errorf("no such resource limit: %d", r.Resource)
		}
		l[r.Resource] = linux.Rlimit{Cur: r.Cur, Max: r.Max}
	}
	return l, nil
}
