package sys

import (
	"glovebox/abi/linux"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// fdTable and fsContext make the tables of package vfs those of a task.
type (
	fdTable   struct{ *vfs.FDTable }
	fsContext struct{ *vfs.FSContext }
)

// Fork implements kernel.FDTable.
func (x fdTable) Fork() kernel.FDTable { return fdTable{x.Copy()} }

// Fork implements kernel.FSContext.
func (x fsContext) Fork() kernel.FSContext { return fsContext{x.Copy()} }

// Files returns what a task names files by, made of a reference to each.
func Files(fds *vfs.FDTable, fs *vfs.FSContext) kernel.Files {
	return kernel.Files{FDs: fdTable{fds}, FS: fsContext{fs}}
}

// fdsOf returns t's descriptors. Task goroutine only.
func fdsOf(t *kernel.Task) *vfs.FDTable { return t.Files().FDs.(fdTable).FDTable }

// fsOf returns t's paths. Task goroutine only.
func fsOf(t *kernel.Task) *vfs.FSContext { return t.Files().FS.(fsContext).FSContext }

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
	c.FileLimit = t.Group().Limits().Cur(linux.RLIMIT_FSIZE)
	return c
}

// vfsCtx is ioCtx for a call that takes paths.
func vfsCtx(t *kernel.Task) *vfs.Ctx {
	c := ioCtx(t)
	c.Root, c.Cwd, c.Umask = fsOf(t).Get()
	return c
}
