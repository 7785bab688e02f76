package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// syncing is the calls that write files out, or say how they will be read.
var syncing = family{
	sysno.Sync:          call0(syncAll),
	sysno.Syncfs:        call1(syncfs),
	sysno.Fsync:         call1(fsync),
	sysno.Fdatasync:     call1(fdatasync),
	sysno.SyncFileRange: call4(syncFileRange).except("the whole file is written out"),
	sysno.Readahead:     call3(readahead).except("nothing is read ahead"),
	sysno.Fadvise64:     call4(fadvise64).except("advice is not followed"),
	sysno.Cachestat:     refuse(linux.ENOSYS, "files are cached by the host"),
}

// syncAll is sync(2), which never fails.
func syncAll(t *kernel.Task) (uintptr, error) {
	c := vfsCtx(t)
	for _, m := range c.VFS.Mounts() {
		if err := m.FileSystem().Sync(c); err != nil {
			t.Kernel().Warnf("sync of %s: %v", m.FileSystem().Type(), err)
		}
	}
	return 0, nil
}

// syncfs is syncfs(2).
func syncfs(t *kernel.Task, fd FD) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if f.Path().IsZero() {
		return 0, nil
	}
	return 0, f.Path().Mount.FileSystem().Sync(ioCtx(t))
}

// fsync is fsync(2).
func fsync(t *kernel.Task, fd FD) (uintptr, error) { return syncFD(t, fd, wholeFile) }

// fdatasync is fdatasync(2).
func fdatasync(t *kernel.Task, fd FD) (uintptr, error) { return syncFD(t, fd, dataOnly) }

// syncWhat says what of a file is written out.
type syncWhat uint8

const (
	wholeFile syncWhat = iota
	dataOnly
)

func syncFD(t *kernel.Task, fd FD, what syncWhat) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	return 0, syncFile(t, f, what)
}

func syncFile(t *kernel.Task, f *vfs.File, what syncWhat) error {
	return f.Fsync(ioCtx(t), what == dataOnly)
}

// Flags of sync_file_range(2).
const syncRangeFlags = 7

// syncFileRange is sync_file_range(2).
func syncFileRange(t *kernel.Task, fd FD, off, n Offset, flags Uint) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	switch {
	case flags&^syncRangeFlags != 0, off < 0, n < 0, off+n < 0:
		return 0, linux.EINVAL
	case !f.HasOffset():
		return 0, linux.ESPIPE
	case flags == 0:
		return 0, nil
	}
	return 0, syncFile(t, f, dataOnly)
}

// readahead is readahead(2).
func readahead(t *kernel.Task, fd FD, _ Offset, _ Size) (uintptr, error) {
	f, err := getFileFor(t, fd, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if !isRegular(f) {
		return 0, linux.EINVAL
	}
	return 0, nil
}

// lastAdvice is POSIX_FADV_NOREUSE.
const lastAdvice = 5

// fadvise64 is posix_fadvise(2).
func fadvise64(t *kernel.Task, fd FD, _, n Offset, advice Int) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	switch {
	case f.Path().IsZero() || f.Path().Inode().Kind() == linux.S_IFIFO:
		return 0, linux.ESPIPE
	case n < 0, advice < 0, advice > lastAdvice:
		return 0, linux.EINVAL
	}
	return 0, nil
}

// isRegular reports whether f is a regular file.
func isRegular(f *vfs.File) bool {
	return !f.Path().IsZero() && f.Path().Inode().Kind() == linux.S_IFREG
}
