// Package hostfd is open files of the host that the Sentry was given at its
// start: standard input, output and error, whatever they are.
//
// The file's description may be shared with processes of the host, so it is
// used as it is: never made non-blocking; a regular file is read, written and
// sought at the offset that all of them have. A goroutine that polls
// stands in for the host's wake-ups while a guest waits. A call that blocks after
// all, because somebody else was faster, would keep its task from being killed:
// where the host can, each says that it must not (nowait.go).
package hostfd

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A File implements vfs.FileOps.
type File struct {
	fd   int
	stat unix.Stat_t
	// waits: reading and writing can block.
	waits bool
	queue wait.Queue
	locks *vfs.Locks // among guests only; immutable
	kick  int        // an eventfd that has the polling goroutine look at what is wanted

	// reading and writing keep guests from taking from each other what poll has
	// promised, where the host would block.
	reading, writing sync.Mutex
	blocks           atomic.Bool // the host knows no RWF_NOWAIT for it

	mu     sync.Mutex // a leaf
	armed  bool       // guarded by mu; a goroutine polls
	wanted wait.Mask  // guarded by mu; what for
	closed bool       // guarded by mu
}

// A Regular is a File with an offset, which is the host's.
type Regular struct{ *File }

// IsRegular reports whether f is a regular file.
func (f *File) IsRegular() bool { return f.stat.Mode&unix.S_IFMT == unix.S_IFREG }

// HoldsOffset implements vfs.OffsetHolder.
func (Regular) HoldsOffset() {}

// Seek implements vfs.Seeker.
func (r Regular) Seek(_ *vfs.Ctx, _, off int64, whence int) (int64, error) {
	to, err := unix.Seek(r.fd, off, whence)
	if err != nil {
		return 0, errno(err)
	}
	return to, nil
}

// New returns the file of descriptor fd, which becomes the File's, or is closed. Those
// of others that are the same file of the host share its locks.
func New(fd int, others ...*File) (*File, error) {
	f := &File{fd: fd, kick: -1, locks: new(vfs.Locks)}
	if err := unix.Fstat(fd, &f.stat); err != nil {
		unix.Close(fd)
		return nil, err
	}
	for _, o := range others {
		if o.stat.Dev == f.stat.Dev && o.stat.Ino == f.stat.Ino {
			f.locks = o.locks
		}
	}
	f.waits = !f.IsRegular()
	if f.waits {
		var err error
		if f.kick, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	return f, nil
}

// FileLocks implements vfs.Locker.
func (f *File) FileLocks() *vfs.Locks { return f.locks }

// FD returns the descriptor.
func (f *File) FD() int { return f.fd }

// IsTerminal reports whether f is a terminal.
func (f *File) IsTerminal() bool {
	_, err := unix.IoctlGetTermios(f.fd, unix.TCGETS)
	return err == nil
}

// Name is what /proc/PID/fd shows. The names of the host's files mean nothing
// inside.
func (f *File) Name() string {
	kind := "host"
	switch {
	case f.stat.Mode&unix.S_IFMT == unix.S_IFIFO:
		kind = "pipe"
	case f.stat.Mode&unix.S_IFMT == unix.S_IFSOCK:
		kind = "socket"
	case f.stat.Mode&unix.S_IFMT == unix.S_IFCHR && f.stat.Rdev == unix.Mkdev(1, 3):
		return "/dev/null"
	}
	return fmt.Sprintf("%s:[%d]", kind, f.stat.Ino)
}

// Attr implements vfs.Attrer: the host's file, with an owner and numbers that
// mean nothing inside.
func (f *File) Attr(*vfs.Ctx) (vfs.Attr, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return vfs.Attr{}, errno(err)
	}
	return vfs.Attr{
		Ino: st.Ino, Mode: st.Mode&unix.S_IFMT | 0o620, Nlink: 1, RDev: st.Rdev, Size: st.Size,
		Blocks: uint64(st.Blocks), BlkSize: uint32(st.Blksize),
		Atime: timespec(st.Atim), Mtime: timespec(st.Mtim), Ctime: timespec(st.Ctim),
	}, nil
}

// Truncate implements vfs.Truncater.
func (f *File) Truncate(size int64) error {
	if err := unix.Ftruncate(f.fd, size); err != nil {
		return errno(err)
	}
	return nil
}

func timespec(t unix.Timespec) linux.Timespec { return linux.Timespec{Sec: t.Sec, Nsec: t.Nsec} }

// poll returns which of events are true.
func (f *File) poll(events wait.Mask) wait.Mask {
	p := []unix.PollFd{{Fd: int32(f.fd), Events: int16(events)}}
	for {
		_, err := unix.Poll(p, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return wait.Err
		}
		return wait.Mask(uint16(p[0].Revents))
	}
}

// Read implements vfs.FileOps.
func (f *File) Read(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	// One read: a second one could block.
	buf := make([]byte, min(b.Len(), 64<<10))
	n, err := f.readSome(buf, off)
	if err != nil {
		return 0, err
	}
	m, err := b.CopyOut(buf[:n])
	return int64(m), err
}

func (f *File) readSome(buf []byte, off int64) (int, error) {
	if !f.waits {
		return f.retry(func() (int, error) { return f.readAt(buf, off) })
	}
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.poll(wait.In) == 0 {
		f.arm(wait.In)
		return 0, linux.EAGAIN
	}
	n, err := f.retry(func() (int, error) { return f.readNow(buf, off) })
	if err == linux.EAGAIN {
		f.arm(wait.In)
	}
	return n, err
}

// Write implements vfs.FileOps.
func (f *File) Write(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	// A pipe that is ready takes PIPE_BUF bytes without blocking.
	limit := 64 << 10
	if f.stat.Mode&unix.S_IFMT == unix.S_IFIFO {
		limit = 4096
	}
	buf := make([]byte, min(b.Len(), limit))
	done := int64(0)
	for b.Len() > 0 {
		if f.waits && f.poll(wait.Out) == 0 {
			f.arm(wait.Out)
			return done, linux.EAGAIN
		}
		after := b.Clone()
		n, err := after.CopyIn(buf[:min(len(buf), b.Len())])
		if n == 0 {
			return done, err
		}
		m, err := f.writeSome(buf[:n], off)
		if m == n {
			*b = after
		} else {
			_, _ = b.CopyIn(buf[:m]) // only what was taken is behind it
		}
		if off >= 0 {
			off += int64(m)
		}
		done += int64(m)
		if err != nil || m < n {
			return done, err
		}
	}
	return done, nil
}

func (f *File) writeSome(buf []byte, off int64) (int, error) {
	if !f.waits {
		return f.retry(func() (int, error) { return f.writeAt(buf, off) })
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.blocks.Load() && f.poll(wait.Out) == 0 {
		f.arm(wait.Out)
		return 0, linux.EAGAIN
	}
	n, err := f.retry(func() (int, error) { return f.writeNow(buf, off) })
	if err == linux.EAGAIN || err == nil && n < len(buf) {
		f.arm(wait.Out)
		err = linux.EAGAIN // what was not taken waits for its turn
	}
	return n, err
}

// readAt reads at off, or at the file's own offset if off is -1.
func (f *File) readAt(buf []byte, off int64) (int, error) {
	if off < 0 {
		return unix.Read(f.fd, buf)
	}
	return unix.Pread(f.fd, buf, off)
}

// writeAt is readAt the other way.
func (f *File) writeAt(buf []byte, off int64) (int, error) {
	if off < 0 {
		return unix.Write(f.fd, buf)
	}
	return unix.Pwrite(f.fd, buf, off)
}

func (f *File) retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, errno(err)
		default:
			return n, nil
		}
	}
}

func errno(err error) error {
	if e, ok := err.(unix.Errno); ok {
		return linux.Errno(e)
	}
	return linux.EIO
}

// Ready implements vfs.FileOps.
func (f *File) Ready() wait.Mask {
	if !f.waits {
		return wait.In | wait.Out | wait.RdNorm | wait.WrNorm
	}
	const asked = wait.In | wait.Out | wait.Pri | wait.RdNorm | wait.WrNorm | wait.RdHup
	m := f.poll(asked)
	if none := (wait.In | wait.Out) &^ m; none != 0 {
		f.arm(none)
	}
	return m
}

// Queue implements vfs.FileOps.
func (f *File) Queue() *wait.Queue {
	if !f.waits {
		return nil
	}
	return &f.queue
}

// arm has a goroutine tell the queue when one of events comes. What is only read never
// becomes writable: who waits for that must not be who waits for the rest.
func (f *File) arm(events wait.Mask) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed || f.armed && events&^f.wanted == 0:
	case f.armed:
		f.wanted |= events
		f.kickLocked()
	default:
		f.armed, f.wanted = true, events
		go f.watch()
	}
}

func (f *File) kickLocked() { unix.Write(f.kick, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// watch is owned by the File: Release ends it.
func (f *File) watch() {
	for {
		f.mu.Lock()
		events, closed := f.wanted, f.closed
		f.mu.Unlock()
		if closed {
			unix.Close(f.kick)
			unix.Close(f.fd)
			return
		}
		p := []unix.PollFd{{Fd: int32(f.fd), Events: int16(events)}, {Fd: int32(f.kick), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		}
		if p[1].Revents != 0 {
			unix.Read(f.kick, make([]byte, 8))
			continue
		}
		f.mu.Lock()
		if closed = f.closed; !closed {
			f.armed, f.wanted = false, 0
		}
		f.mu.Unlock()
		if !closed {
			f.queue.Notify(wait.Mask(uint16(p[0].Revents)) | events)
			return
		}
	}
}

// Release implements vfs.FileOps.
func (f *File) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.armed {
		f.kickLocked()
		return // the watcher closes
	}
	if f.kick >= 0 {
		unix.Close(f.kick)
	}
	unix.Close(f.fd)
}

// Ioctl implements vfs.FileOps: what a terminal's users ask for.
func (f *File) Ioctl(_ *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	a := guest.Addr(arg)
	switch cmd {
	case unix.TCGETS:
		t, err := unix.IoctlGetTermios(f.fd, unix.TCGETS)
		if err != nil {
			return 0, errno(err)
		}
		k := kernelTermios{Iflag: t.Iflag, Oflag: t.Oflag, Cflag: t.Cflag, Lflag: t.Lflag, Line: t.Line}
		copy(k.Cc[:], t.Cc[:])
		_, err = mem.CopyOut(a, linux.Bytes(&k))
		return 0, err
	case unix.TCSETS, unix.TCSETSW, unix.TCSETSF:
		var k kernelTermios
		if _, err := mem.CopyIn(a, linux.Bytes(&k)); err != nil {
			return 0, err
		}
		t := unix.Termios{Iflag: k.Iflag, Oflag: k.Oflag, Cflag: k.Cflag, Lflag: k.Lflag, Line: k.Line}
		copy(t.Cc[:], k.Cc[:])
		if err := unix.IoctlSetTermios(f.fd, uint(cmd), &t); err != nil {
			return 0, errno(err)
		}
		return 0, nil
	case unix.TIOCGWINSZ:
		w, err := unix.IoctlGetWinsize(f.fd, unix.TIOCGWINSZ)
		if err != nil {
			return 0, errno(err)
		}
		size := [4]uint16{w.Row, w.Col, w.Xpixel, w.Ypixel}
		_, err = mem.CopyOut(a, linux.Bytes(&size))
		return 0, err
	case unix.TIOCSWINSZ:
		var size [4]uint16
		if _, err := mem.CopyIn(a, linux.Bytes(&size)); err != nil {
			return 0, err
		}
		w := unix.Winsize{Row: size[0], Col: size[1], Xpixel: size[2], Ypixel: size[3]}
		if err := unix.IoctlSetWinsize(f.fd, unix.TIOCSWINSZ, &w); err != nil {
			return 0, errno(err)
		}
		return 0, nil
	case unix.TIOCINQ:
		n, err := unix.IoctlGetInt(f.fd, unix.TIOCINQ)
		if err != nil {
			return 0, errno(err)
		}
		v := int32(n)
		_, err = mem.CopyOut(a, linux.Bytes(&v))
		return 0, err
	}
	return 0, linux.ENOTTY
}

// kernelTermios is struct ktermios as TCGETS has it (asm-generic/termbits.h).
type kernelTermios struct {
	Iflag, Oflag, Cflag, Lflag uint32
	Line                       uint8
	Cc                         [19]uint8
}
