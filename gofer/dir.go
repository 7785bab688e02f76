package gofer

import (
	"bytes"
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/p9"
)

// A directory is one opened to be read.
type directory struct {
	openFile
	n *node

	mu  sync.Mutex
	off uint64 // where the descriptor is; guarded by mu
}

// ReadAt implements p9.Handle.
func (d *directory) ReadAt([]byte, int64) (int, error) { return 0, linux.EISDIR }

// WriteAt implements p9.Handle.
func (d *directory) WriteAt([]byte, int64) (int, error) { return 0, linux.EISDIR }

// direntBuffer is how much is read of a directory at once.
const direntBuffer = 32 << 10

var buffers = sync.Pool{New: func() any { return new([direntBuffer]byte) }}

// ReadDir implements p9.Handle.
func (d *directory) ReadDir(off uint64, add func(p9.Dirent) bool) error {
	b := buffers.Get().(*[direntBuffer]byte)
	defer buffers.Put(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if d.off != off {
			if _, err := unix.Seek(d.fd, int64(off), unix.SEEK_SET); err != nil {
				return errno(err)
			}
			d.off = off
		}
		n, err := unix.Getdents(d.fd, b[:])
		if err != nil {
			return errno(err)
		}
		if n <= 0 {
			return nil
		}
		var more bool
		// The descriptor is behind all of b, off behind what was taken.
		d.off, off, more = d.entries(b[:n], off, add)
		if !more {
			return nil
		}
	}
}

// entries calls add with what getdents64(2) returned. last is the offset behind
// all of it, off that behind what add took.
func (d *directory) entries(b []byte, from uint64, add func(p9.Dirent) bool) (last, off uint64, more bool) {
	const fixed = 19 // d_ino, d_off, d_reclen, d_type
	last, off, more = from, from, true
	for len(b) > fixed {
		ino, next := binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[8:])
		size, typ := int(binary.NativeEndian.Uint16(b[16:])), b[18]
		if size <= fixed || size > len(b) {
			break
		}
		name, _, _ := bytes.Cut(b[fixed:size], []byte{0})
		b = b[size:]
		last = next
		if !more {
			continue
		}
		e := p9.Dirent{
			QID:  p9.QID{Type: p9.QIDType(uint32(typ) << 12), Path: ino},
			Next: next, Type: typ, Name: string(name),
		}
		if more = add(e); more {
			off = next
		}
	}
	return last, off, more
}
