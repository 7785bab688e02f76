package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

const oldMounts = "mount(2) is the way to mount"

// mounting is the calls that change mounts.
var mounting = family{
	sysno.Mount: call5(mount).except("new ones of tmpfs, proc, sysfs, mqueue and cgroup2; no MS_MOVE, no propagation between namespaces; " +
		"what a mount made from outside forbids cannot be allowed"),
	sysno.Umount2: call2(umount2),

	sysno.OpenTree:     refuse(linux.ENOSYS, oldMounts),
	sysno.MoveMount:    refuse(linux.ENOSYS, oldMounts),
	sysno.Fsopen:       refuse(linux.ENOSYS, oldMounts),
	sysno.Fsconfig:     refuse(linux.ENOSYS, oldMounts),
	sysno.Fsmount:      refuse(linux.ENOSYS, oldMounts),
	sysno.Fspick:       refuse(linux.ENOSYS, oldMounts),
	sysno.MountSetattr: refuse(linux.ENOSYS, oldMounts),
}

// mountFlags are the flags of mount(2) that a mount can have.
func mountFlags(ms LFlags) (f vfs.MountFlags) {
	for _, m := range [...]struct {
		ms    LFlags
		mount vfs.MountFlags
	}{
		{linux.MS_RDONLY, vfs.ReadOnly}, {linux.MS_NOSUID, vfs.NoSuid}, {linux.MS_NODEV, vfs.NoDev},
		{linux.MS_NOEXEC, vfs.NoExec}, {linux.MS_NOATIME, vfs.NoAtime},
	} {
		if ms&m.ms != 0 {
			f |= m.mount
		}
	}
	return f
}

// mount is mount(2). Propagation is what it would be without peers.
func mount(t *kernel.Task, source, target Path, typ Path, flags LFlags, data Addr) (uintptr, error) {
	const propagation = linux.MS_PRIVATE | linux.MS_SLAVE | linux.MS_SHARED | linux.MS_UNBINDABLE
	kind, err := optionalPath(t, typ)
	if err != nil {
		return 0, err
	}
	options, err := mountOptions(t, data)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	at, err := resolve(t, c, linux.AT_FDCWD, target, 0)
	switch {
	case err != nil:
		return 0, err
	case !c.Creds.Has(auth.CapSysAdmin):
		return 0, linux.EPERM
	case flags&linux.MS_REMOUNT != 0:
		if !at.IsMountRoot() || flags&linux.MS_BIND == 0 && options != "" {
			return 0, linux.EINVAL
		}
		return 0, at.Mount.Restrict(mountFlags(flags))
	case flags&linux.MS_BIND != 0:
		from, err := resolve(t, c, linux.AT_FDCWD, source, 0)
		if err != nil {
			return 0, err
		}
		return 0, c.VFS.BindTree(from, at, flags&linux.MS_REC != 0)
	case flags&propagation != 0:
		if !at.IsMountRoot() {
			return 0, linux.EINVAL
		}
		return 0, nil
	case flags&linux.MS_MOVE != 0:
		return 0, linux.EPERM
	case kind == "":
		return 0, linux.EINVAL
	case c.VFS.New == nil:
		return 0, linux.ENODEV
	}
	from, err := optionalPath(t, source)
	if err != nil {
		return 0, err
	}
	fs, err := c.VFS.New(c, kind, options)
	if err != nil {
		return 0, err
	}
	if _, err = c.VFS.MountAt(fs, at, from, options, mountFlags(flags)); err != nil {
		fs.Release()
	}
	return 0, err
}

// optionalPath reads a path that may be missing.
func optionalPath(t *kernel.Task, a Path) (string, error) {
	if a == 0 {
		return "", nil
	}
	return copyInPath(t, a)
}

// mountOptions reads the last argument of mount(2): at most a page, or what of it is there.
func mountOptions(t *kernel.Task, a Addr) (string, error) {
	if a == 0 {
		return "", nil
	}
	b := make([]byte, guest.PageSize-1)
	n, err := t.Mem().CopyIn(a.Guest(), b)
	if n == 0 && err != nil {
		return "", err
	}
	for i := range b[:n] {
		if b[i] == 0 {
			return string(b[:i]), nil
		}
	}
	return string(b[:n]), nil
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
