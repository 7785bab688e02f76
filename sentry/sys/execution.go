package sys

import (
	"encoding/binary"
	"path"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/loader"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// An Execution is a program about to be loaded, for execve(2) or as the first
// of a process from outside.
type Execution struct {
	Kernel *kernel.Kernel
	Cgroup *kernel.Cgroup
	VFS    *vfs.VFS
	Ctx    *vfs.Ctx
	// File is the program, opened by VFS.OpenExec. Load takes it over.
	File *vfs.File
	// Name is the path that it was found by; Args and Env its strings.
	Name      string
	Args, Env []string
	Limits    *kernel.Limits
	// Personality is personality(2)'s value.
	Personality uint32
}

// Load makes an image of x. The caller owns the image's memory.
func (x *Execution) Load() (*kernel.Image, error) {
	p, err := loader.Resolve(x, x.File, x.Name, x.Args, x.Env)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	// The last file counts: not the script, but what runs it.
	file := p.File.(*vfs.File)
	creds, secure, err := x.credentials(file.Path())
	if err != nil {
		return nil, err
	}
	m, err := mm.New(x.Cgroup.Host)
	if err != nil {
		return nil, err
	}
	lim := memoryLimits(x.Limits)
	if secure {
		lim.Stack = min(lim.Stack, secureStack)
	}
	m.SetLimits(lim)
	o := &loader.Options{
		UID: creds.UID, EUID: creds.EUID, GID: creds.GID, EGID: creds.EGID,
		Secure: secure, HWCap: x.Kernel.HWCap, HWCap2: x.Kernel.HWCap2,
		MinSigStack: x.Kernel.MinSigStack(), StackLimit: lim.Stack,
		NoRandomize: x.Personality&kernel.AddrNoRandomize != 0 && !secure,
	}
	if v := x.Kernel.VDSO; v != nil {
		o.MapVDSO = func(m loader.Memory) (guest.Addr, error) { return v.Map(m) }
	}
	start, err := loader.Load(m, p, o)
	if err != nil {
		m.DecUsers()
		return nil, err
	}
	return &kernel.Image{
		Memory: m,
		Regs: arch.Regs{
			RIP: uint64(start.PC), RSP: uint64(start.SP),
			CS: arch.UserCS, SS: arch.UserSS, EFLAGS: initialFlags,
		},
		Creds: creds, Comm: path.Base(x.Name), Secure: secure,
		Readable: vfs.Permission(x.Ctx, file.Path().Inode(), vfs.MayRead) == nil,
	}, nil
}

const (
	// secureStack is the stack of a program that gained privilege (_STK_LIM).
	secureStack = 8 << 20
	// initialFlags is interrupts on, and the bit that is always set.
	initialFlags = 0x202
)

// OpenExec implements loader.Opener.
func (x *Execution) OpenExec(name string) (mm.FileRef, error) {
	p, err := x.VFS.Walk(x.Ctx, x.Ctx.Cwd, name, 0)
	if err != nil {
		return nil, err
	}
	f, err := x.VFS.OpenExec(x.Ctx, p)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// credentials returns who the program at p runs as.
func (x *Execution) credentials(p vfs.Path) (c *auth.Creds, secure bool, err error) {
	var prog auth.Program
	if p.Mount != nil && p.Mount.Flags()&vfs.NoSuid == 0 {
		at, err := p.Inode().Attr(x.Ctx)
		if err != nil {
			return nil, false, err
		}
		if at.Mode&linux.S_ISUID != 0 {
			prog.SetUID = &at.UID
		}
		if at.Mode&(linux.S_ISGID|0o010) == linux.S_ISGID|0o010 {
			prog.SetGID = &at.GID
		}
		prog.Caps = fileCaps(x.Ctx, p.Inode())
	}
	c, secure, ok := x.Ctx.Creds.Exec(prog)
	if !ok {
		return nil, false, linux.EPERM
	}
	return c, secure, nil
}

// fileCaps reads the capabilities of a file, nil if it has none that count
// (get_vfs_caps_from_disk in security/commoncap.c).
func fileCaps(c *vfs.Ctx, inode vfs.Inode) *auth.FileCaps {
	const (
		revisionMask = 0xff000000
		revision2    = 0x02000000
		revision3    = 0x03000000
		effective    = 1
	)
	x, ok := inode.(vfs.Xattrs)
	if !ok {
		return nil
	}
	b, err := x.GetXattr(c, "security.capability")
	if err != nil || len(b) < 20 {
		return nil
	}
	word := func(i int) auth.CapSet { return auth.CapSet(binary.LittleEndian.Uint32(b[4*i:])) }
	magic := word(0)
	switch {
	case magic&revisionMask == revision2 && len(b) == 20:
	case magic&revisionMask == revision3 && len(b) == 24 && word(5) == 0: // of our root
	default:
		return nil
	}
	return &auth.FileCaps{
		Permitted:   (word(1) | word(3)<<32) & auth.AllCaps,
		Inheritable: (word(2) | word(4)<<32) & auth.AllCaps,
		Effective:   magic&effective != 0,
	}
}
