package boot

import (
	"strings"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/sentry/kernel"
	"glovebox/sentry/sys"
	"glovebox/sentry/vfs"
)

// start runs p in a pid namespace, with the given descriptors, whose reference
// becomes the process's, and the terminal that it controls, if any.
func (s *sandbox) start(p *Process, ns *kernel.PIDNamespace, fds *vfs.FDTable, tty *terminal) (*kernel.ThreadGroup, error) {
	lim, err := limits(p)
	if err != nil {
		return nil, control.Errorf(control.Invalid, "%v", err)
	}
	c := &vfs.Ctx{Creds: creds(p), Root: s.vfs.Root(), Cwd: s.vfs.Root(), Umask: p.Umask, FileLimit: lim[linux.RLIMIT_FSIZE].Cur}
	cwd := p.Cwd
	if cwd == "" {
		cwd = "/"
	}
	at, err := s.vfs.Walk(c, c.Root, cwd, vfs.Directory)
	if err != nil {
		return nil, control.Errorf(control.Invalid, "working directory %s: %v", cwd, err)
	}
	c.Cwd = at
	name, f, err := s.find(c, p)
	if err != nil {
		return nil, startError(err)
	}
	var l kernel.Limits
	l.SetAll(lim)
	x := sys.Execution{Kernel: s.k, VFS: s.vfs, Ctx: c, File: f, Name: name, Args: p.Args, Env: p.Env, Limits: &l}
	img, err := x.Load()
	if err != nil {
		return nil, startError(err)
	}
	in := &kernel.Init{
		Namespace: ns, Memory: img.Memory, Regs: img.Regs, Creds: img.Creds, Comm: img.Comm,
		UTS: s.uts, IPC: s.ipc, Limits: lim,
		Files: kernel.Files{FDs: fds, FS: vfs.NewFSContext(c.Root, c.Cwd, p.Umask), VFS: s.vfs, Sockets: s.sockets},
	}
	if tty != nil {
		in.Terminal = &tty.Terminal
	}
	tg, err := s.k.Start(in)
	if err != nil {
		img.Memory.DecUsers()
		return nil, err
	}
	tg.OOMScoreAdj().Store(int32(p.OOMScoreAdj))
	return tg, nil
}

// Check implements control.Sandbox.
func (s *sandbox) Check() error {
	p := &s.cfg.Process
	c := &vfs.Ctx{Creds: creds(p), Root: s.vfs.Root(), Cwd: s.vfs.Root()}
	if at, err := s.vfs.Walk(c, c.Root, p.Cwd, vfs.Directory); err == nil {
		c.Cwd = at
	}
	_, f, err := s.find(c, p)
	if err != nil {
		return startError(err)
	}
	f.Dec()
	return nil
}

// find opens the program, looking in PATH if its name has no slash
// (execvp(3)).
func (s *sandbox) find(c *vfs.Ctx, p *Process) (string, *vfs.File, error) {
	name := p.Path
	if name == "" && len(p.Args) > 0 {
		name = p.Args[0]
	}
	if name == "" {
		return "", nil, linux.ENOENT
	}
	if strings.Contains(name, "/") {
		f, err := s.open(c, name)
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
		f, err := s.open(c, full)
		if err == nil {
			return full, f, nil
		}
		if err == linux.EACCES {
			last = err
		}
	}
	return "", nil, last
}

func (s *sandbox) open(c *vfs.Ctx, name string) (*vfs.File, error) {
	p, err := s.vfs.Walk(c, c.Cwd, name, 0)
	if err != nil {
		return nil, err
	}
	return s.vfs.OpenExec(c, p)
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
