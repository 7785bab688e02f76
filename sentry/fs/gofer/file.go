package gofer

import (
	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// Open implements vfs.Inode.
func (f plainFile) Open(_ *vfs.Ctx, flags uint32) (vfs.FileOps, error) {
	if f.key.kind != linux.S_IFREG {
		return nil, linux.ENXIO
	}
	write := flags&linux.O_ACCMODE != linux.O_RDONLY
	err := f.acquire(write)
	if err == nil {
		return &openFile{n: f.inode, write: write}, nil
	}
	// A file that can only be written, or that is not to be donated.
	if err != linux.EOPNOTSUPP && (err != linux.EACCES || flags&linux.O_ACCMODE != linux.O_WRONLY) {
		return nil, err
	}
	o, err := f.fid.Open(flags & linux.O_ACCMODE)
	if err != nil {
		return nil, err
	}
	return &remoteFile{n: f.inode, file: o}, nil
}

// An openFile reads and writes by a donated descriptor.
type openFile struct {
	vfs.NoFile
	n     *inode
	write bool
}

// Release implements vfs.FileOps.
func (o *openFile) Release() { o.n.release() }

// Read implements vfs.FileOps.
func (o *openFile) Read(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	fd := o.n.any(o.write)
	n, err := b.Move(guest.Store, b.Len(), func(w []byte) (int, error) {
		m, err := retry(func() (int, error) { return unix.Pread(fd, w, off) })
		off += int64(m)
		return m, err
	})
	return int64(n), err
}

// Write implements vfs.FileOps.
func (o *openFile) Write(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	return o.writeLocked(b, off)
}

func (o *openFile) writeLocked(b *guest.Buf, off int64) (int64, error) {
	fd := o.n.any(true)
	defer o.n.keepSetIDLocked()()
	n, err := b.Move(guest.Load, b.Len(), func(w []byte) (int, error) {
		m, err := retry(func() (int, error) { return unix.Pwrite(fd, w, off) })
		off += int64(m)
		return m, err
	})
	o.n.fresh = false
	return int64(n), err
}

// Append implements vfs.Appender.
func (o *openFile) Append(c *vfs.Ctx, b *guest.Buf) (n, end int64, err error) {
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	off, err := o.n.Size()
	if err != nil {
		return 0, 0, err
	}
	if uint64(off)+uint64(b.Len()) > c.FileLimit {
		if uint64(off) >= c.FileLimit {
			return 0, off, linux.EFBIG
		}
		b.Limit(int(c.FileLimit - uint64(off)))
	}
	n, err = o.writeLocked(b, off)
	return n, off + n, err
}

// retry repeats an interrupted call, and turns its error into Linux's.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, errno(err)
		}
		return n, nil
	}
}

func errno(err error) error {
	if e, ok := err.(unix.Errno); ok {
		return linux.Errno(e)
	}
	return linux.EIO
}

// Seek implements vfs.Seeker.
func (o *openFile) Seek(_ *vfs.Ctx, cur, off int64, whence int) (int64, error) {
	base := int64(0)
	switch whence {
	case linux.SEEK_SET:
	case linux.SEEK_CUR:
		base = cur
	case linux.SEEK_END:
		size, err := o.n.Size()
		if err != nil {
			return 0, err
		}
		base = size
	case linux.SEEK_DATA, linux.SEEK_HOLE:
		// The descriptor's own offset means nothing to anyone.
		to, err := unix.Seek(o.n.any(o.write), off, whence)
		if err != nil {
			return 0, errno(err)
		}
		return to, nil
	default:
		return 0, linux.EINVAL
	}
	to := base + off
	switch {
	case off > 0 && to < base:
		return 0, linux.EOVERFLOW
	case to < 0:
		return 0, linux.EINVAL
	}
	return to, nil
}

// Fsync implements vfs.Syncer.
func (o *openFile) Fsync(_ *vfs.Ctx, dataOnly bool) error {
	fd := o.n.any(o.write)
	_, err := retry(func() (int, error) {
		if dataOnly {
			return 0, unix.Fdatasync(fd)
		}
		return 0, unix.Fsync(fd)
	})
	return err
}

// Fallocate implements vfs.Allocator.
func (o *openFile) Fallocate(_ *vfs.Ctx, mode uint32, off, n int64) error {
	defer o.n.change()()
	_, err := retry(func() (int, error) { return 0, unix.Fallocate(o.n.any(true), mode, off, n) })
	return err
}

var (
	_ mm.Mappable = (*openFile)(nil)
	_ mm.Backing  = (*mapping)(nil)
)

// ReadAt implements mm.Mappable.
func (o *openFile) ReadAt(p []byte, off int64) (int, error) {
	b := guest.Local(p)
	n, err := o.Read(nil, &b, off)
	return int(n), err
}

// Backing implements mm.Mappable.
func (o *openFile) Backing(write bool) (mm.Backing, bool, error) {
	if err := o.n.acquire(write); err != nil {
		if err == linux.EOPNOTSUPP {
			return nil, false, nil
		}
		return nil, false, err
	}
	return &mapping{hostFile: o.n.hostFile, n: o.n}, true, nil
}

// A mapping is one hold on a file's descriptors. It keeps the inode, whose
// cleanup closes them.
type mapping struct {
	*hostFile
	n *inode
}

// Inc implements mm.Backing.
func (m *mapping) Inc() {
	m.mu.Lock()
	m.users++
	m.mu.Unlock()
}

// Release implements mm.Backing.
func (m *mapping) Release() { m.release() }

// A remoteFile reads and writes by messages.
type remoteFile struct {
	vfs.NoFile
	n    *inode
	file *p9.OpenFile
}

// Release implements vfs.FileOps.
func (o *remoteFile) Release() { o.file.Close() }

// Read implements vfs.FileOps.
func (o *remoteFile) Read(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	p := make([]byte, min(b.Len(), 64<<10))
	n, err := o.file.ReadAt(p, off)
	if err != nil {
		return 0, err
	}
	m, err := b.CopyOut(p[:n])
	return int64(m), err
}

// Write implements vfs.FileOps.
func (o *remoteFile) Write(_ *vfs.Ctx, b *guest.Buf, off int64) (done int64, err error) {
	defer o.n.change()()
	p := make([]byte, min(b.Len(), 64<<10))
	for b.Len() > 0 {
		n, err := b.CopyIn(p[:min(len(p), b.Len())])
		for w := p[:n]; len(w) > 0; {
			m, err := o.file.WriteAt(w, off+done)
			if err != nil {
				return done, err
			}
			if m == 0 {
				return done, linux.EIO
			}
			done += int64(m)
			w = w[m:]
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Fsync implements vfs.Syncer.
func (o *remoteFile) Fsync(_ *vfs.Ctx, dataOnly bool) error { return o.file.Fsync(dataOnly) }

// ReadAt implements mm.Mappable.
func (o *remoteFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := o.file.ReadAt(p[done:], off+int64(done))
		if err != nil || n == 0 {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Backing implements mm.Mappable: what is not donated is copied.
func (o *remoteFile) Backing(bool) (mm.Backing, bool, error) { return nil, false, nil }
