package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// splicing is the calls that move bytes through pipes.
var splicing = family{
	sysno.Splice:   call6(splice),
	sysno.Tee:      call4(tee),
	sysno.Vmsplice: call4(vmsplice).except("pages are copied, never given"),
}

const spliceFlags = linux.SPLICE_F_MOVE | linux.SPLICE_F_NONBLOCK | linux.SPLICE_F_MORE | linux.SPLICE_F_GIFT

// splice is splice(2).
func splice(t *kernel.Task, in FD, inOff Addr, out FD, outOff Addr, n Size, flags Flags) (uintptr, error) {
	if flags&^spliceFlags != 0 {
		return 0, linux.EINVAL
	}
	if n == 0 {
		return 0, nil
	}
	src, err := getFileFor(t, in, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer src.Dec()
	dst, err := getFileFor(t, out, linux.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer dst.Dec()
	from, isPipe := src.Ops().(*pipe.End)
	to, toPipe := dst.Ops().(*pipe.End)
	size := int(min(uint64(n), linux.MAX_RW_COUNT))
	x := transfer{t: t, c: ioCtx(t), src: src, dst: dst, flags: flags}
	switch {
	case isPipe && inOff != 0, toPipe && outOff != 0:
		return 0, linux.ESPIPE
	case isPipe && toPipe:
		if from.SamePipe(to) {
			return 0, linux.EINVAL
		}
		n, err := x.run(func() (int64, error) { return pipe.Move(to, from, size) })
		return written(t, dst, x.c, n, err)
	case isPipe && dst.Flags()&linux.O_APPEND == 0 && canSplice(dst):
		x.move, x.moveAt = dst.Write, dst.Pwrite
		return x.spliceFile(dst, outOff, func() (int64, error) { return from.Drain(size, x.step) })
	case toPipe && canSplice(src):
		x.move, x.moveAt = src.Read, src.Pread
		return x.spliceFile(src, inOff, func() (int64, error) { return to.Fill(size, x.step) })
	}
	return 0, linux.EINVAL
}

// canSplice reports whether bytes of f can go through a pipe: regular files,
// sockets and devices, whose locks come after a pipe's. Those of proc and its like,
// whose content is made under any lock there is, have no splice_read in Linux either.
func canSplice(f *vfs.File) bool {
	if _, ok := f.Ops().(socket.Socket); ok {
		return true
	}
	if f.Path().IsZero() {
		return false
	}
	if _, made := f.Path().Inode().(*synth.File); made {
		return false
	}
	k := f.Path().Inode().Kind()
	return k == linux.S_IFREG || k == linux.S_IFCHR || k == linux.S_IFBLK
}

// A transfer moves bytes from src to dst, of which one or both are pipes.
type transfer struct {
	t        *kernel.Task
	c        *vfs.Ctx
	src, dst *vfs.File
	flags    Flags

	// move and moveAt are how the file that is no pipe is read or written.
	move   func(*vfs.Ctx, *guest.Buf) (int64, error)
	moveAt func(*vfs.Ctx, *guest.Buf, int64) (int64, error)
	at     bool  // at off, not at the file's own offset
	off    int64 // moves on
}

// step moves bytes between b, which is in a pipe, and the file.
func (x *transfer) step(b *guest.Buf) (n int64, err error) {
	if !x.at {
		return x.move(x.c, b)
	}
	n, err = x.moveAt(x.c, b, x.off)
	x.off += n
	return n, err
}

// spliceFile is a splice to or from f, which is no pipe. offset is the address
// of an offset in it, or null.
func (x *transfer) spliceFile(f *vfs.File, offset Addr, try func() (int64, error)) (uintptr, error) {
	if offset != 0 {
		if !f.HasOffset() {
			return 0, linux.ESPIPE
		}
		if err := copyIn(x.t, offset, &x.off); err != nil {
			return 0, err
		}
		if x.at = true; x.off < 0 {
			return 0, linux.EINVAL
		}
	}
	n, err := x.run(try)
	if err == nil && offset != 0 {
		err = copyOut(x.t, offset, &x.off)
	}
	if err != nil {
		return written(x.t, x.dst, x.c, 0, err)
	}
	return uintptr(n), nil
}

// run calls try until it says anything but EAGAIN, and waits for both files in
// between.
func (x *transfer) run(try func() (int64, error)) (int64, error) {
	n, err := try()
	if err != linux.EAGAIN || x.flags&linux.SPLICE_F_NONBLOCK != 0 ||
		(x.src.Flags()|x.dst.Flags())&linux.O_NONBLOCK != 0 {
		return n, err
	}
	for _, f := range [...]*vfs.File{x.src, x.dst} {
		if q := queueFor(x.t, f); q != nil {
			e := x.t.NewWaiter(wait.All)
			q.Register(e)
			defer q.Unregister(e)
		}
	}
	for {
		if n, err = try(); err != linux.EAGAIN {
			return n, err
		}
		if err := x.t.Block(kernel.Forever); err != nil {
			return 0, err
		}
	}
}

// tee is tee(2).
func tee(t *kernel.Task, in, out FD, n Size, flags Flags) (uintptr, error) {
	if flags&^spliceFlags != 0 {
		return 0, linux.EINVAL
	}
	if n == 0 {
		return 0, nil
	}
	src, err := getFileFor(t, in, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer src.Dec()
	dst, err := getFileFor(t, out, linux.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer dst.Dec()
	from, ok := src.Ops().(*pipe.End)
	to, ok2 := dst.Ops().(*pipe.End)
	if !ok || !ok2 || from.SamePipe(to) {
		return 0, linux.EINVAL
	}
	x := transfer{t: t, c: ioCtx(t), src: src, dst: dst, flags: flags}
	size := int(min(uint64(n), linux.MAX_RW_COUNT))
	m, err := x.run(func() (int64, error) { return pipe.Tee(to, from, size) })
	return written(t, dst, x.c, m, err)
}

// vmsplice is vmsplice(2).
func vmsplice(t *kernel.Task, fd FD, iov Addr, count Size, flags Flags) (uintptr, error) {
	if flags&^spliceFlags != 0 {
		return 0, linux.EINVAL
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	e, ok := f.Ops().(*pipe.End)
	if !ok {
		return 0, linux.EBADF
	}
	b, err := vector(t, iov, uint64(count))
	if err != nil {
		return 0, err
	}
	status := f.Flags()
	if flags&linux.SPLICE_F_NONBLOCK != 0 {
		status |= linux.O_NONBLOCK
	}
	if e.Mode()&pipe.Write != 0 {
		return writeFile(t, f, b, status)
	}
	return readFile(t, f, b, status)
}
