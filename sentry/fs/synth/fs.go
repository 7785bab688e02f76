package synth

import (
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// An FS implements vfs.FileSystem.
type FS struct {
	typ   string
	magic int64
	dev   uint64
	made  linux.Timespec
	root  vfs.Inode
}

var _ vfs.FileSystem = (*FS)(nil)

// New returns a file system of the given type, statfs(2) magic number and
// st_dev. SetRoot makes it usable.
func New(typ string, magic int64, dev uint64) *FS {
	t := time.Now()
	return &FS{typ: typ, magic: magic, dev: dev, made: linux.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}}
}

// SetRoot makes d the root directory, before the file system is mounted.
func (fs *FS) SetRoot(d vfs.Inode) {
	if n, ok := d.(placed); ok {
		n.place(1, 1)
	}
	fs.root = d
}

// Type implements vfs.FileSystem.
func (fs *FS) Type() string { return fs.typ }

// Root implements vfs.FileSystem.
func (fs *FS) Root() vfs.Inode { return fs.root }

// Statfs implements vfs.FileSystem.
func (fs *FS) Statfs(*vfs.Ctx) (linux.Statfs, error) {
	return linux.Statfs{Type: fs.magic, Bsize: 4096, Frsize: 4096, Namelen: linux.NAME_MAX}, nil
}

// Sync implements vfs.FileSystem.
func (fs *FS) Sync(*vfs.Ctx) error { return nil }

// Release implements vfs.FileSystem.
func (fs *FS) Release() {}
