package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

const someRWF = "RWF_APPEND, RWF_NOAPPEND and RWF_ATOMIC are EOPNOTSUPP"

// reading is the calls that move bytes between files and guest memory.
var reading = family{
	sysno.Read:     call3(read),
	sysno.Write:    call3(write),
	sysno.Readv:    call3(readv),
	sysno.Writev:   call3(writev),
	sysno.Pread64:  call4(pread64),
	sysno.Pwrite64: call4(pwrite64),
	sysno.Preadv:   call4(preadv),
	sysno.Pwritev:  call4(pwritev),
	sysno.Preadv2:  call6(preadv2).except(someRWF),
	sysno.Pwritev2: call6(pwritev2).except(someRWF),
	sysno.Lseek:    call3(lseek),
}

// read is read(2).
func read(t *kernel.Task, fd FD, a Addr, n Size) (uintptr, error) {
	f, err := getFileFor(t, fd, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	b, err := single(t, a, n)
	if err != nil {
		return 0, err
	}
	return readFile(t, f, b, f.Flags())
}

// write is write(2).
func write(t *kernel.Task, fd FD, a Addr, n Size) (uintptr, error) {
	f, err := getFileFor(t, fd, linux.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	b, err := single(t, a, n)
	if err != nil {
		return 0, err
	}
	return writeFile(t, f, b, f.Flags())
}

// readv is readv(2).
func readv(t *kernel.Task, fd FD, iov Addr, count Size) (uintptr, error) {
	return preadv2(t, fd, iov, count, -1, 0, 0)
}

// writev is writev(2).
func writev(t *kernel.Task, fd FD, iov Addr, count Size) (uintptr, error) {
	return pwritev2(t, fd, iov, count, -1, 0, 0)
}

// pread64 is pread(2).
func pread64(t *kernel.Task, fd FD, a Addr, n Size, off Offset) (uintptr, error) {
	if off < 0 {
		return 0, linux.EINVAL
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	b, err := single(t, a, n)
	if err != nil {
		return 0, err
	}
	return preadFile(t, f, b, int64(off), f.Flags())
}

// pwrite64 is pwrite(2).
func pwrite64(t *kernel.Task, fd FD, a Addr, n Size, off Offset) (uintptr, error) {
	if off < 0 {
		return 0, linux.EINVAL
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	b, err := single(t, a, n)
	if err != nil {
		return 0, err
	}
	return pwriteFile(t, f, b, int64(off))
}

// preadv is preadv(2). The half of the offset that 32-bit kernels take is
// ignored.
func preadv(t *kernel.Task, fd FD, iov Addr, count Size, off Offset) (uintptr, error) {
	if off < 0 {
		return 0, linux.EINVAL
	}
	return preadv2(t, fd, iov, count, off, 0, 0)
}

// pwritev is pwritev(2).
func pwritev(t *kernel.Task, fd FD, iov Addr, count Size, off Offset) (uintptr, error) {
	if off < 0 {
		return 0, linux.EINVAL
	}
	return pwritev2(t, fd, iov, count, off, 0, 0)
}

// preadv2 is preadv2(2); off -1 is the file's own offset.
func preadv2(t *kernel.Task, fd FD, iov Addr, count Size, off, _ Offset, flags Flags) (uintptr, error) {
	if off < -1 {
		return 0, linux.EINVAL
	}
	f, err := getFileFor(t, fd, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	b, err := vector(t, iov, uint64(count))
	if err != nil {
		return 0, err
	}
	status, err := statusFor(f, flags)
	switch {
	case err != nil:
		return 0, err
	case off == -1:
		return readFile(t, f, b, status)
	}
	return preadFile(t, f, b, int64(off), status)
}

// pwritev2 is pwritev2(2); off -1 is the file's own offset.
func pwritev2(t *kernel.Task, fd FD, iov Addr, count Size, off, _ Offset, flags Flags) (uintptr, error) {
	if off < -1 {
		return 0, linux.EINVAL
	}
	f, err := getFileFor(t, fd, linux.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	b, err := vector(t, iov, uint64(count))
	if err != nil {
		return 0, err
	}
	status, err := statusFor(f, flags)
	if err != nil {
		return 0, err
	}
	var n uintptr
	if off == -1 {
		n, err = writeFile(t, f, b, status)
	} else {
		n, err = pwriteFile(t, f, b, int64(off))
	}
	switch {
	case err != nil:
	case flags&linux.RWF_SYNC != 0:
		err = syncFile(t, f, wholeFile)
	case flags&linux.RWF_DSYNC != 0:
		err = syncFile(t, f, dataOnly)
	}
	return n, err
}

// statusFor returns f's status flags as the RWF_* of one call change them
// (kiocb_set_rw_flags).
func statusFor(f *vfs.File, flags Flags) (uint32, error) {
	const known = linux.RWF_HIPRI | linux.RWF_DSYNC | linux.RWF_SYNC | linux.RWF_NOWAIT
	if flags&^known != 0 {
		return 0, linux.EOPNOTSUPP
	}
	if flags&linux.RWF_NOWAIT != 0 {
		return f.Flags() | linux.O_NONBLOCK, nil
	}
	return f.Flags(), nil
}

// readFile reads f at its offset into b, waiting as status, f's status flags,
// let it.
func readFile(t *kernel.Task, f *vfs.File, b *guest.Buf, status uint32) (uintptr, error) {
	c := ioCtx(t)
	n, err := f.Read(c, b)
	if err != linux.EAGAIN || status&linux.O_NONBLOCK != 0 {
		return moved(n, err)
	}
	return blockUntil(t, queueFor(t, f), readEvents, recvDeadline(f), func() (int64, error) { return f.Read(c, b) })
}

// preadFile reads f at off.
func preadFile(t *kernel.Task, f *vfs.File, b *guest.Buf, off int64, status uint32) (uintptr, error) {
	c := ioCtx(t)
	n, err := f.Pread(c, b, off)
	if err != linux.EAGAIN || status&linux.O_NONBLOCK != 0 {
		return moved(n, err)
	}
	return blockOn(t, queueFor(t, f), readEvents, status, func() (int64, error) { return f.Pread(c, b, off) })
}

// moved is the result of a call that moved n bytes: an error counts only if
// there are none.
func moved(n int64, err error) (uintptr, error) {
	if n > 0 {
		return uintptr(n), nil
	}
	return 0, err
}

// writeFile writes b to f at its offset, or its end. It waits until all is
// written, if status lets it.
func writeFile(t *kernel.Task, f *vfs.File, b *guest.Buf, status uint32) (uintptr, error) {
	c := ioCtx(t)
	n, err := f.Write(c, b)
	if err == linux.EAGAIN && status&linux.O_NONBLOCK == 0 {
		total := n
		_, err = blockUntil(t, f.Queue(), writeEvents, sendDeadline(f), func() (int64, error) {
			m, err := f.Write(c, b)
			total += m
			return m, err
		})
		n = total
	}
	return written(t, f, c, n, err)
}

// pwriteFile writes b to f at off.
func pwriteFile(t *kernel.Task, f *vfs.File, b *guest.Buf, off int64) (uintptr, error) {
	c := ioCtx(t)
	n, err := f.Pwrite(c, b, off)
	return written(t, f, c, n, err)
}

// written is what a write returns that moved n bytes before it met err. What
// Linux tells by a signal too is told.
func written(t *kernel.Task, f *vfs.File, c *vfs.Ctx, n int64, err error) (uintptr, error) {
	if n > 0 || err == nil {
		return uintptr(n), nil
	}
	switch {
	case err == linux.EPIPE && signalsPipe(f):
		sendPipe(t)
	case err == linux.EFBIG && c.FileLimit != linux.RLIM_INFINITY:
		_ = t.Signal(sentBy(t, linux.SIGXFSZ, linux.SI_USER))
	}
	return 0, err
}

// sendPipe tells t that nobody reads what it writes. A signal that cannot be
// queued is lost, as in Linux.
func sendPipe(t *kernel.Task) { _ = t.Signal(sentBy(t, linux.SIGPIPE, linux.SI_USER)) }

// lseek is lseek(2).
func lseek(t *kernel.Task, fd FD, off Offset, whence Uint) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if whence > linux.SEEK_HOLE {
		return 0, linux.EINVAL
	}
	n, err := f.Seek(ioCtx(t), int64(off), int(whence))
	return uintptr(n), err
}
