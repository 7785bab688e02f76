package pipe

import (
	"strconv"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

var nextID atomic.Uint64

// Mode is which ways an End goes.
type Mode uint8

// Modes.
const (
	Read Mode = 1 << iota
	Write
)

// An End is an open end of a pipe, or both ends of a FIFO opened with O_RDWR.
// It implements vfs.FileOps.
type End struct {
	p    *Pipe
	mode Mode
	// packet is O_DIRECT: each write is a packet.
	packet atomic.Bool
	// seenW is opensW when a reader opened that does not wait: it sees no
	// hang-up before a writer came. Immutable.
	seenW uint64
	// waitR and waitW are opens to go past before a waiting open of a FIFO is
	// complete. Immutable.
	waitR, waitW uint64
	waits        bool
	// released is called when the end is closed. Immutable; nil for a pipe
	// without a name.
	released func()
}

var (
	_ vfs.FileOps    = (*End)(nil)
	_ vfs.FlagSetter = (*End)(nil)
	_ vfs.Reopener   = (*End)(nil)
	_ vfs.Locker     = (*End)(nil)
)

// New returns the ends of a new pipe (pipe(2)).
func New(a Account) (r, w *End) {
	p := newPipe()
	p.account, p.heap = a, a.Heap
	if !a.take(DefaultSize / guest.PageSize) {
		// Two pages always are there (PIPE_MIN_DEF_BUFFERS).
		p.size = 2 * guest.PageSize
		a.Pages.Add(2)
	}
	p.readers, p.writers, p.opensR, p.opensW = 1, 1, 1, 1
	return &End{p: p, mode: Read}, &End{p: p, mode: Write}
}

// A FIFO is a pipe with a name (fifo(7)); a filesystem's inode holds it. The
// zero value is ready for use.
type FIFO struct{ p atomic.Pointer[Pipe] }

// OpenFlags say how a FIFO is opened.
type OpenFlags uint8

// OpenFlags.
const (
	// NonBlock is O_NONBLOCK.
	NonBlock OpenFlags = 1 << iota
	// unnamed is a pipe without a name, opened through /proc: it waits for nobody.
	unnamed
)

// Open opens f. It does not block: without NonBlock the caller waits until
// End.Opened says that the other side has come. What the pipe holds counts in the heap
// of who opened it first.
func (f *FIFO) Open(mode Mode, flags OpenFlags, heap *atomic.Int64) (*End, error) {
	if f.p.Load() == nil {
		f.p.CompareAndSwap(nil, newPipe())
	}
	return f.p.Load().open(mode, flags, heap)
}

func (p *Pipe) open(mode Mode, flags OpenFlags, heap *atomic.Int64) (*End, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heap == nil && len(p.ring) == 0 {
		p.heap = heap
	}
	nonblock := flags&NonBlock != 0
	waits := flags&unnamed == 0
	if mode == Write && nonblock && p.readers == 0 && waits {
		return nil, linux.ENXIO
	}
	e := &End{p: p, mode: mode, waitR: p.opensR, waitW: p.opensW}
	if mode&Read != 0 {
		p.readers++
		p.opensR++
		if mode == Read && p.writers == 0 && waits {
			if nonblock {
				e.seenW = p.opensW + 1
			} else {
				e.waits = true
			}
		}
	}
	if mode&Write != 0 {
		p.writers++
		p.opensW++
		if mode == Write && p.readers == 0 {
			e.waits = waits
		}
	}
	p.queue.Notify(wait.All)
	return e, nil
}

// Opened returns EAGAIN while the other end of a FIFO is to be waited for
// (fifo(7)); Queue tells when that may have changed.
func (e *End) Opened() error {
	if !e.waits {
		return nil
	}
	p := e.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.mode == Read && p.opensW == e.waitW || e.mode == Write && p.opensR == e.waitR {
		return linux.EAGAIN
	}
	return nil
}

// Read implements vfs.FileOps.
func (e *End) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) { return e.p.read(b) }

// Write implements vfs.FileOps. A count together with EAGAIN says that the
// rest must wait for room.
func (e *End) Write(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	return e.p.write(b, e.packet.Load())
}

// Ready implements vfs.FileOps (pipe_poll).
func (e *End) Ready() wait.Mask {
	p := e.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var m wait.Mask
	if e.mode&Read != 0 {
		if p.usedLocked() > 0 {
			m |= readable
		}
		if p.writers == 0 && p.opensW+1 != e.seenW {
			m |= wait.Hup
		}
	}
	if e.mode&Write != 0 {
		if p.roomLocked() >= linux.PIPE_BUF {
			m |= writable
		}
		if p.readers == 0 {
			m |= wait.Err
		}
	}
	return m
}

// Queue implements vfs.FileOps.
func (e *End) Queue() *wait.Queue { return &e.p.queue }

// FileLocks implements vfs.Locker: both ends are one inode.
func (e *End) FileLocks() *vfs.Locks { return &e.p.locks }

// Ioctl implements vfs.FileOps.
func (e *End) Ioctl(_ *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	if cmd != linux.FIONREAD {
		return 0, linux.ENOTTY
	}
	e.p.mu.Lock()
	n := int32(e.p.usedLocked())
	e.p.mu.Unlock()
	_, err := mem.CopyOut(guest.Addr(arg), linux.Bytes(&n))
	return 0, err
}

// Release implements vfs.FileOps.
func (e *End) Release() {
	p := e.p
	p.mu.Lock()
	if e.mode&Read != 0 {
		p.readers--
	}
	if e.mode&Write != 0 {
		p.writers--
	}
	if p.readers == 0 && p.writers == 0 {
		p.chargeLocked(-len(p.ring))
		p.heap = nil
		p.ring, p.recs, p.head, p.tail = nil, nil, 0, 0
		p.account.take(-int64(p.size) / guest.PageSize)
		p.account.Pages = nil // should it be opened again, it is not counted
	}
	p.mu.Unlock()
	p.queue.Notify(wait.All)
	if e.released != nil {
		e.released()
	}
}

// Reopen implements vfs.Reopener: through /proc/PID/fd a pipe opens as a FIFO
// that waits for nobody (fifo_open).
func (e *End) Reopen(c *vfs.Ctx, flags uint32) (vfs.FileOps, error) {
	mode, how := modeOf(flags)
	n, err := e.p.open(mode, how|unnamed, c.Heap)
	if err != nil {
		return nil, err
	}
	n.SetFlags(flags)
	return n, nil
}

// modeOf returns how open(2)'s flags open a FIFO.
func modeOf(flags uint32) (Mode, OpenFlags) {
	var how OpenFlags
	if flags&linux.O_NONBLOCK != 0 {
		how = NonBlock
	}
	switch flags & linux.O_ACCMODE {
	case linux.O_RDONLY:
		return Read, how
	case linux.O_WRONLY:
		return Write, how
	}
	return Read | Write, how
}

// Mode returns which ways e goes.
func (e *End) Mode() Mode { return e.mode }

// SamePipe reports whether e and f are ends of one pipe.
func (e *End) SamePipe(f *End) bool { return e.p == f.p }

// Name is what /proc/PID/fd shows of e.
func (e *End) Name() string { return "pipe:[" + strconv.FormatUint(e.p.id, 10) + "]" }

// SetFlags implements vfs.FlagSetter: it follows O_DIRECT.
func (e *End) SetFlags(flags uint32) { e.packet.Store(flags&linux.O_DIRECT != 0) }

// Size is F_GETPIPE_SZ.
func (e *End) Size() int {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	return e.p.size
}

// SetSize is F_SETPIPE_SZ (pipe_set_size).
func (e *End) SetSize(c *auth.Creds, size uint64) (int, error) {
	if size > 1<<31 {
		return 0, linux.EINVAL
	}
	if size > MaxSize && size > uint64(e.Size()) && !c.Has(auth.CapSysResource) {
		return 0, linux.EPERM
	}
	if size > hardMax {
		return 0, linux.ENOMEM
	}
	return e.p.setSize(int(size), AccountOf(nil, c).Privileged)
}

// hardMax bounds what even the privileged may take of the Sentry's own memory.
const hardMax = 16 << 20
