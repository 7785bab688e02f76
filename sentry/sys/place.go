package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

const oldMounts = "mount(2) is the way to mount"

// places is the calls about where paths start, and mounts.
var places = family{
	sysno.Chdir:     call1(chdir),
	sysno.Fchdir:    call1(fchdir),
	sysno.Getcwd:    call2(getcwd),
	sysno.Chroot:    call1(chroot),
	sysno.Umask:     call1(umask),
	sysno.Mount:     call5(mount).except("bind mounts, remounts and propagation only; the container's mounts are made from outside"),
	sysno.Umount2:   call2(umount2),
	sysno.PivotRoot: refuse(linux.EPERM, "the root is the container's"),

	sysno.OpenTree:     refuse(linux.ENOSYS, oldMounts),
	sysno.MoveMount:    refuse(linux.ENOSYS, oldMounts),
	sysno.Fsopen:       refuse(linux.ENOSYS, oldMounts),
	sysno.Fsconfig:     refuse(linux.ENOSYS, oldMounts),
	sysno.Fsmount:      refuse(linux.ENOSYS, oldMounts),
	sysno.Fspick:       refuse(linux.ENOSYS, oldMounts),
	sysno.MountSetattr: refuse(linux.ENOSYS, oldMounts),
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

// mountFlags are the flags of mount(2) that a bind mount can have.
var mountFlags = [...]struct {
	ms    uint64
	mount vfs.MountFlags
}{
	{linux.MS_RDONLY, vfs.ReadOnly},
	{linux.MS_NOSUID, vfs.NoSuid},
	{linux.MS_NODEV, vfs.NoDev},
	{linux.MS_NOEXEC, vfs.NoExec},
	{linux.MS_NOATIME, vfs.NoAtime},
}

// mount is mount(2). Propagation is what it would be without peers.
func mount(t *kernel.Task, source, target Path, typ Path, flags LFlags, _ Addr) (uintptr, error) {
	const propagation = linux.MS_PRIVATE | linux.MS_SLAVE | linux.MS_SHARED | linux.MS_UNBINDABLE
	if typ != 0 {
		if _, err := copyInPath(t, typ); err != nil {
			return 0, err
		}
	}
	c := vfsCtx(t)
	at, err := resolve(t, c, linux.AT_FDCWD, target, 0)
	switch {
	case err != nil:
		return 0, err
	case !c.Creds.Has(auth.CapSysAdmin):
		return 0, linux.EPERM
	case flags&(linux.MS_REMOUNT|linux.MS_MOVE) != 0:
		return 0, linux.EPERM
	case flags&linux.MS_BIND != 0:
		return bindMount(t, c, source, at, flags)
	case flags&propagation != 0:
		if !at.IsMountRoot() {
			return 0, linux.EINVAL
		}
		return 0, nil
	}
	return 0, linux.EPERM
}

// bindMount is do_loopback.
func bindMount(t *kernel.Task, c *vfs.Ctx, source Path, at vfs.Path, flags LFlags) (uintptr, error) {
	from, err := resolve(t, c, linux.AT_FDCWD, source, 0)
	if err != nil {
		return 0, err
	}
	var f vfs.MountFlags
	for _, m := range mountFlags {
		if uint64(flags)&m.ms != 0 {
			f |= m.mount
		}
	}
	_, err = c.VFS.Bind(from, at, f)
	return 0, err
}

// umount2 is umount(2).
func umount2(t *kernel.Task, path Path, flags Flags) (uintptr, error) {
	const known = linux.MNT_FORCE | linux.MNT_DETACH | linux.MNT_EXPIRE | linux.UMOUNT_NOFOLLOW
	if flags&^known != 0 {
		return 0, linux.EINVAL
	}
	var how vfs.WalkFlags
	if flags&linux.UMOUNT_NOFOLLOW != 0 {
		how = vfs.NoFollow
	}
	c := vfsCtx(t)
	p, err := resolve(t, c, linux.AT_FDCWD, path, how)
	switch {
	case err != nil:
		return 0, err
	case !c.Creds.Has(auth.CapSysAdmin):
		return 0, linux.EPERM
	case !p.IsMountRoot():
		return 0, linux.EINVAL
	}
	detach := vfs.Refuse
	if flags&linux.MNT_DETACH != 0 {
		detach = vfs.Lazily
	}
	return 0, c.VFS.Unmount(p, detach)
}
