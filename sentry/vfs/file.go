package vfs

import (
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
)

// A File is an open file description (struct file): what descriptors refer to.
// It is counted by descriptors, mappings and calls in progress.
type File struct {
	refs ref.Count
	ops  FileOps
	path Path   // zero for files without a name
	name string // of those, as /proc/PID/fd shows it
	// anon is the place that Place made up for those.
	anon  atomic.Pointer[Dentry]
	creds *auth.Creds
	flags atomic.Uint32

	// pos is held for the length of a read or write at the offset
	// (FMODE_ATOMIC_POS), but not for files without offsets.
	pos sync.Mutex
	off int64 // guarded by pos
	// shown is off for who may not wait for pos: a file of proc may show its own.
	shown atomic.Int64

	// locks are those of a file without a path, unless its ops have them.
	locks atomic.Pointer[Locks]
	// locked: flock(2) or OFD locks were taken through it.
	locked atomic.Bool
	owner  atomic.Int32 // F_SETOWN
	signal atomic.Int32 // F_SETSIG
}

// statusFlags are what F_GETFL shows.
const statusFlags = linux.O_ACCMODE | linux.O_APPEND | linux.O_NONBLOCK | linux.O_DSYNC | linux.O_ASYNC |
	linux.O_DIRECT | linux.O_LARGEFILE | linux.O_DIRECTORY | linux.O_NOFOLLOW | linux.O_NOATIME |
	linux.O_SYNC | linux.O_PATH

// settable is what F_SETFL changes.
const settable = linux.O_APPEND | linux.O_NONBLOCK | linux.O_ASYNC | linux.O_DIRECT | linux.O_NOATIME

// NewFile returns an open file with one reference.
func NewFile(c *Ctx, at Path, ops FileOps, flags uint32) *File {
	f := &File{ops: ops, path: at, creds: c.Creds}
	f.flags.Store(flags & statusFlags)
	at.hold()
	return f
}

// NewAnonFile returns an open file without a path: a pipe, a socket, an
// anon_inode. name is what /proc/PID/fd shows.
func NewAnonFile(name string, ops FileOps, flags uint32) *File {
	f := &File{ops: ops, name: name}
	f.flags.Store(flags & statusFlags)
	return f
}

// Inc adds a reference.
func (f *File) Inc() { f.refs.Inc() }

// Dec drops a reference; the last closes the file.
func (f *File) Dec() {
	if !f.refs.Dec() {
		return
	}
	if f.locked.Load() {
		locksOf(f).dropFile(f)
	}
	f.ops.Release()
	f.path.drop()
}

// A Flusher is an open file that has something to say when a descriptor of it
// is closed (close(2)'s error).
type Flusher interface{ Flush() error }

// closeBy drops a descriptor's reference: POSIX locks of the table go.
func (f *File) closeBy(t *FDTable) (err error) {
	if l := locksOf(f); l != nil {
		l.dropOwner(t)
	}
	if fl, ok := f.ops.(Flusher); ok {
		err = fl.Flush()
	}
	f.Dec()
	return err
}

// Ops returns what stands behind f.
func (f *File) Ops() FileOps { return f.ops }

// Path returns where f was opened, zero for a file without a name.
func (f *File) Path() Path { return f.path }

// Name is what /proc/PID/fd shows for a file without a path.
func (f *File) Name() string { return f.name }

// Creds returns whose credentials opened f, nil for a file without a path.
func (f *File) Creds() *auth.Creds { return f.creds }

// Flags returns f's access mode and status flags.
func (f *File) Flags() uint32 { return f.flags.Load() }

// Readable reports whether f is open for reading.
func (f *File) Readable() bool {
	fl := f.Flags()
	return fl&linux.O_PATH == 0 && fl&linux.O_ACCMODE != linux.O_WRONLY
}

// Writable reports whether f is open for writing.
func (f *File) Writable() bool {
	fl := f.Flags()
	return fl&linux.O_PATH == 0 && fl&linux.O_ACCMODE != linux.O_RDONLY
}

// SetFlags is F_SETFL.
func (f *File) SetFlags(flags uint32) {
	for {
		old := f.flags.Load()
		if f.flags.CompareAndSwap(old, old&^settable|flags&settable) {
			break
		}
	}
	if s, ok := f.ops.(FlagSetter); ok {
		s.SetFlags(f.Flags())
	}
}

// Owner and Signal are F_SETOWN's and F_SETSIG's.
func (f *File) Owner() *atomic.Int32  { return &f.owner }
func (f *File) Signal() *atomic.Int32 { return &f.signal }

// HasOffset reports whether f has a position.
func (f *File) HasOffset() bool {
	if f.path.IsZero() {
		_, ok := f.ops.(Seeker)
		return ok
	}
	switch f.path.Inode().Kind() {
	case linux.S_IFREG, linux.S_IFDIR, linux.S_IFBLK:
		return true
	}
	_, ok := f.ops.(Seeker)
	return ok
}

// An OffsetHolder is an open file without a path whose offset is not ours alone:
// of a description that processes of the host have too. Read and Write at -1 use
// and move it.
type OffsetHolder interface {
	Seeker
	HoldsOffset()
}

// holdsOffset reports whether f's offset is f.ops'.
func (f *File) holdsOffset() bool {
	if !f.path.IsZero() {
		return false
	}
	_, ok := f.ops.(OffsetHolder)
	return ok
}

// Read reads at f's offset.
func (f *File) Read(c *Ctx, b *guest.Buf) (int64, error) {
	if !f.Readable() {
		return 0, linux.EBADF
	}
	if !f.HasOffset() {
		return f.ops.Read(c, b, -1)
	}
	f.pos.Lock()
	defer f.pos.Unlock()
	if f.holdsOffset() {
		return f.ops.Read(c, b, -1)
	}
	n, err := f.ops.Read(c, b, f.off)
	f.off += n
	f.shown.Store(f.off)
	return n, err
}

// Write writes at f's offset, or at the end (O_APPEND).
func (f *File) Write(c *Ctx, b *guest.Buf) (int64, error) {
	if !f.Writable() {
		return 0, linux.EBADF
	}
	if !f.HasOffset() {
		return f.ops.Write(c, b, -1)
	}
	f.pos.Lock()
	defer f.pos.Unlock()
	if f.holdsOffset() {
		return f.ops.Write(c, b, -1)
	}
	defer func() { f.shown.Store(f.off) }()
	return f.writeAt(c, b, &f.off)
}

// An Appender is an open file that appends by itself, in one step: it returns
// the offset behind what it wrote.
type Appender interface {
	Append(c *Ctx, b *guest.Buf) (n, end int64, err error)
}

func (f *File) writeAt(c *Ctx, b *guest.Buf, off *int64) (int64, error) {
	if f.isRegular() && b.Len() > 0 {
		if err := dropSetID(c, f.path.Inode()); err != nil {
			return 0, err
		}
	}
	if f.Flags()&linux.O_APPEND != 0 {
		if a, ok := f.ops.(Appender); ok {
			n, end, err := a.Append(c, b)
			if n > 0 {
				*off = end
			}
			return n, err
		}
	}
	if f.isRegular() {
		if err := limitSize(c, b, *off); err != nil {
			return 0, err
		}
	}
	n, err := f.ops.Write(c, b, *off)
	*off += n
	return n, err
}

func (f *File) isRegular() bool {
	return !f.path.IsZero() && f.path.Inode().Kind() == linux.S_IFREG
}

// limitSize shortens b to RLIMIT_FSIZE: EFBIG if nothing is left.
func limitSize(c *Ctx, b *guest.Buf, off int64) error {
	if b.Len() == 0 || uint64(off)+uint64(b.Len()) <= c.FileLimit {
		return nil
	}
	if uint64(off) >= c.FileLimit {
		return linux.EFBIG
	}
	b.Limit(int(c.FileLimit - uint64(off)))
	return nil
}

// Pread reads at off.
func (f *File) Pread(c *Ctx, b *guest.Buf, off int64) (int64, error) {
	switch {
	case off < 0:
		return 0, linux.EINVAL
	case !f.Readable():
		return 0, linux.EBADF
	case !f.HasOffset():
		return 0, linux.ESPIPE
	}
	return f.ops.Read(c, b, off)
}

// Pwrite writes at off. As on Linux, O_APPEND wins over off.
func (f *File) Pwrite(c *Ctx, b *guest.Buf, off int64) (int64, error) {
	switch {
	case off < 0:
		return 0, linux.EINVAL
	case !f.Writable():
		return 0, linux.EBADF
	case !f.HasOffset():
		return 0, linux.ESPIPE
	}
	return f.writeAt(c, b, &off)
}

// Seek is lseek(2).
func (f *File) Seek(c *Ctx, off int64, whence int) (int64, error) {
	if f.Flags()&linux.O_PATH != 0 {
		return 0, linux.EBADF
	}
	if !f.HasOffset() {
		return 0, linux.ESPIPE
	}
	f.pos.Lock()
	defer f.pos.Unlock()
	to, err := f.seekFrom(c, off, whence)
	if err != nil {
		return 0, err
	}
	f.off = to
	f.shown.Store(to)
	return to, nil
}

func (f *File) seekFrom(c *Ctx, off int64, whence int) (int64, error) {
	if s, ok := f.ops.(Seeker); ok {
		return s.Seek(c, f.off, off, whence)
	}
	base := int64(0)
	switch whence {
	case linux.SEEK_SET:
	case linux.SEEK_CUR:
		base = f.off
	case linux.SEEK_END, linux.SEEK_DATA, linux.SEEK_HOLE:
		at, err := f.path.Inode().Attr(c)
		if err != nil {
			return 0, err
		}
		if whence == linux.SEEK_END {
			base = at.Size
			break
		}
		if h, ok := f.ops.(HoleSeeker); ok && off >= 0 {
			return h.SeekHole(off, whence)
		}
		// A file without holes, but for the one at its end.
		if off < 0 || off >= at.Size {
			return 0, linux.ENXIO
		}
		if whence == linux.SEEK_HOLE {
			off = at.Size
		}
	default:
		return 0, linux.EINVAL
	}
	to := base + off
	if off > 0 && to < base {
		return 0, linux.EOVERFLOW
	}
	if to < 0 {
		return 0, linux.EINVAL
	}
	return to, nil
}

// ReadDir reads a directory from f's offset on.
func (f *File) ReadDir(c *Ctx, add func(Dirent) bool) error {
	if f.Flags()&linux.O_PATH != 0 {
		return linux.EBADF
	}
	d, ok := f.ops.(Dirents)
	if !ok {
		return linux.ENOTDIR
	}
	f.pos.Lock()
	defer f.pos.Unlock()
	if f.path.Deleted() {
		return linux.ENOENT
	}
	return d.ReadDir(c, f.off, func(e Dirent) bool {
		if !add(e) {
			return false
		}
		f.off = e.Next
		f.shown.Store(e.Next)
		return true
	})
}

// Ready is poll(2)'s answer now.
func (f *File) Ready() wait.Mask { return f.ops.Ready() }

// Queue is told when Ready may have changed; nil if it never does.
func (f *File) Queue() *wait.Queue { return f.ops.Queue() }

// Ioctl is ioctl(2).
func (f *File) Ioctl(c *Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	if f.Flags()&linux.O_PATH != 0 {
		return 0, linux.EBADF
	}
	return f.ops.Ioctl(c, mem, cmd, arg)
}

var _ mm.FileRef = (*File)(nil)

// Mappable implements mm.FileRef.
func (f *File) Mappable() mm.Mappable {
	if m, ok := f.ops.(mm.Mappable); ok {
		return m
	}
	return nil
}

// MapName implements mm.FileRef. It is the path from the root of all.
func (f *File) MapName() (string, uint64, uint64) {
	if f.path.IsZero() {
		return f.name, 0, 0
	}
	at, _ := f.path.Inode().Attr(&Ctx{Creds: f.creds})
	return absolute(f.path), at.Dev, at.Ino
}
