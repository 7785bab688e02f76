package synth

import (
	"bytes"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A Source writes a file's whole content to w, on behalf of c.
type Source func(c *vfs.Ctx, w *bytes.Buffer) error

// A Sink takes what one write(2) brings, at most MaxWrite bytes of it.
type Sink func(c *vfs.Ctx, p []byte) error

// maxKept is the longest content that an open file keeps, in bytes.
const maxKept = 64 << 10

// MaxWrite bounds what a Sink gets: longer writes are cut short.
const MaxWrite = 64 << 10

// An Opener returns what stands behind an open file that a Source cannot be.
type Opener func(c *vfs.Ctx, flags uint32) (vfs.FileOps, error)

// A File is a regular file, or a device node.
type File struct {
	node
	read  Source
	write Sink
	open  Opener
}

// File returns a file with the content that read gives, and which write takes
// in; nil for a file that cannot be read or written (EINVAL).
func (fs *FS) File(m Meta, read Source, write Sink) *File {
	return &File{node: node{fs: fs, kind: linux.S_IFREG, meta: m}, read: read, write: write}
}

// Text returns a file that can be read and whose content does not change.
func (fs *FS) Text(m Meta, s string) *File {
	return fs.File(m, func(_ *vfs.Ctx, w *bytes.Buffer) error {
		w.WriteString(s)
		return nil
	}, nil)
}

// Special returns a file that open opens.
func (fs *FS) Special(m Meta, open Opener) *File {
	return &File{node: node{fs: fs, kind: linux.S_IFREG, meta: m}, open: open}
}

// Device returns a node of kind S_IFCHR or S_IFBLK for the device m.RDev, which
// the VFS's table of devices opens.
func (fs *FS) Device(m Meta, kind uint32) *File {
	return &File{node: node{fs: fs, kind: kind, meta: m}}
}

// An OwnDevice is a device node that does not ask the VFS's table.
type OwnDevice struct{ File }

// OwnDevice returns a device node of kind S_IFCHR or S_IFBLK that open opens.
func (fs *FS) OwnDevice(m Meta, kind uint32, open Opener) *OwnDevice {
	return &OwnDevice{File{node: node{fs: fs, kind: kind, meta: m}, open: open}}
}

// OpensItself implements vfs.SelfOpener.
func (*OwnDevice) OpensItself() {}

// Open implements vfs.Inode.
func (f *File) Open(c *vfs.Ctx, flags uint32) (vfs.FileOps, error) {
	switch {
	case f.open != nil:
		return f.open(c, flags)
	case f.kind != linux.S_IFREG:
		return nil, linux.ENXIO
	}
	return &openFile{f: f}, nil
}

// An openFile is a File being read and written (seq_file).
type openFile struct {
	vfs.NoFile
	f *File

	mu   sync.Mutex   // held while the content is made
	made bool         // guarded by mu
	buf  bytes.Buffer // guarded by mu
}

// Read implements vfs.FileOps: the content is made anew when it is read from
// its start.
func (o *openFile) Read(c *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	if o.f.read == nil {
		return 0, linux.EINVAL
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if off == 0 || !o.made {
		o.buf.Reset()
		o.made = false
		if err := o.f.read(c, &o.buf); err != nil {
			return 0, err
		}
		o.made = true
	}
	p := o.buf.Bytes()
	n, err := 0, error(nil)
	if off < int64(len(p)) {
		n, err = b.CopyOut(p[off:])
	}
	if len(p) > maxKept {
		// Made again for the next read: it is the Sentry's memory.
		o.buf, o.made = bytes.Buffer{}, false
	}
	return int64(n), err
}

// Write implements vfs.FileOps.
func (o *openFile) Write(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	if o.f.write == nil {
		return 0, linux.EINVAL
	}
	p := make([]byte, min(b.Len(), MaxWrite))
	if _, err := b.CopyIn(p); err != nil {
		return 0, err
	}
	if err := o.f.write(c, p); err != nil {
		return 0, err
	}
	return int64(len(p)), nil
}

// Seek implements vfs.Seeker: these files have no end to seek from
// (seq_lseek).
func (o *openFile) Seek(_ *vfs.Ctx, cur, off int64, whence int) (int64, error) {
	switch whence {
	case linux.SEEK_SET:
	case linux.SEEK_CUR:
		off += cur
	default:
		return 0, linux.EINVAL
	}
	if off < 0 {
		return 0, linux.EINVAL
	}
	return off, nil
}
