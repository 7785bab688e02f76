package overlay

import (
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"weak"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/vfs"
)

// firstIno is the inode number of the first file that the lower layer has not
// got, above those of any disk.
const firstIno = 1 << 48

// A FileSystem implements vfs.FileSystem.
type FileSystem struct {
	dev          uint64
	lower, upper vfs.FileSystem
	store        vfs.Dir // the upper layer's root, which holds every upper inode
	self         *vfs.Ctx
	ino          atomic.Uint64
	name         atomic.Uint64 // the last name given in store
	root         *node

	mu    sync.Mutex
	nodes map[vfs.Inode]weak.Pointer[node] // by lower inode; guarded by mu
	pins  map[*node]struct{}               // what was changed; guarded by mu
}

var _ vfs.FileSystem = (*FileSystem)(nil)

// New returns a file system that shows lower, a directory or a file, with the changes in upper, which
// is empty and nobody else's, as device dev. The lower layer does not change by
// itself.
func New(lower, upper vfs.FileSystem, dev uint64) (*FileSystem, error) {
	store, ok := upper.Root().(vfs.Dir)
	if kind := lower.Root().Kind(); !ok || kind != linux.S_IFDIR && kind != linux.S_IFREG {
		return nil, linux.ENOTDIR
	}
	fs := &FileSystem{
		dev: dev, lower: lower, upper: upper, store: store,
		self: &vfs.Ctx{
			Creds:     &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps, Bounding: auth.AllCaps},
			FileLimit: math.MaxInt64,
		},
		nodes: map[vfs.Inode]weak.Pointer[node]{},
		pins:  map[*node]struct{}{},
	}
	fs.root = fs.nodeOf(lower.Root(), nil)
	return fs, nil
}

// Type implements vfs.FileSystem.
func (fs *FileSystem) Type() string { return "overlay" }

// Root implements vfs.FileSystem.
func (fs *FileSystem) Root() vfs.Inode { return fs.root.inode() }

// Statfs implements vfs.FileSystem: what is free is the upper layer's.
func (fs *FileSystem) Statfs(c *vfs.Ctx) (linux.Statfs, error) {
	s, err := fs.upper.Statfs(c)
	s.Type = linux.OVERLAYFS_MAGIC
	return s, err
}

// Sync implements vfs.FileSystem.
func (fs *FileSystem) Sync(c *vfs.Ctx) error { return fs.upper.Sync(c) }

// Release implements vfs.FileSystem.
func (fs *FileSystem) Release() {
	fs.upper.Release()
	fs.lower.Release()
}

// nodeOf returns the node of a lower inode that was found in parent.
func (fs *FileSystem) nodeOf(lower vfs.Inode, parent *node) *node {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if n := fs.nodes[lower].Value(); n != nil {
		return n
	}
	n := &node{fs: fs, kind: lower.Kind(), lower: lower}
	n.parent.Store(parent)
	fs.nodes[lower] = weak.Make(n)
	runtime.AddCleanup(n, fs.forget, lower)
	return n
}

// forget drops what was known of a lower inode whose node is gone.
func (fs *FileSystem) forget(lower vfs.Inode) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.nodes[lower].Value() == nil {
		delete(fs.nodes, lower)
	}
}

// pin keeps a changed node that the lower layer's names lead to.
func (fs *FileSystem) pin(n *node) {
	if n.lower == nil {
		return
	}
	fs.mu.Lock()
	fs.pins[n] = struct{}{}
	fs.mu.Unlock()
}

func (fs *FileSystem) unpin(n *node) {
	fs.mu.Lock()
	delete(fs.pins, n)
	fs.mu.Unlock()
}

// newName returns a name that is free in the store.
func (fs *FileSystem) newName() string { return strconv.FormatUint(fs.name.Add(1), 36) }

// newUpper makes an upper inode with the attributes a; target is a symbolic
// link's.
func (fs *FileSystem) newUpper(a *vfs.Attr, target string) (u *upper, err error) {
	u = &upper{name: fs.newName()}
	if a.Mode&linux.S_IFMT == linux.S_IFLNK {
		u.inode, err = fs.store.Symlink(fs.self, u.name, target)
	} else {
		u.inode, err = fs.store.Create(fs.self, u.name, a.Mode, a.RDev)
	}
	if err != nil {
		return nil, err
	}
	set := vfs.SetAttr{
		Mask: vfs.SetUID | vfs.SetGID | vfs.SetMode, UID: a.UID, GID: a.GID, Mode: a.Mode &^ linux.S_IFMT,
	}
	if a.Mode&linux.S_IFMT == linux.S_IFLNK {
		set.Mask &^= vfs.SetMode
	}
	if err := u.inode.SetAttr(fs.self, set); err != nil {
		fs.drop(u)
		return nil, err
	}
	return u, nil
}

// drop gives an upper inode up; its content goes when it is closed.
func (fs *FileSystem) drop(u *upper) {
	// The name was given by newUpper and is taken away once.
	_ = fs.store.Remove(fs.self, u.name, u.inode)
}
