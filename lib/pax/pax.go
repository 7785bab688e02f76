// Package pax writes tar archives in the format of POSIX.1-2001 (pax(1)), with what
// GNU tar added for extended attributes and for files with holes. It keeps no more
// than one header in memory.
//
// Names are checked: none leads out of where an archive is unpacked.
package pax

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind is a type of file: the header's typeflag.
type Kind byte

// Kinds.
const (
	Regular   Kind = '0'
	HardLink  Kind = '1'
	Symlink   Kind = '2'
	CharDev   Kind = '3'
	BlockDev  Kind = '4'
	Directory Kind = '5'
	FIFO      Kind = '6'

	extended Kind = 'x'
)

// A Header is one file.
type Header struct {
	// Name is relative, without "." and ".."; "." alone is the directory that holds
	// all the others.
	Name     string
	Kind     Kind
	Mode     uint32 // permissions
	UID, GID uint32
	// Size is a Regular file's in bytes, all of which follow, or those in Data.
	Size int64
	// Sec and Nsec are the time of the last change.
	Sec, Nsec int64
	// Link is a Symlink's target, or the Name of the file that a HardLink is.
	Link         string
	Major, Minor uint32
	Xattrs       []Xattr
	// Data, if it is not nil, is where a Regular file is no hole: by rising offset,
	// without overlap.
	Data []Extent
}

// An Xattr is an extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// An Extent is a part of a file.
type Extent struct{ Off, Len int64 }

// A Writer writes an archive. Once a write has failed, all others do.
type Writer struct {
	w    io.Writer
	err  error
	left int64 // of the file that is being written
	pad  int64 // behind it
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Err returns the error of a write that failed.
func (t *Writer) Err() error { return t.err }

const blockSize = 512

var zeros [blockSize]byte

// ErrName says that a Header's Name or Link cannot be in an archive.
var ErrName = errors.New("pax: name is not safe")

// CheckName returns ErrName for a name that is not one of files below a directory.
func CheckName(name string) error {
	if name == "." {
		return nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.IndexByte(part, 0) >= 0 {
			return ErrName
		}
	}
	return nil
}

// WriteHeader begins the next file. Of a Regular one the content is to be written then.
func (t *Writer) WriteHeader(h *Header) error {
	if err := CheckName(h.Name); err != nil {
		return err
	}
	if h.Kind == HardLink && CheckName(h.Link) != nil || strings.IndexByte(h.Link, 0) >= 0 {
		return ErrName
	}
	if err := t.flush(); err != nil {
		return err
	}
	c := *h
	if c.Kind == Directory {
		c.Name += "/"
	}
	var r records
	var holes []byte
	if c.Kind == Regular && c.Data != nil {
		holes = r.sparse(&c)
	}
	r.header(&c)
	if len(r) > 0 {
		t.block(&Header{Name: "PaxHeader", Kind: extended, Mode: 0o644, Size: int64(len(r))})
		t.raw(r)
		t.raw(zeros[:padding(int64(len(r)))])
	}
	t.block(&c)
	if c.Kind == Regular {
		t.left, t.pad = c.Size, padding(c.Size)
		t.put(holes)
	}
	return t.err
}

// Write writes content of the last file: all of Header.Size, or what Data names.
func (t *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > t.left {
		return 0, errors.New("pax: more than the file's size")
	}
	t.put(p)
	if t.err != nil {
		return 0, t.err
	}
	return len(p), nil
}

// Close writes the end of the archive.
func (t *Writer) Close() error {
	if err := t.flush(); err != nil {
		return err
	}
	t.raw(zeros[:])
	t.raw(zeros[:])
	return t.err
}

func (t *Writer) put(p []byte) {
	t.left -= int64(len(p))
	t.raw(p)
}

// flush ends the last file.
func (t *Writer) flush() error {
	if t.err == nil && t.left > 0 {
		t.err = fmt.Errorf("pax: %d bytes of a file are missing", t.left)
	}
	t.raw(zeros[:t.pad])
	t.pad = 0
	return t.err
}

func (t *Writer) raw(p []byte) {
	if t.err == nil && len(p) > 0 {
		_, t.err = t.w.Write(p)
	}
}

// padding is what fills n bytes up to whole blocks.
func padding(n int64) int64 { return -n & (blockSize - 1) }
