package vfs

import (
	"math"
	"strconv"
	"strings"

	"glovebox/abi/linux"
)

// anonDev is st_dev of files without a path.
const anonDev = 0x10

// An Attrer is an open file without a path that knows its own attributes.
type Attrer interface {
	Attr(c *Ctx) (Attr, error)
}

// Attr is fstat(2).
func (f *File) Attr(c *Ctx) (Attr, error) {
	if !f.path.IsZero() {
		return f.path.Inode().Attr(c)
	}
	a, err := f.ownAttr(c)
	if d := f.anon.Load(); d != nil && err == nil {
		d.inode.(*anonInode).patch(&a)
	}
	return a, err
}

// ownAttr returns the attributes of a file without a path, as it was made.
func (f *File) ownAttr(c *Ctx) (Attr, error) {
	if a, ok := f.ops.(Attrer); ok {
		return a.Attr(c)
	}
	kind, rest, _ := strings.Cut(f.name, ":[")
	a := Attr{Dev: anonDev, Ino: 1, Mode: 0o600, Nlink: 1, BlkSize: 4096}
	switch kind {
	case "pipe":
		a.Mode |= linux.S_IFIFO
	case "socket":
		a.Mode = linux.S_IFSOCK | 0o777
	}
	if n, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64); err == nil {
		a.Ino = n
	}
	return a, nil
}

// Offset returns f's offset (/proc/PID/fdinfo).
func (f *File) Offset() int64 {
	return f.shown.Load()
}

// Fsync is fsync(2) and fdatasync(2): EINVAL for files that have no such thing.
func (f *File) Fsync(c *Ctx, dataOnly bool) error {
	if s, ok := f.ops.(Syncer); ok {
		return s.Fsync(c, dataOnly)
	}
	if f.path.IsZero() || !f.HasOffset() {
		return linux.EINVAL
	}
	return nil
}

// fallocModes are the flags of fallocate(2).
const fallocModes = linux.FALLOC_FL_KEEP_SIZE | linux.FALLOC_FL_PUNCH_HOLE | linux.FALLOC_FL_ZERO_RANGE |
	linux.FALLOC_FL_COLLAPSE_RANGE | linux.FALLOC_FL_INSERT_RANGE | linux.FALLOC_FL_UNSHARE_RANGE

// Fallocate is fallocate(2) (vfs_fallocate).
func (f *File) Fallocate(c *Ctx, mode uint32, off, n int64) error {
	const hole = linux.FALLOC_FL_PUNCH_HOLE
	switch {
	case off < 0 || n <= 0:
		return linux.EINVAL
	case mode&^fallocModes != 0, mode&hole != 0 && mode != hole|linux.FALLOC_FL_KEEP_SIZE:
		return linux.EOPNOTSUPP
	case !f.Writable():
		return linux.EBADF
	case f.path.IsZero() || f.path.Inode().Kind() == linux.S_IFIFO:
		return linux.ESPIPE
	case f.path.Inode().Kind() == linux.S_IFDIR:
		return linux.EISDIR
	case !f.isRegular():
		return linux.ENODEV
	case off > math.MaxInt64-n:
		return linux.EFBIG
	}
	a, ok := f.ops.(Allocator)
	if !ok {
		return linux.EOPNOTSUPP
	}
	if mode&linux.FALLOC_FL_KEEP_SIZE == 0 && uint64(off)+uint64(n) > c.FileLimit {
		return linux.EFBIG
	}
	if err := dropSetID(c, f.path.Inode()); err != nil {
		return err
	}
	return a.Fallocate(c, mode, off, n)
}

// Owns reports whether c may act as the owner of a file with attributes at
// (inode_owner_or_capable).
func Owns(c *Ctx, at *Attr) bool { return owns(c, at) }
