package sys

import (
	"bytes"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// fdsOf returns t's descriptors. Task goroutine only.
func fdsOf(t *kernel.Task) *vfs.FDTable { return t.Files().FDs }

// fsOf returns t's paths. Task goroutine only.
func fsOf(t *kernel.Task) *vfs.FSContext { return t.Files().FS }

// vfsOf returns the mounts that t sees. Task goroutine only.
func vfsOf(t *kernel.Task) *vfs.VFS { return t.Files().VFS }

// getFile returns the open file at fd with a reference: EBADF if there is none
// or if it was opened with O_PATH.
func getFile(t *kernel.Task, fd FD) (*vfs.File, error) {
	f, err := fdsOf(t).Get(int32(fd))
	if err != nil {
		return nil, err
	}
	if f.Flags()&linux.O_PATH != 0 {
		f.Dec()
		return nil, linux.EBADF
	}
	return f, nil
}

// getAnyFile is getFile that takes files opened with O_PATH too.
func getAnyFile(t *kernel.Task, fd FD) (*vfs.File, error) { return fdsOf(t).Get(int32(fd)) }

// getFileFor is getFile for a file that is open for reading (O_RDONLY) or
// writing (O_WRONLY): EBADF if it is not.
func getFileFor(t *kernel.Task, fd FD, mode uint32) (*vfs.File, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return nil, err
	}
	if m := f.Flags() & linux.O_ACCMODE; m != mode && m != linux.O_RDWR {
		f.Dec()
		return nil, linux.EBADF
	}
	return f, nil
}

// addFile gives t a descriptor for f, whose reference it takes over or drops.
func addFile(t *kernel.Task, f *vfs.File, flags vfs.FDFlags) (uintptr, error) {
	fd, err := fdsOf(t).Add(f, 0, flags, fdLimit(t))
	if err != nil {
		f.Dec()
		return 0, err
	}
	return uintptr(fd), nil
}

// fdLimit is RLIMIT_NOFILE.
func fdLimit(t *kernel.Task) uint64 { return t.Group().Limits().Cur(linux.RLIMIT_NOFILE) }

// cloexec returns a descriptor's flags for the O_CLOEXEC in flags.
func cloexec(flags uint32) vfs.FDFlags {
	if flags&linux.O_CLOEXEC != 0 {
		return vfs.CloseOnExec
	}
	return 0
}

// ioCtx returns on whose behalf t's call uses open files. It is good until the
// call returns.
func ioCtx(t *kernel.Task) *vfs.Ctx {
	c := &scratchOf(t).ctx
	c.Creds, c.TGID, c.Task = t.Creds(), t.Group().ID(), t
	c.Heap = &t.Group().Cgroup().Host.Memory.Heap
	c.FileLimit = t.Group().Limits().Cur(linux.RLIMIT_FSIZE)
	return c
}

// vfsCtx is ioCtx for a call that takes paths.
func vfsCtx(t *kernel.Task) *vfs.Ctx {
	c := ioCtx(t)
	c.VFS = t.Files().VFS
	c.Root, c.Cwd, c.Umask = fsOf(t).Get()
	return c
}

// copyInPath reads a path (getname). Most are short: what is read first is as
// much as they take.
func copyInPath(t *kernel.Task, a Path) (string, error) {
	p := &scratchOf(t).path
	at, n, want := a.Guest(), 0, 64
	for n < len(p) {
		// Stay within a page: the next one need not be mapped.
		want = min(want, len(p)-n, guest.PageSize-int(at%guest.PageSize))
		got, err := t.Mem().CopyIn(at, p[n:n+want])
		if i := bytes.IndexByte(p[n:n+got], 0); i >= 0 {
			return string(p[:n+i]), nil
		}
		if err != nil {
			return "", err
		}
		n += got
		at += guest.Addr(got)
		want = len(p)
	}
	return "", linux.ENAMETOOLONG
}

// startOf reads the path at a, and returns where it starts if it is relative.
func startOf(t *kernel.Task, c *vfs.Ctx, dfd FD, a Path) (vfs.Path, string, error) {
	path, err := copyInPath(t, a)
	if err != nil {
		return vfs.Path{}, "", err
	}
	if dfd == linux.AT_FDCWD || path != "" && path[0] == '/' {
		return c.Cwd, path, nil
	}
	f, err := getAnyFile(t, dfd)
	if err != nil {
		return vfs.Path{}, "", err
	}
	defer f.Dec()
	if path != "" && (f.Path().IsZero() || f.Path().Inode().Kind() != linux.S_IFDIR) {
		return vfs.Path{}, "", linux.ENOTDIR
	}
	return f.Path(), path, nil
}

// resolve returns the file that the path at a names.
func resolve(t *kernel.Task, c *vfs.Ctx, dfd FD, a Path, how vfs.WalkFlags) (vfs.Path, error) {
	start, path, err := startOf(t, c, dfd, a)
	if err != nil {
		return vfs.Path{}, err
	}
	p, err := c.VFS.Walk(c, start, path, how)
	if err == nil && p.IsZero() {
		err = linux.EBADF // "" and a file without a path
	}
	return p, err
}

// walkFlags returns what AT_* flags ask of a walk: EINVAL for one that is not
// among known. Where AT_SYMLINK_FOLLOW is known, links are not followed without
// it.
func walkFlags(flags, known Flags) (vfs.WalkFlags, error) {
	if flags&^known != 0 {
		return 0, linux.EINVAL
	}
	var how vfs.WalkFlags
	if flags&linux.AT_SYMLINK_NOFOLLOW != 0 || known&^flags&linux.AT_SYMLINK_FOLLOW != 0 {
		how |= vfs.NoFollow
	}
	if flags&linux.AT_EMPTY_PATH != 0 {
		how |= vfs.AllowEmpty
	}
	return how, nil
}
