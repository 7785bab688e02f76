// Package memfile is the host memory behind guest pages: sparse memory files
// that stubs map, and windows through which the Sentry reads and writes them.
//
// A File counts the address spaces that hold it. Its lock is a leaf
// (lock.Memfile), held for reading while bytes move.
package memfile

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/lib/ref"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
)

// MaxSize is the size of every memory file in bytes: sparse, so that an offset
// can be a guest address.
const MaxSize = 1 << 50

const (
	windowShift = 18
	windowSize  = 1 << windowShift
	// maxWindows bounds the mappings of one file; the host allows a process
	// some 65,000.
	maxWindows = 256
	// warmAfter is how many accesses a window gets by pread and pwrite before
	// it is mapped: touching a page of a new mapping costs as much as ten.
	warmAfter = 6
)

// A Reopener returns a read-only descriptor of the file behind a descriptor.
type Reopener func(fd int) (int, error)

var lastID atomic.Uint64

// NewID returns a number for a host file, unique in this process.
func NewID() uint64 { return lastID.Add(1) }

// A File is a memory file. It implements platform.HostFile.
type File struct {
	Refs ref.Count

	id      uint64
	fd      int
	account *Account
	use     Use // immutable

	mu      lock.RWMutex[lock.Memfile]
	ro      int                // guarded by mu; read-only, -1 if there is none
	frozen  bool               // guarded by mu
	windows map[uint64]*window // guarded by mu
}

// A window is a part of a file that the Sentry may have mapped.
type window struct {
	uses atomic.Uint32
	mem  []byte // guarded by File.mu; nil while cold
}

// New returns an empty file with one reference.
func (a *Account) New(name string) (*File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, hostError(err)
	}
	if host.Scarce(fd) {
		unix.Close(fd)
		return nil, linux.ENFILE
	}
	if err := unix.Ftruncate(fd, MaxSize); err != nil {
		unix.Close(fd)
		return nil, hostError(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW); err != nil {
		unix.Close(fd)
		return nil, hostError(err)
	}
	f := &File{id: NewID(), fd: fd, ro: -1, account: a, use: uses[name]}
	a.enlist(f)
	return f, nil
}

// NewShared returns an empty file with one reference, whose FD is read-only
// where that is enough: for memory that some processes may only read.
func (a *Account) NewShared(name string) (*File, error) {
	f, err := a.New(name)
	if err != nil {
		return nil, err
	}
	if f.ro, err = a.Reopen(f.fd); err != nil {
		f.Dec()
		return nil, hostError(err)
	}
	return f, nil
}

// hostError says what a guest sees when the host has no more.
func hostError(err error) error {
	if err == unix.EMFILE || err == unix.ENFILE {
		return linux.ENFILE
	}
	return linux.ENOMEM
}

// ID implements platform.HostFile.
func (f *File) ID() uint64 { return f.id }

// FD implements platform.HostFile. A frozen file has only its read-only
// descriptor to give.
func (f *File) FD(write bool) int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case write && f.frozen:
		return -1
	case write || f.ro < 0:
		return f.fd
	}
	return f.ro
}

// Freeze makes FD answer with a read-only descriptor from now on.
func (f *File) Freeze() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ro < 0 {
		ro, err := f.account.Reopen(f.fd)
		if err != nil {
			return hostError(err)
		}
		f.ro = ro
	}
	f.frozen = true
	return nil
}

// Thaw undoes Freeze. No stub but the caller's holds the file any more.
func (f *File) Thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = false
	if f.ro >= 0 {
		unix.Close(f.ro)
		f.ro = -1
	}
}

// Dec drops a reference; the last gives the memory back.
func (f *File) Dec() {
	if !f.Refs.Dec() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.windows {
		w.unmap()
	}
	f.windows = nil
	f.account.strike(f)
	unix.Close(f.fd)
	if f.ro >= 0 {
		unix.Close(f.ro)
	}
}

// Punch gives n bytes at off back: they read as zeros in every mapping.
func (f *File) Punch(off, n uint64) {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	// It fails only for arguments that are wrong.
	if err := unix.Fallocate(f.fd, mode, int64(off), int64(n)); err != nil {
		panic(fmt.Sprintf("memfile: punch %#x+%#x: %v", off, n, err))
	}
}

// Populate allocates n bytes at off.
func (f *File) Populate(off, n uint64) error {
	if err := unix.Fallocate(f.fd, unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n)); err != nil {
		return linux.ENOMEM
	}
	return nil
}

// SeekHole is lseek(2) with SEEK_DATA or SEEK_HOLE.
func (f *File) SeekHole(off int64, whence int) (int64, error) {
	at, err := unix.Seek(f.fd, off, whence)
	if err != nil {
		return 0, linux.ENXIO
	}
	return at, nil
}

// Resident returns how many bytes the file occupies.
func (f *File) Resident() uint64 {
	var st unix.Stat_t
	if unix.Fstat(f.fd, &st) != nil {
		return 0
	}
	return uint64(st.Blocks) * 512
}

// Copy copies n bytes at fromOff of from to off.
func (f *File) Copy(off uint64, from *File, fromOff, n uint64) error {
	return f.Fill(off, n, func(p []byte, at int64) (int, error) {
		return unix.Pread(from.fd, p, int64(fromOff)+at)
	})
}

// CopyData is Copy that leaves holes holes.
func (f *File) CopyData(off uint64, from *File, fromOff, n uint64) error {
	for at, end := fromOff, fromOff+n; at < end; {
		data, err := unix.Seek(from.fd, int64(at), unix.SEEK_DATA)
		if err != nil || uint64(data) >= end {
			return nil // ENXIO: there is none
		}
		hole, err := unix.Seek(from.fd, data, unix.SEEK_HOLE)
		if err != nil {
			return linux.EIO
		}
		stop := min(uint64(hole), end)
		if err := f.Copy(off+uint64(data)-fromOff, from, uint64(data), stop-uint64(data)); err != nil {
			return err
		}
		at = stop
	}
	return nil
}

// Fill writes n bytes at off, which read supplies by position; a short count
// ends it.
func (f *File) Fill(off, n uint64, read func(p []byte, at int64) (int, error)) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for at := uint64(0); at < n; {
		p := buf[:min(bufferSize, n-at)]
		got, err := read(p, int64(at))
		if err != nil {
			return linux.EIO
		}
		if got > 0 {
			if _, err := unix.Pwrite(f.fd, p[:got], int64(off+at)); err != nil {
				return linux.ENOMEM
			}
		}
		if got < len(p) {
			return nil
		}
		at += uint64(got)
	}
	return nil
}

const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Access hands n bytes at off to fn, piece by piece, as guest.Memory.Windows
// does.
func (f *File) Access(off uint64, n int, access guest.Access, fn func([]byte) (int, error)) (int, error) {
	done := 0
	for done < n {
		at := off + uint64(done)
		want := min(n-done, int(windowSize-at%windowSize))
		got, err := f.accessWindow(at, want, access, fn)
		done += got
		if err != nil || got < want {
			return done, err
		}
	}
	return done, nil
}

func (f *File) accessWindow(off uint64, n int, access guest.Access, fn func([]byte) (int, error)) (int, error) {
	i := off >> windowShift
	f.mu.RLock()
	w := f.windows[i]
	if w != nil && w.mem != nil {
		defer f.mu.RUnlock()
		return fn(w.mem[off%windowSize:][:n:n])
	}
	f.mu.RUnlock()
	if f.warm(i, w) {
		return f.accessWindow(off, n, access, fn)
	}
	return Bounce(f.fd, off, n, access, fn)
}

// Bounce moves bytes between fn and a host file by pread and pwrite.
func Bounce(fd int, off uint64, n int, access guest.Access, fn func([]byte) (int, error)) (int, error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for done := 0; ; {
		p := buf[:min(n-done, bufferSize)]
		if access == guest.Load {
			if got, err := unix.Pread(fd, p, int64(off)+int64(done)); err != nil || got < len(p) {
				return done, linux.EFAULT
			}
		}
		got, err := fn(p)
		if access == guest.Store && got > 0 {
			if _, err := unix.Pwrite(fd, p[:got], int64(off)+int64(done)); err != nil {
				return done, linux.EFAULT
			}
		}
		done += got
		if err != nil || got < len(p) || done == n {
			return done, err
		}
	}
}

// warm maps window i if it was used often enough. It reports whether the
// window may be mapped now.
func (f *File) warm(i uint64, w *window) bool {
	if w != nil && w.uses.Add(1) < warmAfter {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if w = f.windows[i]; w == nil {
		if f.windows == nil {
			f.windows = map[uint64]*window{}
		}
		f.windows[i] = &window{}
		return false
	}
	return w.mem != nil || f.mapLocked(i, w) == nil
}

func (f *File) mapLocked(i uint64, w *window) error {
	f.evictLocked()
	if mapped.Load() >= maxMapped {
		f.shedLocked()
	}
	mem, err := unix.Mmap(f.fd, int64(i<<windowShift), windowSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return linux.ENOMEM
	}
	w.mem = mem
	mapped.Add(1)
	return nil
}

// evictLocked makes room for one more window. Which it takes is chance: Go's
// maps are walked in random order.
func (f *File) evictLocked() {
	if len(f.windows) < maxWindows {
		return
	}
	for i, w := range f.windows {
		w.unmap()
		delete(f.windows, i)
		return
	}
}

// mapped counts the windows of all files: the host allows a process some 65,530
// mappings, of which Go's heap needs some.
var mapped atomic.Int64

const (
	maxMapped = 20000
	shedding  = 256 // how many windows make room at a time
)

// shedLocked unmaps windows of whatever files nobody uses at the moment. f.mu is held.
func (f *File) shedLocked() {
	live.Lock()
	defer live.Unlock()
	left := shedding
	for g := range live.files {
		if g != f && !g.mu.TryLock() {
			continue
		}
		for i, w := range g.windows {
			if left == 0 {
				break
			}
			if w.mem != nil {
				w.unmap()
				delete(g.windows, i)
				left--
			}
		}
		if g != f {
			g.mu.Unlock()
		}
		if left == 0 {
			return
		}
	}
}

func (w *window) unmap() {
	if w.mem != nil {
		unix.Munmap(w.mem)
		w.mem = nil
		mapped.Add(-1)
	}
}

// Word calls fn with the aligned 32-bit word at off.
func (f *File) Word(off uint64, fn func(*atomic.Uint32)) error {
	i := off >> windowShift
	for {
		f.mu.RLock()
		if w := f.windows[i]; w != nil && w.mem != nil {
			fn(word(w.mem, off%windowSize))
			f.mu.RUnlock()
			return nil
		}
		f.mu.RUnlock()
		f.mu.Lock()
		w := f.windows[i]
		if w == nil {
			w = &window{}
			if f.windows == nil {
				f.windows = map[uint64]*window{}
			}
		}
		var err error
		if w.mem == nil {
			err = f.mapLocked(i, w)
			f.windows[i] = w
		}
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
