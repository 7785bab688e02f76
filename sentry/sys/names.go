package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// naming is the calls that make, move and remove names.
var naming = family{
	sysno.Mkdir:     call2(mkdir),
	sysno.Mkdirat:   call3(mkdirat),
	sysno.Rmdir:     call1(rmdir),
	sysno.Unlink:    call1(unlink),
	sysno.Unlinkat:  call3(unlinkat),
	sysno.Rename:    call2(rename),
	sysno.Renameat:  call4(renameat),
	sysno.Renameat2: call5(renameat2).except("RENAME_WHITEOUT is for tmpfs only"),
	sysno.Link:      call2(link),
	sysno.Linkat:    call5(linkat),
	sysno.Symlink:   call2(symlink),
	sysno.Symlinkat: call3(symlinkat),
	sysno.Mknod:     call3(mknod),
	sysno.Mknodat:   call4(mknodat),
}

// mkdir is mkdir(2).
func mkdir(t *kernel.Task, path Path, mode Mode) (uintptr, error) {
	return mkdirat(t, linux.AT_FDCWD, path, mode)
}

// mkdirat is mkdirat(2).
func mkdirat(t *kernel.Task, dfd FD, path Path, mode Mode) (uintptr, error) {
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return 0, err
	}
	return 0, c.VFS.Mkdir(c, start, name, uint32(mode))
}

// rmdir is rmdir(2).
func rmdir(t *kernel.Task, path Path) (uintptr, error) {
	return unlinkat(t, linux.AT_FDCWD, path, linux.AT_REMOVEDIR)
}

// unlink is unlink(2).
func unlink(t *kernel.Task, path Path) (uintptr, error) {
	return unlinkat(t, linux.AT_FDCWD, path, 0)
}

// unlinkat is unlinkat(2).
func unlinkat(t *kernel.Task, dfd FD, path Path, flags Flags) (uintptr, error) {
	if flags&^linux.AT_REMOVEDIR != 0 {
		return 0, linux.EINVAL
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return 0, err
	}
	if flags&linux.AT_REMOVEDIR != 0 {
		return 0, c.VFS.Rmdir(c, start, name)
	}
	return 0, c.VFS.Unlink(c, start, name)
}

// rename is rename(2).
func rename(t *kernel.Task, from, to Path) (uintptr, error) {
	return renameat2(t, linux.AT_FDCWD, from, linux.AT_FDCWD, to, 0)
}

// renameat is renameat(2).
func renameat(t *kernel.Task, fromFD FD, from Path, toFD FD, to Path) (uintptr, error) {
	return renameat2(t, fromFD, from, toFD, to, 0)
}

// renameat2 is renameat2(2).
func renameat2(t *kernel.Task, fromFD FD, from Path, toFD FD, to Path, flags Flags) (uintptr, error) {
	if !vfs.ValidRename(uint32(flags)) {
		return 0, linux.EINVAL
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, fromFD, from)
	if err != nil {
		return 0, err
	}
	toStart, toName, err := startOf(t, c, toFD, to)
	if err != nil {
		return 0, err
	}
	return 0, c.VFS.Rename(c, start, name, toStart, toName, uint32(flags))
}

// link is link(2), which does not follow symbolic links.
func link(t *kernel.Task, from, to Path) (uintptr, error) {
	return linkat(t, linux.AT_FDCWD, from, linux.AT_FDCWD, to, 0)
}

// openedBy reports whether the file at fd was opened with the credentials that t has.
func openedBy(t *kernel.Task, c *vfs.Ctx, fd FD) bool {
	f, err := getAnyFile(t, fd)
	if err != nil {
		return false
	}
	defer f.Dec()
	return f.Creds() == c.Creds
}

// linkat is linkat(2). Making a name for a descriptor is for those who have opened
// the file, and those who could open it by any name.
func linkat(t *kernel.Task, fromFD FD, from Path, toFD FD, to Path, flags Flags) (uintptr, error) {
	how, err := walkFlags(flags, linux.AT_SYMLINK_FOLLOW|linux.AT_EMPTY_PATH)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	if how&vfs.AllowEmpty != 0 && !c.Creds.Has(auth.CapDacReadSearch) && !openedBy(t, c, fromFD) {
		return 0, linux.ENOENT
	}
	old, err := resolve(t, c, fromFD, from, how)
	if err != nil {
		return 0, err
	}
	start, name, err := startOf(t, c, toFD, to)
	if err != nil {
		return 0, err
	}
	return 0, c.VFS.Link(c, old, start, name)
}

// symlink is symlink(2).
func symlink(t *kernel.Task, target, path Path) (uintptr, error) {
	return symlinkat(t, target, linux.AT_FDCWD, path)
}

// symlinkat is symlinkat(2).
func symlinkat(t *kernel.Task, target Path, dfd FD, path Path) (uintptr, error) {
	to, err := copyInPath(t, target)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return 0, err
	}
	return 0, c.VFS.Symlink(c, to, start, name)
}

// mknod is mknod(2).
func mknod(t *kernel.Task, path Path, mode Mode, dev Uint) (uintptr, error) {
	return mknodat(t, linux.AT_FDCWD, path, mode, dev)
}

// mknodat is mknodat(2).
func mknodat(t *kernel.Task, dfd FD, path Path, mode Mode, dev Uint) (uintptr, error) {
	switch mode & linux.S_IFMT {
	case 0, linux.S_IFREG, linux.S_IFCHR, linux.S_IFBLK, linux.S_IFIFO, linux.S_IFSOCK:
	case linux.S_IFDIR:
		return 0, linux.EPERM
	default:
		return 0, linux.EINVAL
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return 0, err
	}
	return 0, c.VFS.Mknod(c, start, name, uint32(mode), uint64(dev))
}
