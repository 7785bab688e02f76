// Package tmpfs is a file system in memory (tmpfs(5)). A file's pages are the
// Sentry's own until somebody maps it; then they move to a memory file.
//
// Lock order: a directory's mu, then a child's; two directories by inode
// number. File systems count the pages they hold against a limit.
package tmpfs

import (
	"sync/atomic"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/memfile"
	"glovebox/sentry/vfs"
)

const magic = 0x01021994 // TMPFS_MAGIC

// Options are tmpfs(5)'s mount options, and what the Sentry needs.
type Options struct {
	// Type is what /proc/mounts shows; "" stands for tmpfs.
	Type string
	// Dev is st_dev.
	Dev uint64
	// Size bounds the contents in bytes, Inodes the files; 0 is no bound.
	Size, Inodes uint64
	// Mode, UID and GID are the root directory's.
	Mode, UID, GID uint32
	// Memory is what the files take; nil for an account of their own.
	Memory *memfile.Account
}

// A FileSystem implements vfs.FileSystem.
type FileSystem struct {
	opts   Options
	root   *node
	ino    atomic.Uint64
	pages  atomic.Int64 // in use
	inodes atomic.Int64
}

var _ vfs.FileSystem = (*FileSystem)(nil)

// New returns an empty file system.
func New(o Options) *FileSystem {
	if o.Type == "" {
		o.Type = "tmpfs"
	}
	if o.Memory == nil {
		o.Memory = new(memfile.Account)
	}
	fs := &FileSystem{opts: o}
	fs.root = fs.newNode(linux.S_IFDIR|o.Mode&0o7777, o.UID, o.GID)
	fs.root.nlink = 2
	return fs
}

// Type implements vfs.FileSystem.
func (fs *FileSystem) Type() string { return fs.opts.Type }

// Root implements vfs.FileSystem.
func (fs *FileSystem) Root() vfs.Inode { return fs.root.inode() }

// Sync implements vfs.FileSystem.
func (fs *FileSystem) Sync(*vfs.Ctx) error { return nil }

// Release implements vfs.FileSystem: nobody has a file open any more, and all memory is
// given back.
func (fs *FileSystem) Release() {
	for todo := []*node{fs.root}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n.mu.Lock()
		for _, e := range n.dir.list {
			todo = append(todo, e.node)
		}
		n.dir = names{gone: true}
		n.data.release(fs)
		n.mu.Unlock()
	}
}

// Statfs implements vfs.FileSystem.
func (fs *FileSystem) Statfs(*vfs.Ctx) (linux.Statfs, error) {
	s := linux.Statfs{Type: magic, Bsize: pageSize, Frsize: pageSize, Namelen: linux.NAME_MAX}
	if fs.opts.Size > 0 {
		s.Blocks = fs.opts.Size / pageSize
		s.Bfree = s.Blocks - min(s.Blocks, uint64(fs.pages.Load()))
		s.Bavail = s.Bfree
	}
	if fs.opts.Inodes > 0 {
		s.Files = fs.opts.Inodes
		s.Ffree = s.Files - min(s.Files, uint64(fs.inodes.Load()))
	}
	return s, nil
}

// charge takes n pages, or says ENOSPC.
func (fs *FileSystem) charge(n int64) error {
	if used := fs.pages.Add(n); n > 0 && fs.opts.Size > 0 && uint64(used)*pageSize > fs.opts.Size {
		fs.pages.Add(-n)
		return linux.ENOSPC
	}
	return nil
}

// full reports whether there can be no more files.
func (fs *FileSystem) full() bool {
	return fs.opts.Inodes > 0 && uint64(fs.inodes.Load()) >= fs.opts.Inodes
}

// newNode returns a file without a name.
func (fs *FileSystem) newNode(mode, uid, gid uint32) *node {
	t := now()
	n := &node{
		fs: fs, ino: fs.ino.Add(1), mode: mode, uid: uid, gid: gid, nlink: 1,
		atime: t, mtime: t, ctime: t, btime: t, seals: linux.F_SEAL_SEAL,
	}
	fs.inodes.Add(1)
	return n
}

func now() linux.Timespec {
	t := time.Now()
	return linux.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
}
