package tmpfs

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
)

const (
	pageSize = guest.PageSize
	// maxSize is the largest file in bytes: what a memory file holds.
	maxSize = memfile.MaxSize
)

type page [pageSize]byte

// unwritten stands for a page that was reserved by fallocate(2): zeros, and part of a
// hole. Nobody writes to it.
var unwritten = new(page)

// A content is the bytes of a regular file. The node's mu guards it.
type content struct {
	size int64 // changed by setSize
	// shown is size for those who hold an address space's lock, which comes
	// after mu.
	shown atomic.Int64
	pages map[int64]*page // by number, or unwritten; a page that is missing is zeros
	// mem holds the bytes instead of pages once the file was mapped.
	mem *memfile.File
	// charged is how many pages of mem the file system counts.
	charged int64
	// changes counts what may have changed mem; writable says that processes
	// could, unseen. Read without mu.
	changes  atomic.Uint64
	writable atomic.Bool
}

func (d *content) setSize(n int64) {
	d.size = n
	d.shown.Store(n)
}

// blocks returns the size on disk in units of 512 bytes.
func (d *content) blocks() uint64 {
	if d.mem != nil {
		return d.mem.Resident() / 512
	}
	return uint64(len(d.pages)) * (pageSize / 512)
}

func (d *content) read(b *guest.Buf, off int64) (done int64, err error) {
	left := min(int64(b.Len()), d.size-off)
	if left <= 0 {
		return 0, nil
	}
	if d.mem != nil {
		n, err := d.access(off, int(left), guest.Load, b.CopyOut)
		return int64(n), err
	}
	for left > 0 {
		in := off % pageSize
		n := min(left, pageSize-in)
		var m int
		if p := d.pages[off/pageSize]; p != nil {
			m, err = b.CopyOut(p[in : in+n])
		} else {
			m, err = b.Zero(int(n))
		}
		done += int64(m)
		if err != nil {
			return done, err
		}
		off += n
		left -= n
	}
	return done, nil
}

// access moves bytes between mem and what fn copies to or from: a guest's memory,
// which may lie in the same file. So it goes through a buffer, and no lock of mem
// is held meanwhile.
func (d *content) access(off int64, n int, access guest.Access, fn func([]byte) (int, error)) (int, error) {
	return memfile.Bounce(d.mem.FD(access == guest.Store), uint64(off), n, access, fn)
}

func (d *content) write(fs *FileSystem, b *guest.Buf, off int64) (done int64, err error) {
	if off >= maxSize {
		return 0, linux.EFBIG
	}
	b.Limit(int(min(int64(b.Len()), maxSize-off)))
	if d.mem != nil {
		if err := d.allocate(fs, off, off+int64(b.Len())); err != nil {
			return 0, err
		}
		d.changes.Add(1)
		n, err := d.access(off, b.Len(), guest.Store, b.CopyIn)
		d.setSize(max(d.size, off+int64(n)))
		return int64(n), err
	}
	for b.Len() > 0 {
		in := off % pageSize
		n := min(int64(b.Len()), pageSize-in)
		p, err := d.page(fs, off/pageSize)
		if err != nil {
			return done, err
		}
		m, err := b.CopyIn(p[in : in+n])
		done += int64(m)
		off += int64(m)
		d.setSize(max(d.size, off))
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// page returns page i to be written, which it makes if it is missing.
func (d *content) page(fs *FileSystem, i int64) (*page, error) {
	if d.written(i) {
		return d.pages[i], nil
	}
	if err := d.reserve(fs, i); err != nil {
		return nil, err
	}
	p := new(page)
	d.pages[i] = p
	return p, nil
}

// written reports whether page i is data.
func (d *content) written(i int64) bool {
	p := d.pages[i]
	return p != nil && p != unwritten
}

// reserve counts page i, if that was not done before.
func (d *content) reserve(fs *FileSystem, i int64) error {
	if d.pages[i] != nil {
		return nil
	}
	if err := fs.charge(1); err != nil {
		return err
	}
	if d.pages == nil {
		d.pages = map[int64]*page{}
	}
	fs.opts.Memory.Pages.Add(pageSize)
	d.pages[i] = unwritten
	return nil
}

// allocate reserves what [off, end) needs. A memory file is charged as if it
// had no holes.
func (d *content) allocate(fs *FileSystem, off, end int64) error {
	if d.mem != nil {
		need := (end+pageSize-1)/pageSize - d.charged
		if need <= 0 {
			return nil
		}
		if err := fs.charge(need); err != nil {
			return err
		}
		d.charged += need
		return nil
	}
	for i := off / pageSize; i*pageSize < end; i++ {
		if err := d.reserve(fs, i); err != nil {
			return err
		}
	}
	return nil
}

func (d *content) truncate(fs *FileSystem, size int64) error {
	if size < 0 {
		return linux.EINVAL
	}
	if size > maxSize {
		return linux.EFBIG
	}
	if size < d.size {
		d.punch(fs, size, d.size)
	}
	d.setSize(size)
	return nil
}

// punch makes [off, end) zeros and gives whole pages back.
func (d *content) punch(fs *FileSystem, off, end int64) {
	if off >= end {
		return
	}
	if d.mem != nil {
		// To the page's end: what lies behind the file's end is zeros too.
		last := (end + pageSize - 1) / pageSize * pageSize
		if end < d.size {
			last = end
		}
		d.changes.Add(1)
		d.mem.Punch(uint64(off), uint64(last-off))
		return
	}
	// A file can be sparse and huge: go through what there is.
	for i, p := range d.pages {
		lo, hi := i*pageSize, (i+1)*pageSize
		switch {
		case hi <= off || lo >= end:
		case lo >= off && (hi <= end || end >= d.size):
			delete(d.pages, i)
			fs.opts.Memory.Pages.Add(-pageSize)
			fs.charge(-1)
		case p == unwritten:
		default:
			clear(p[max(off-lo, 0):min(end-lo, pageSize)])
		}
	}
}

// share moves the pages to a memory file.
func (d *content) share(fs *FileSystem) error {
	if d.mem != nil {
		return nil
	}
	f, err := fs.opts.Memory.NewShared("tmpfs")
	if err != nil {
		return err
	}
	for i, p := range d.pages {
		if p == unwritten {
			continue
		}
		err := f.Fill(uint64(i*pageSize), pageSize, func(b []byte, at int64) (int, error) {
			return copy(b, p[at:]), nil
		})
		if err != nil {
			f.Dec()
			return err
		}
	}
	fs.opts.Memory.Pages.Add(-int64(len(d.pages)) * pageSize)
	d.mem, d.charged, d.pages = f, int64(len(d.pages)), nil
	return nil
}

// release gives everything back.
func (d *content) release(fs *FileSystem) {
	fs.opts.Memory.Pages.Add(-int64(len(d.pages)) * pageSize)
	fs.charge(-int64(len(d.pages)) - d.charged)
	d.pages, d.charged = nil, 0
	if d.mem != nil {
		d.mem.Dec()
		d.mem = nil
	}
	d.setSize(0)
}

// A backing is a mapping's hold on a file and its memory.
type backing struct {
	*memfile.File
	n     *node
	write bool // it may be written through; immutable
}

// Size implements mm.Backing.
func (b *backing) Size() (int64, error) { return b.n.data.shown.Load(), nil }

// Inc implements mm.Backing.
func (b *backing) Inc() {
	b.File.Refs.Inc()
	if b.write {
		b.n.data.writable.Store(true)
		b.n.writers.Add(1)
	}
}

// Release implements mm.Backing.
func (b *backing) Release() {
	if b.write {
		b.n.writers.Add(-1)
	}
	b.File.Dec()
}

// Version implements platform.Versioned.
func (b *backing) Version() (uint64, bool) {
	return b.n.data.changes.Load(), !b.n.data.writable.Load()
}
