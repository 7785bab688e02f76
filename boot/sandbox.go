package boot

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/p9"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/devpts"
	"glovebox/sentry/ipc"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/unix"
	"glovebox/sentry/vfs"
)

// A sandbox is the container that a Sentry runs, and answers runsc.
type sandbox struct {
	cfg *Config
	k   *kernel.Kernel
	pid *kernel.PIDNamespace
	uts *kernel.UTS
	ipc *ipc.Namespace
	vfs *vfs.VFS
	// gofer serves the host's files. Without it there is no sandbox.
	gofer *p9.Client
	devs  int // device numbers given out
	fds   *vfs.FDTable
	tty   *terminal  // nil without a console
	pts   *devpts.FS // on /dev/pts; nil without
	// sockets is the container's network namespace.
	sockets socket.Families

	mu     sync.Mutex
	init   *kernel.ThreadGroup // guarded by mu; nil until Start
	paused bool                // guarded by mu
	// started is closed once there is init.
	started chan struct{}
	execs   execs

	// cpuTime is never nil.
	cpuTime atomic.Pointer[CPUTime]
	// memoryLimit is the container's in bytes, 0 for none; limited is told that it
	// may have one now.
	memoryLimit atomic.Uint64
	limited     chan struct{}
}

var _ control.Sandbox = (*sandbox)(nil)

func newSandbox(cfg *Config, k *kernel.Kernel) (*sandbox, error) {
	s := &sandbox{cfg: cfg, k: k, pid: k.NewPIDNamespace(), uts: kernel.NewUTS(cfg.Hostname, cfg.Domainname), ipc: ipc.NewNamespace(k.Host.ReadOnly),
		started: make(chan struct{}), limited: make(chan struct{}, 1)}
	s.limitMemory(cfg.Memory)
	s.cpuTime.Store(&cfg.CPUTime)
	k.FreeMemory = s.freeMemory
	s.pid.SetMaxTasks(cfg.MaxTasks)
	s.sockets = socket.Families{linux.AF_UNIX: new(unix.Namespace)}
	err := s.mountAll()
	if err != nil {
		return nil, err
	}
	var open func(int) (*terminal, error)
	if cfg.Console {
		open = s.newConsole
	}
	if s.fds, s.tty, err = s.stdio(cfg.StdioFDs, open); err != nil {
		return nil, err
	}
	return s, nil
}

// Start implements control.Sandbox.
func (s *sandbox) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.init != nil {
		return control.Errorf(control.Invalid, "container %s is running already", s.cfg.ID)
	}
	if err := s.startHooks(); err != nil {
		return err
	}
	tg, err := s.start(&s.cfg.Process, s.pid, s.fds, s.tty)
	if err != nil {
		return err
	}
	s.init = tg
	close(s.started)
	go s.watchMemory()
	return nil
}

// serve answers runsc until the container ends, and returns its status.
func (s *sandbox) serve(l *net.UnixListener) (int, error) {
	go s.watchGofer()
	if s.cfg.ConsoleSignals && s.tty != nil {
		go s.relaySignals()
	}
	if !s.cfg.Ends {
		return 0, control.Serve(l, s)
	}
	served := make(chan error, 1)
	go func() { served <- control.Serve(l, s) }()
	<-s.started
	<-s.init.Done()
	// Whoever waits learns the status by an answer or, as our parent, from us.
	l.Close()
	err := <-served
	return control.WaitStatus(s.init.ExitStatus()).ExitCode(), err
}

// watchGofer ends the Sentry with the gofer: a guest that lost its files must
// not go on as if they were only broken.
func (s *sandbox) watchGofer() {
	<-s.gofer.Done()
	fmt.Fprintln(os.Stderr, "runsc: the gofer is gone")
	os.Exit(Failed)
}

// first returns the first process.
func (s *sandbox) first() (*kernel.ThreadGroup, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.init == nil {
		return nil, control.Errorf(control.NotStarted, "container %s was not started", s.cfg.ID)
	}
	return s.init, nil
}

// group returns the process with the given id, the first for 0.
func (s *sandbox) group(pid int32) (*kernel.ThreadGroup, error) {
	tg, err := s.first()
	if err != nil || pid == 0 {
		return tg, err
	}
	if tg = s.pid.Group(pid); tg == nil {
		return nil, control.Errorf(control.NotFound, "no such process: %d", pid)
	}
	return tg, nil
}

// Signal implements control.Sandbox.
func (s *sandbox) Signal(a control.SignalArgs) error {
	if a.Signal < 0 || a.Signal > linux.NSIG {
		return control.Errorf(control.Invalid, "no such signal: %d", a.Signal)
	}
	tg, err := s.group(a.PID)
	if err != nil {
		return err
	}
	// As from a process of an ancestor's pid namespace: pid_namespaces(7).
	send := func(g *kernel.ThreadGroup) error {
		return g.SignalFromOutside(kernel.KillInfo(a.Signal, linux.SI_USER, 0, 0))
	}
	switch a.Scope {
	case control.Foreground:
		tty := s.tty
		if a.PID != 0 {
			tty = s.execs.terminal(tg)
		}
		if tty != nil {
			s.k.SignalForeground(&tty.Terminal, a.Signal)
			return nil
		}
	case control.Everyone:
		for _, g := range s.pid.Groups() {
			// One that ended meanwhile needs no signal.
			_ = send(g)
		}
		return nil
	case control.ProcessGroup:
		pgid, _ := tg.IDs()
		for _, g := range s.pid.Groups() {
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

// Wait implements control.Sandbox.
func (s *sandbox) Wait(ctx context.Context, pid int32) (control.WaitStatus, error) {
	tg, err := s.group(pid)
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

// State implements control.Sandbox.
func (s *sandbox) State() (control.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.init == nil {
		return control.State{Status: "created"}, nil
	}
	select {
	case <-s.init.Done():
		return control.State{Status: "stopped", Exit: control.WaitStatus(s.init.ExitStatus())}, nil
	default:
	}
	if s.paused {
		return control.State{Status: "paused"}, nil
	}
	return control.State{Status: "running"}, nil
}

// Destroy implements control.Sandbox: the host takes back everything at once.
func (s *sandbox) Destroy() error {
	os.Exit(0)
	return nil
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
