package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// attributes is the calls that tell what files are.
var attributes = family{
	sysno.Stat:       call2(stat),
	sysno.Lstat:      call2(lstat),
	sysno.Fstat:      call2(fstat),
	sysno.Newfstatat: call4(newfstatat),
	sysno.Statx:      call5(statx),
	sysno.Statfs:     call2(statfs),
	sysno.Fstatfs:    call2(fstatfs),
	sysno.Ustat:      refuse(linux.ENOSYS, "no device has free inodes to tell of"),
	sysno.Access:     call2(access),
	sysno.Faccessat:  call3(faccessat),
	sysno.Faccessat2: call4(faccessat2),
	sysno.Readlink:   call3(readlink),
	sysno.Readlinkat: call4(readlinkat),

	sysno.NameToHandleAt: refuse(linux.EOPNOTSUPP, "as for a file system that cannot be exported"),
	sysno.OpenByHandleAt: refuse(linux.EPERM, "there are no handles"),
}

// statFlags are the AT_* flags of newfstatat and statx.
const statFlags = linux.AT_SYMLINK_NOFOLLOW | linux.AT_NO_AUTOMOUNT | linux.AT_EMPTY_PATH | linux.AT_STATX_SYNC_TYPE

// stat is stat(2).
func stat(t *kernel.Task, path Path, to Addr) (uintptr, error) {
	return newfstatat(t, linux.AT_FDCWD, path, to, 0)
}

// lstat is lstat(2).
func lstat(t *kernel.Task, path Path, to Addr) (uintptr, error) {
	return newfstatat(t, linux.AT_FDCWD, path, to, linux.AT_SYMLINK_NOFOLLOW)
}

// fstat is fstat(2).
func fstat(t *kernel.Task, fd FD, to Addr) (uintptr, error) {
	f, err := getAnyFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	a, err := f.Attr(ioCtx(t))
	if err != nil {
		return 0, err
	}
	return 0, copyOutStat(t, to, &a)
}

// newfstatat is fstatat(2).
func newfstatat(t *kernel.Task, dfd FD, path Path, to Addr, flags Flags) (uintptr, error) {
	a, _, err := attrAt(t, dfd, path, flags)
	if err != nil {
		return 0, err
	}
	return 0, copyOutStat(t, to, &a)
}

// attrAt returns the attributes of what path names, and where that is: nowhere
// for a descriptor of a file without a path.
func attrAt(t *kernel.Task, dfd FD, path Path, flags Flags) (vfs.Attr, vfs.Path, error) {
	how, err := walkFlags(flags, statFlags)
	if err != nil {
		return vfs.Attr{}, vfs.Path{}, err
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return vfs.Attr{}, vfs.Path{}, err
	}
	if name == "" && how&vfs.AllowEmpty != 0 && start.IsZero() {
		f, err := getAnyFile(t, dfd)
		if err != nil {
			return vfs.Attr{}, vfs.Path{}, err
		}
		defer f.Dec()
		a, err := f.Attr(c)
		return a, start, err
	}
	p, err := c.VFS.Walk(c, start, name, how)
	if err != nil {
		return vfs.Attr{}, vfs.Path{}, err
	}
	a, err := p.Inode().Attr(c)
	return a, p, err
}

// copyOutStat stores a struct stat.
func copyOutStat(t *kernel.Task, to Addr, a *vfs.Attr) error {
	s := &scratchOf(t).stat
	*s = linux.Stat{
		Dev: a.Dev, Ino: a.Ino, Nlink: uint64(a.Nlink), Mode: a.Mode, UID: a.UID, GID: a.GID,
		Rdev: a.RDev, Size: a.Size, Blksize: int64(a.BlkSize), Blocks: int64(a.Blocks),
		Atim: a.Atime, Mtim: a.Mtime, Ctim: a.Ctime,
	}
	return copyOut(t, to, s)
}

// statx is statx(2).
func statx(t *kernel.Task, dfd FD, path Path, flags Flags, mask Uint, to Addr) (uintptr, error) {
	if mask&linux.STATX_RESERVED != 0 || flags&linux.AT_STATX_SYNC_TYPE == linux.AT_STATX_SYNC_TYPE {
		return 0, linux.EINVAL
	}
	a, p, err := attrAt(t, dfd, path, flags)
	if err != nil {
		return 0, err
	}
	s := linux.Statx{
		Mask: linux.STATX_BASIC_STATS, BlkSize: a.BlkSize, AttributesMask: linux.STATX_ATTR_MOUNT_ROOT,
		Nlink: a.Nlink, UID: a.UID, GID: a.GID, Mode: uint16(a.Mode),
		Ino: a.Ino, Size: uint64(a.Size), Blocks: a.Blocks,
		Atime: statxTime(a.Atime), Mtime: statxTime(a.Mtime), Ctime: statxTime(a.Ctime),
		RDevMajor: linux.Major(a.RDev), RDevMinor: linux.Minor(a.RDev),
		DevMajor: linux.Major(a.Dev), DevMinor: linux.Minor(a.Dev),
	}
	if a.BtimeKnown {
		s.Mask |= linux.STATX_BTIME
		s.Btime = statxTime(a.Btime)
	}
	if p.Mount != nil {
		s.Mask |= linux.STATX_MNT_ID
		s.MntID = uint64(p.Mount.ID)
		if p.IsMountRoot() {
			s.Attributes |= linux.STATX_ATTR_MOUNT_ROOT
		}
	}
	return 0, copyOut(t, to, &s)
}

func statxTime(ts linux.Timespec) linux.StatxTimestamp {
	return linux.StatxTimestamp{Sec: ts.Sec, Nsec: uint32(ts.Nsec)}
}

// statfs is statfs(2).
func statfs(t *kernel.Task, path Path, to Addr) (uintptr, error) {
	c := vfsCtx(t)
	p, err := resolve(t, c, linux.AT_FDCWD, path, 0)
	if err != nil {
		return 0, err
	}
	return copyOutStatfs(t, c, p, to)
}

// fstatfs is fstatfs(2).
func fstatfs(t *kernel.Task, fd FD, to Addr) (uintptr, error) {
	f, err := getAnyFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	return copyOutStatfs(t, ioCtx(t), f.Path(), to)
}

func copyOutStatfs(t *kernel.Task, c *vfs.Ctx, p vfs.Path, to Addr) (uintptr, error) {
	if p.IsZero() {
		s := linux.Statfs{Type: linux.ANON_INODE_FS, Bsize: 4096, Frsize: 4096, Namelen: linux.NAME_MAX}
		return 0, copyOut(t, to, &s)
	}
	s, err := vfs.Statfs(c, p)
	if err != nil {
		return 0, err
	}
	return 0, copyOut(t, to, &s)
}

// access is access(2).
func access(t *kernel.Task, path Path, mode Uint) (uintptr, error) {
	return faccessat2(t, linux.AT_FDCWD, path, mode, 0)
}

// faccessat is faccessat(2)'s older call, without flags.
func faccessat(t *kernel.Task, dfd FD, path Path, mode Uint) (uintptr, error) {
	return faccessat2(t, dfd, path, mode, 0)
}

// faccessat2 is faccessat(2): it asks for the real ids, with the capabilities
// that those have (access_override_creds).
func faccessat2(t *kernel.Task, dfd FD, path Path, mode Uint, flags Flags) (uintptr, error) {
	if mode&^7 != 0 {
		return 0, linux.EINVAL
	}
	how, err := walkFlags(flags&^linux.AT_EACCESS, linux.AT_SYMLINK_NOFOLLOW|linux.AT_EMPTY_PATH)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	if flags&linux.AT_EACCESS == 0 {
		k := c.Creds.Clone()
		k.FSUID, k.FSGID = k.UID, k.GID
		if k.SecureBits&auth.NoSetuidFixup == 0 {
			k.Effective = 0
			if k.UID == 0 {
				k.Effective = k.Permitted
			}
		}
		c.Creds = k
	}
	p, err := resolve(t, c, dfd, path, how)
	if err != nil {
		return 0, err
	}
	return 0, vfs.AccessPath(c, p, vfs.Access(mode))
}

// readlink is readlink(2).
func readlink(t *kernel.Task, path Path, to Addr, n Int) (uintptr, error) {
	return readlinkat(t, linux.AT_FDCWD, path, to, n)
}

// readlinkat is readlinkat(2). The empty path is a link opened with O_PATH.
func readlinkat(t *kernel.Task, dfd FD, path Path, to Addr, n Int) (uintptr, error) {
	if n <= 0 {
		return 0, linux.EINVAL
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return 0, err
	}
	if name == "" && start.IsZero() {
		return 0, linux.ENOENT
	}
	p, err := c.VFS.Walk(c, start, name, vfs.AllowEmpty|vfs.NoFollow)
	if err != nil {
		return 0, err
	}
	l, ok := p.Inode().(vfs.Symlink)
	switch {
	case !ok && name == "":
		return 0, linux.ENOENT
	case !ok:
		return 0, linux.EINVAL
	}
	target, err := l.Readlink(c)
	if err != nil {
		return 0, err
	}
	b := []byte(target[:min(len(target), int(n))])
	_, err = t.Mem().CopyOut(to.Guest(), b)
	return uintptr(len(b)), err
}
