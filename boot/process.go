package boot

import (
	"strings"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/lib/bpf"
	"glovebox/sentry/kernel"
	"glovebox/sentry/sys"
	"glovebox/sentry/vfs"
)

// start runs p in a pid namespace, with the given descriptors, whose reference
// becomes the process's, and the terminal that it controls, if any.
func (c *container) start(p *Process, ns *kernel.PIDNamespace, fds *vfs.FDTable, tty *terminal) (*kernel.ThreadGroup, error) {
	lim, err := limits(p)
	if err != nil {
		return nil, control.Errorf(control.Invalid, "%v", err)
	}
	x := &vfs.Ctx{Creds: creds(p), Root: c.vfs.Root(), Cwd: c.vfs.Root(), Umask: p.Umask, FileLimit: lim[linux.RLIMIT_FSIZE].Cur}
	filter, err := filter(p)
	if err != nil {
		return nil, err
	}
	cpus, err := affinity(p, c.group.CPUs)
	if err != nil {
		return nil, err
	}
	cwd := p.Cwd
	if cwd == "" {
		cwd = "/"
	}
	at, err := c.vfs.Walk(x, x.Root, cwd, vfs.Directory)
	if err != nil {
		return nil, control.Errorf(control.Invalid, "working directory %s: %v", cwd, err)
	}
	x.Cwd = at
	name, f, err := c.find(x, p)
	if err != nil {
		return nil, startError(err)
	}
	var l kernel.Limits
	l.SetAll(lim)
	e := sys.Execution{Kernel: c.k, Cgroup: c.group, VFS: c.vfs, Ctx: x, File: f, Name: name, Args: p.Args, Env: p.Env, Limits: &l, Personality: p.Personality}
	img, err := e.Load()
	if err != nil {
		return nil, startError(err)
	}
	in := &kernel.Init{
		Namespace: ns, Joins: ns == c.pid && c.cfg.Join.PID != "", Cgroup: c.group, Memory: img.Memory, Regs: img.Regs, Creds: img.Creds, Comm: img.Comm,
		UTS: c.uts, IPC: c.ipc, Limits: lim, Seccomp: filter,
		Personality: p.Personality, Affinity: cpus,
		Files: kernel.Files{FDs: fds, FS: vfs.NewFSContext(x.Root, x.Cwd, p.Umask), VFS: c.vfs, Net: c.sandbox.net},
	}
	if s := p.Scheduler; s != nil {
		in.Sched = kernel.SchedParams(*s)
	}
	if tty != nil {
		in.Terminal = &tty.Terminal
	}
	c.vfs.Inc()
	c.sandbox.net.Inc()
	tg, err := c.k.Start(in)
	if err != nil {
		img.Memory.DecUsers()
		in.Files.FS.Dec()
		c.vfs.Dec()
		c.sandbox.net.Dec()
		return nil, err
	}
	tg.OOMScoreAdj().Store(int32(p.OOMScoreAdj))
	return tg, nil
}

// filter is the seccomp filter that p starts with, or nil.
func filter(p *Process) (*bpf.Program, error) {
	if len(p.Seccomp) == 0 {
		return nil, nil
	}
	f, ok := kernel.CheckSeccomp(p.Seccomp)
	if !ok {
		return nil, control.Errorf(control.Invalid, "the seccomp filter is not a program")
	}
	return f, nil
}

// affinity is the mask of the processors that p is to run on, of cpus; nil for all.
func affinity(p *Process, cpus int) ([]byte, error) {
	if len(p.CPUs) == 0 {
		return nil, nil
	}
	m := make([]byte, kernel.CPUMaskBytes(cpus))
	some := false
	for _, n := range p.CPUs {
		if n < cpus {
			m[n/8] |= 1 << (n % 8)
			some = true
		}
	}
	if !some {
		return nil, control.Errorf(control.Invalid, "process.execCPUAffinity.final: none of the container's %d processors", cpus)
	}
	return m, nil
}

// Check implements control.Container.
func (c *container) Check() error {
	p := &c.cfg.Process
	x := &vfs.Ctx{Creds: creds(p), Root: c.vfs.Root(), Cwd: c.vfs.Root()}
	if at, err := c.vfs.Walk(x, x.Root, p.Cwd, vfs.Directory); err == nil {
		x.Cwd = at
	}
	_, f, err := c.find(x, p)
	if err != nil {
		return startError(err)
	}
	f.Dec()
	return nil
}

// find opens the program, looking in PATH if its name has no slash
// (execvp(3)).
func (c *container) find(x *vfs.Ctx, p *Process) (string, *vfs.File, error) {
	name := p.Path
	if name == "" && len(p.Args) > 0 {
		name = p.Args[0]
	}
	if name == "" {
		return "", nil, linux.ENOENT
	}
	if strings.Contains(name, "/") {
		f, err := c.open(x, name)
		return name, f, err
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, e := range p.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			path = v
		}
	}
	var last error = linux.ENOENT
	for _, dir := range strings.Split(path, ":") {
		if dir == "" {
			dir = "."
		}
		full := strings.TrimSuffix(dir, "/") + "/" + name
		f, err := c.open(x, full)
		if err == nil {
			return full, f, nil
		}
		if err == linux.EACCES {
			last = err
		}
	}
	return "", nil, last
}

func (c *container) open(x *vfs.Ctx, name string) (*vfs.File, error) {
	p, err := c.vfs.Walk(x, x.Cwd, name, 0)
	if err != nil {
		return nil, err
	}
	return c.vfs.OpenExec(x, p)
}

// startError says what keeps the first program from running.
func startError(err error) error {
	switch err {
	case linux.ENOENT, linux.ENOTDIR:
		return control.Errorf(control.NoProgram, "%v", err)
	case linux.EACCES, linux.ENOEXEC, linux.ELOOP, linux.ELIBBAD, linux.EPERM:
		return control.Errorf(control.NotExec, "%v", err)
	}
	return err
}
