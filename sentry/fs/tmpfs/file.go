package tmpfs

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// Open implements vfs.Inode.
func (r regular) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) {
	r.mu.Lock()
	r.opens++
	r.mu.Unlock()
	return &openFile{n: r.node}, nil
}

// An openFile is an open regular file.
type openFile struct {
	vfs.NoFile
	n *node
}

// Release implements vfs.FileOps.
func (o *openFile) Release() { o.n.drop(0, 1) }

// Read implements vfs.FileOps.
func (o *openFile) Read(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	o.n.mu.RLock()
	defer o.n.mu.RUnlock()
	return o.n.data.read(b, off)
}

// Write implements vfs.FileOps.
func (o *openFile) Write(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	return o.writeLocked(b, off)
}

func (o *openFile) writeLocked(b *guest.Buf, off int64) (int64, error) {
	if b.Len() == 0 {
		return 0, nil
	}
	if err := o.n.mayWriteLocked(off + int64(b.Len())); err != nil {
		return 0, err
	}
	o.n.dropCapsLocked()
	n, err := o.n.data.write(o.n.fs, b, off)
	if n > 0 {
		o.n.mtime = now()
		o.n.ctime = o.n.mtime
	}
	return n, err
}

// Append implements vfs.Appender.
func (o *openFile) Append(c *vfs.Ctx, b *guest.Buf) (n, end int64, err error) {
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	off := o.n.data.size
	if uint64(off)+uint64(b.Len()) > c.FileLimit {
		if uint64(off) >= c.FileLimit {
			return 0, off, linux.EFBIG
		}
		b.Limit(int(c.FileLimit - uint64(off)))
	}
	n, err = o.writeLocked(b, off)
	return n, off + n, err
}

// SeekHole implements vfs.HoleSeeker.
func (o *openFile) SeekHole(off int64, whence int) (int64, error) {
	o.n.mu.RLock()
	defer o.n.mu.RUnlock()
	return o.n.data.seekHole(off, whence)
}

// Data implements vfs.DataLister.
func (o *openFile) Data() (size int64, list []vfs.Extent) {
	o.n.mu.RLock()
	defer o.n.mu.RUnlock()
	return o.n.data.size, o.n.data.data()
}

// Fsync implements vfs.Syncer.
func (o *openFile) Fsync(*vfs.Ctx, bool) error { return nil }

// Fallocate implements vfs.Allocator (fallocate(2)).
func (o *openFile) Fallocate(c *vfs.Ctx, mode uint32, off, n int64) error {
	const keepSize, punchHole, zeroRange = 1, 2, 16
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	o.n.dropCapsLocked()
	d := &o.n.data
	end := off + n
	switch mode {
	case punchHole | keepSize:
		if err := o.n.mayWriteLocked(0); err != nil {
			return err
		}
		d.punch(o.n.fs, off, min(end, d.size))
		return nil
	case 0, keepSize, zeroRange, zeroRange | keepSize:
	default:
		return linux.EOPNOTSUPP
	}
	if end < off || end > maxSize {
		return linux.EFBIG
	}
	if end > d.size && o.n.seals&linux.F_SEAL_GROW != 0 {
		return linux.EPERM
	}
	if mode&keepSize == 0 && end > d.size && uint64(end) > c.FileLimit {
		return linux.EFBIG
	}
	if mode&zeroRange != 0 {
		if err := o.n.mayWriteLocked(0); err != nil {
			return err
		}
		d.punch(o.n.fs, off, end)
	}
	if err := d.allocate(o.n.fs, off, end); err != nil {
		return err
	}
	if mode&keepSize == 0 && end > d.size {
		d.setSize(end)
	}
	return nil
}

var _ mm.Mappable = (*openFile)(nil)

// ReadAt implements mm.Mappable.
func (o *openFile) ReadAt(p []byte, off int64) (int, error) {
	b := guest.Local(p)
	n, err := o.Read(nil, &b, off)
	return int(n), err
}

// Backing implements mm.Mappable: the file's pages move to a memory file.
func (o *openFile) Backing(write bool) (mm.Backing, bool, error) {
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	if write && o.n.seals&noWrites != 0 {
		return nil, false, linux.EPERM
	}
	if err := o.n.data.share(o.n.fs); err != nil {
		return nil, false, err
	}
	b := &backing{n: o.n, File: o.n.data.mem, write: write}
	b.Inc()
	return b, true, nil
}
