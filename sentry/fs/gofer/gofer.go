// Package gofer is the file system whose files a gofer process serves over 9P.
//
// Where the gofer donates an open descriptor of the host, reading, writing and
// mapping need no message. Names, attributes and descriptors are kept as long
// as nobody else changes the files (Options.Exclusive); else each use asks
// again.
//
// An inode belongs to the garbage collector, and its fid with it. Lock order:
// inode.mu, then FileSystem.mu; both may be held across a request.
package gofer

import (
	"runtime"
	"sync"
	"weak"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/vfs"
)

// Options say how the files are used.
type Options struct {
	// Attach names the tree (Tattach's aname).
	Attach string
	// Exclusive: nobody else changes the files.
	Exclusive bool
}

// A FileSystem implements vfs.FileSystem.
type FileSystem struct {
	opts   Options
	client *p9.Client
	root   *inode
	guess  guess

	mu     sync.Mutex
	inodes map[key]weak.Pointer[inode] // guarded by mu
}

var _ vfs.FileSystem = (*FileSystem)(nil)

// A key is what a file has only one of, whatever its names.
type key struct {
	dev, ino uint64
	kind     uint32
}

// New attaches to a tree of the server.
func New(c *p9.Client, o Options) (*FileSystem, error) {
	f, a, err := c.Attach(o.Attach)
	if err != nil {
		return nil, err
	}
	fs := &FileSystem{opts: o, client: c, inodes: map[key]weak.Pointer[inode]{}}
	fs.root = fs.intern(f, &a)
	return fs, nil
}

// Type implements vfs.FileSystem.
func (fs *FileSystem) Type() string { return "9p" }

// Root implements vfs.FileSystem.
func (fs *FileSystem) Root() vfs.Inode { return fs.root.as() }

// Sync implements vfs.FileSystem: nothing is kept back.
func (fs *FileSystem) Sync(*vfs.Ctx) error { return nil }

// Release implements vfs.FileSystem. Files that are still open live on.
func (*FileSystem) Release() { held.closeIdle(0) }

// Statfs implements vfs.FileSystem.
func (fs *FileSystem) Statfs(*vfs.Ctx) (linux.Statfs, error) {
	s, err := fs.root.fid.StatFS()
	if err != nil {
		return linux.Statfs{}, err
	}
	return linux.Statfs{
		Type: int64(s.Type), Bsize: int64(s.BlkSize), Frsize: int64(s.BlkSize),
		Blocks: s.Blocks, Bfree: s.Free, Bavail: s.Avail, Files: s.Files, Ffree: s.FilesFree,
		Namelen: int64(s.NameLen),
	}, nil
}

// intern returns the one inode of the file that f leads to, and takes f over.
func (fs *FileSystem) intern(f *p9.File, a *p9.Attr) *inode {
	k := keyOf(a)
	fs.mu.Lock()
	if n := fs.inodes[k].Value(); n != nil {
		fs.mu.Unlock()
		f.Close()
		n.learn(a)
		return n
	}
	n := fs.newInode(f, a)
	fs.inodes[k] = weak.Make(n)
	fs.mu.Unlock()
	return n
}

// newInode returns an inode that is not found by its key yet, and takes f over.
func (fs *FileSystem) newInode(f *p9.File, a *p9.Attr) *inode {
	n := &inode{fs: fs, key: keyOf(a), fid: f}
	n.attr, n.fresh = attrOf(a), true
	n.hostFile = newHostFile(n.fid, &fs.guess)
	runtime.AddCleanup(n, fs.forget, leftover{n.key, n.hostFile})
	return n
}

// enlist has the inode found by its key.
func (fs *FileSystem) enlist(n *inode) {
	fs.mu.Lock()
	fs.inodes[n.key] = weak.Make(n)
	fs.mu.Unlock()
}

func keyOf(a *p9.Attr) key { return key{a.Dev, a.QID.Path, a.Mode & linux.S_IFMT} }

// die is told that n has lost a name: its last, as far as is known.
func (fs *FileSystem) die(n *inode) {
	n.mu.RLock()
	last := n.attr.Nlink <= 1
	n.mu.RUnlock()
	if !last || n.key.kind != linux.S_IFREG {
		return
	}
	fs.mu.Lock()
	// The host may give its number to another file soon.
	if fs.inodes[n.key].Value() == n {
		delete(fs.inodes, n.key)
	}
	fs.mu.Unlock()
	n.hostFile.die()
}

// A leftover is what an inode leaves when nobody refers to it any more.
type leftover struct {
	key  key
	file *hostFile
}

// forget closes what an inode held. A new inode may have its key by now.
func (fs *FileSystem) forget(l leftover) {
	fs.mu.Lock()
	if fs.inodes[l.key].Value() == nil {
		delete(fs.inodes, l.key)
	}
	fs.mu.Unlock()
	held.remove(l.file)
	l.file.close()
	l.file.fid.Close()
}
