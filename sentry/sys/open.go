package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// opening is the calls that make and close descriptors of files with names.
var opening = family{
	sysno.Open:       call3(open),
	sysno.Openat:     call4(openat),
	sysno.Openat2:    call4(openat2).except("RESOLVE_CACHED is EAGAIN"),
	sysno.Creat:      call2(creat),
	sysno.Close:      call1(closeFD),
	sysno.CloseRange: call3(closeRange),
	sysno.Dup:        call1(dup),
	sysno.Dup2:       call2(dup2),
	sysno.Dup3:       call3(dup3),
}

// openFlags are the flags of open(2) that there are (VALID_OPEN_FLAGS).
const openFlags = linux.O_ACCMODE | linux.O_CREAT | linux.O_EXCL | linux.O_NOCTTY | linux.O_TRUNC |
	linux.O_APPEND | linux.O_NONBLOCK | linux.O_SYNC | linux.O_DSYNC | linux.O_ASYNC | linux.O_DIRECT |
	linux.O_LARGEFILE | linux.O_DIRECTORY | linux.O_NOFOLLOW | linux.O_NOATIME | linux.O_CLOEXEC |
	linux.O_PATH | linux.O_TMPFILE

// open is open(2).
func open(t *kernel.Task, path Path, flags Flags, mode Mode) (uintptr, error) {
	return openat(t, linux.AT_FDCWD, path, flags, mode)
}

// creat is creat(2).
func creat(t *kernel.Task, path Path, mode Mode) (uintptr, error) {
	return openat(t, linux.AT_FDCWD, path, linux.O_CREAT|linux.O_WRONLY|linux.O_TRUNC, mode)
}

// openat is openat(2), which ignores flags that it does not know.
func openat(t *kernel.Task, dfd FD, path Path, flags Flags, mode Mode) (uintptr, error) {
	f := uint32(flags) & openFlags
	if f&linux.O_PATH != 0 {
		f &= pathOnly
	}
	return openFile(t, dfd, path, f|linux.O_LARGEFILE, uint32(mode)&0o7777, 0)
}

// pathOnly is what counts beside O_PATH.
const pathOnly = linux.O_PATH | linux.O_DIRECTORY | linux.O_NOFOLLOW | linux.O_CLOEXEC

// resolveFlags are openat2(2)'s RESOLVE_* and what they mean for a walk.
var resolveFlags = [...]struct {
	resolve uint64
	walk    vfs.WalkFlags
}{
	{linux.RESOLVE_NO_XDEV, vfs.NoXDev},
	{linux.RESOLVE_NO_MAGICLINKS, vfs.NoMagicLinks},
	{linux.RESOLVE_NO_SYMLINKS, vfs.NoSymlinks},
	{linux.RESOLVE_BENEATH, vfs.Beneath},
	{linux.RESOLVE_IN_ROOT, vfs.InRoot},
}

// openat2 is openat2(2).
func openat2(t *kernel.Task, dfd FD, path Path, a Addr, size Size) (uintptr, error) {
	const least = 24
	if size < least {
		return 0, linux.EINVAL
	}
	if size > 4096 {
		return 0, linux.E2BIG
	}
	var h linux.OpenHow
	if err := copyInSized(t, a, uint64(size), &h); err != nil {
		return 0, err
	}
	var how vfs.WalkFlags
	rest := h.Resolve
	for _, r := range resolveFlags {
		if h.Resolve&r.resolve != 0 {
			how |= r.walk
			rest &^= r.resolve
		}
	}
	makes := h.Flags&linux.O_CREAT != 0 || h.Flags&linux.O_TMPFILE == linux.O_TMPFILE
	switch {
	case h.Flags&^openFlags != 0,
		rest&^linux.RESOLVE_CACHED != 0,
		h.Resolve&linux.RESOLVE_BENEATH != 0 && h.Resolve&linux.RESOLVE_IN_ROOT != 0,
		makes && h.Mode&^0o7777 != 0, !makes && h.Mode != 0,
		h.Flags&linux.O_PATH != 0 && h.Flags&^pathOnly != 0:
		return 0, linux.EINVAL
	case rest != 0:
		return 0, linux.EAGAIN // nothing is known to be cached
	}
	return openFile(t, dfd, path, uint32(h.Flags)|linux.O_LARGEFILE, uint32(h.Mode), how)
}

// tmpfileBit is O_TMPFILE without the O_DIRECTORY in it (__O_TMPFILE).
const tmpfileBit = linux.O_TMPFILE &^ linux.O_DIRECTORY

// openFile opens a file and gives t a descriptor for it (do_sys_openat2).
func openFile(t *kernel.Task, dfd FD, path Path, flags, mode uint32, how vfs.WalkFlags) (uintptr, error) {
	switch {
	case flags&tmpfileBit != 0 && (flags&linux.O_DIRECTORY == 0 || flags&linux.O_CREAT != 0 || flags&linux.O_ACCMODE == 0),
		flags&linux.O_CREAT != 0 && flags&linux.O_DIRECTORY != 0:
		return 0, linux.EINVAL
	}
	c := vfsCtx(t)
	start, name, err := startOf(t, c, dfd, path)
	if err != nil {
		return 0, err
	}
	f, err := c.VFS.Open(c, start, name, flags, mode, how)
	if err != nil {
		return 0, err
	}
	if err := waitOpen(t, f); err != nil {
		f.Dec()
		return 0, err
	}
	return addFile(t, f, cloexec(flags))
}

// waitOpen waits for the other end of a FIFO (fifo(7)).
func waitOpen(t *kernel.Task, f *vfs.File) error {
	e, ok := f.Ops().(*pipe.End)
	if !ok || e.Opened() == nil {
		return nil
	}
	_, err := blockOn(t, f.Queue(), readEvents|writeEvents, 0, func() (int64, error) { return 0, e.Opened() })
	return err
}

// closeFD is close(2). A descriptor is closed whatever is returned, so a call
// that was interrupted must not be restarted.
func closeFD(t *kernel.Task, fd FD) (uintptr, error) {
	err := fdsOf(t).Close(int32(fd))
	if e, ok := err.(linux.Errno); ok && e >= linux.ERESTARTSYS {
		err = linux.EINTR
	}
	return 0, err
}

// Flags of close_range(2).
const (
	closeRangeUnshare = 2
	closeRangeCloexec = 4
)

// closeRange is close_range(2).
func closeRange(t *kernel.Task, first, last Uint, flags Flags) (uintptr, error) {
	if flags&^(closeRangeUnshare|closeRangeCloexec) != 0 || first > last {
		return 0, linux.EINVAL
	}
	if flags&closeRangeUnshare != 0 {
		t.UnshareFiles()
	}
	if flags&closeRangeCloexec != 0 {
		fdsOf(t).MarkRange(uint32(first), uint32(last))
	} else {
		fdsOf(t).CloseRange(uint32(first), uint32(last))
	}
	return 0, nil
}

// dup is dup(2).
func dup(t *kernel.Task, fd FD) (uintptr, error) {
	f, err := getAnyFile(t, fd)
	if err != nil {
		return 0, err
	}
	return addFile(t, f, 0)
}

// dup2 is dup2(2).
func dup2(t *kernel.Task, old, to FD) (uintptr, error) {
	if old == to {
		f, err := getAnyFile(t, old)
		if err != nil {
			return 0, err
		}
		f.Dec()
		return uintptr(to), nil
	}
	return dup3(t, old, to, 0)
}

// dup3 is dup3(2).
func dup3(t *kernel.Task, old, to FD, flags Flags) (uintptr, error) {
	if flags&^linux.O_CLOEXEC != 0 || old == to {
		return 0, linux.EINVAL
	}
	if to < 0 || uint64(to) >= fdLimit(t) {
		return 0, linux.EBADF
	}
	f, err := getAnyFile(t, old)
	if err != nil {
		return 0, err
	}
	if err := fdsOf(t).Set(int32(to), f, cloexec(uint32(flags)), fdLimit(t)); err != nil {
		f.Dec()
		return 0, err
	}
	return uintptr(to), nil
}
