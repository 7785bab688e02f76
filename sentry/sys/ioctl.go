package sys

import (
	"glovebox/abi/linux"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// ioctl is ioctl(2): requests that every file takes, those of regular files,
// and what the file itself knows.
func ioctl(t *kernel.Task, fd FD, cmd Uint, arg Addr) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	switch cmd {
	case linux.FIOCLEX:
		return 0, fdsOf(t).SetFlags(int32(fd), vfs.CloseOnExec)
	case linux.FIONCLEX:
		return 0, fdsOf(t).SetFlags(int32(fd), 0)
	case linux.FIONBIO:
		return 0, ioctlStatus(t, f, linux.O_NONBLOCK, arg)
	case linux.FIOASYNC:
		return 0, ioctlStatus(t, f, linux.O_ASYNC, arg)
	case linux.FIOQSIZE, linux.FIGETBSZ, linux.FIONREAD:
		if isRegular(f) {
			return 0, ioctlRegular(t, f, cmd, arg)
		}
	}
	return f.Ioctl(ioCtx(t), t.Mem(), uint32(cmd), uint64(arg))
}

// ioctlStatus sets or clears a status flag.
func ioctlStatus(t *kernel.Task, f *vfs.File, flag uint32, arg Addr) error {
	var on int32
	if err := copyIn(t, arg, &on); err != nil {
		return err
	}
	if on != 0 {
		f.SetFlags(f.Flags() | flag)
	} else {
		f.SetFlags(f.Flags() &^ flag)
	}
	return nil
}

// ioctlRegular is the requests that tell of a regular file's size.
func ioctlRegular(t *kernel.Task, f *vfs.File, cmd Uint, arg Addr) error {
	a, err := f.Attr(ioCtx(t))
	if err != nil {
		return err
	}
	switch cmd {
	case linux.FIOQSIZE:
		return copyOut(t, arg, &a.Size)
	case linux.FIGETBSZ:
		n := int32(a.BlkSize)
		return copyOut(t, arg, &n)
	}
	n := int32(min(max(a.Size-f.Offset(), -1<<31), 1<<31-1))
	return copyOut(t, arg, &n)
}
