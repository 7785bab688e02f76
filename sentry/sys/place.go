package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// places is the calls about where paths start.
var places = family{
	sysno.Chdir:     call1(chdir),
	sysno.Fchdir:    call1(fchdir),
	sysno.Getcwd:    call2(getcwd),
	sysno.Chroot:    call1(chroot),
	sysno.Umask:     call1(umask),
	sysno.PivotRoot: refuse(linux.EPERM, "the root is the container's"),
}

// chdir is chdir(2).
func chdir(t *kernel.Task, path Path) (uintptr, error) {
	c := vfsCtx(t)
	p, err := resolve(t, c, linux.AT_FDCWD, path, vfs.Directory)
	if err != nil {
		return 0, err
	}
	return changeTo(t, c, p)
}

// fchdir is fchdir(2).
func fchdir(t *kernel.Task, fd FD) (uintptr, error) {
	f, err := getAnyFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if f.Path().IsZero() || f.Path().Inode().Kind() != linux.S_IFDIR {
		return 0, linux.ENOTDIR
	}
	return changeTo(t, vfsCtx(t), f.Path())
}

func changeTo(t *kernel.Task, c *vfs.Ctx, p vfs.Path) (uintptr, error) {
	if err := vfs.Permission(c, p.Inode(), vfs.MayExec); err != nil {
		return 0, err
	}
	fsOf(t).SetCwd(p)
	return 0, nil
}

// getcwd is getcwd(2), which counts the NUL.
func getcwd(t *kernel.Task, to Addr, n Size) (uintptr, error) {
	c := vfsCtx(t)
	if c.Cwd.Deleted() {
		return 0, linux.ENOENT
	}
	name := c.VFS.PathName(c.Root, c.Cwd)
	if uint64(len(name))+1 > uint64(n) {
		return 0, linux.ERANGE
	}
	if _, err := t.Mem().CopyOut(to.Guest(), append([]byte(name), 0)); err != nil {
		return 0, err
	}
	return uintptr(len(name) + 1), nil
}

// chroot is chroot(2).
func chroot(t *kernel.Task, path Path) (uintptr, error) {
	c := vfsCtx(t)
	p, err := resolve(t, c, linux.AT_FDCWD, path, vfs.Directory)
	if err != nil {
		return 0, err
	}
	if err := vfs.Permission(c, p.Inode(), vfs.MayExec); err != nil {
		return 0, err
	}
	if !c.Creds.Has(auth.CapSysChroot) {
		return 0, linux.EPERM
	}
	fsOf(t).SetRoot(p)
	return 0, nil
}

// umask is umask(2).
func umask(t *kernel.Task, mask Mode) (uintptr, error) {
	return uintptr(fsOf(t).SetUmask(uint32(mask) & 0o777)), nil
}
