package overlay

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// A node is any file.
type node struct {
	vfs.Locks
	fs   *FileSystem
	kind uint32
	// lower is nil for what was made here. Immutable.
	lower vfs.Inode
	// ino is the inode number of what was made here. Immutable.
	ino uint64
	// parent is the directory that a directory was found in or moved to, or where
	// another file was found first; others are further ones, of files.
	parent atomic.Pointer[node]
	others atomic.Pointer[[]*node]

	// up is set once, by copyUp.
	up atomic.Pointer[upper]
	// copy is held while the node is copied up.
	copy sync.Mutex
	// links is how many names were added less those removed.
	links atomic.Int32
	// ctime is when a file that has no upper inode got, lost or changed a name.
	ctime atomic.Pointer[linux.Timespec]
	// nameless: made by O_TMPFILE, and not in the store.
	nameless atomic.Bool

	dir names // of a directory
}

// An upper is an inode of the upper layer and its name there.
type upper struct {
	inode vfs.Inode
	name  string
}

// The kinds of node are types, so that each implements only what it is.
type (
	regular struct{ *node }
	dir     struct{ *node }
	link    struct{ *node }
	special struct{ *node }
)

var (
	_ vfs.Dir     = dir{}
	_ vfs.Symlink = link{}
	_ vfs.Xattrs  = regular{}
)

// inode returns n as what it is. Two inodes of one node are equal (==).
func (n *node) inode() vfs.Inode {
	switch n.kind {
	case linux.S_IFREG:
		return regular{n}
	case linux.S_IFDIR:
		return dir{n}
	case linux.S_IFLNK:
		return link{n}
	}
	return special{n}
}

func toNode(i vfs.Inode) *node {
	switch i := i.(type) {
	case regular:
		return i.node
	case dir:
		return i.node
	case link:
		return i.node
	case special:
		return i.node
	}
	return nil
}

// Kind implements vfs.Inode.
func (n *node) Kind() uint32 { return n.kind }

// real returns the inode that has n's content and attributes now.
func (n *node) real() vfs.Inode {
	if u := n.up.Load(); u != nil {
		return u.inode
	}
	return n.lower
}

// Attr implements vfs.Inode.
func (n *node) Attr(c *vfs.Ctx) (vfs.Attr, error) {
	a, err := n.real().Attr(c)
	if err != nil {
		return a, err
	}
	a.Dev = n.fs.dev
	if t := n.ctime.Load(); t != nil && n.up.Load() == nil {
		a.Ctime = *t
	}
	if a.Ino, err = n.number(c, a.Ino); err != nil {
		return a, err
	}
	switch {
	case n.kind == linux.S_IFDIR:
		a.Nlink = n.dir.links(n)
	case n.up.Load() == nil:
		a.Nlink += uint32(n.links.Load())
	case n.lower == nil:
		a.Nlink = uint32(n.links.Load())
	default:
		l, err := n.lower.Attr(c)
		if err != nil {
			return a, err
		}
		a.Nlink = l.Nlink + uint32(n.links.Load())
	}
	return a, nil
}

// number returns n's inode number, which copy-up does not change; real is that
// of the inode behind n.
func (n *node) number(c *vfs.Ctx, real uint64) (uint64, error) {
	switch {
	case n.lower == nil:
		return n.ino, nil
	case n.up.Load() == nil && real != 0:
		return real, nil
	}
	a, err := n.lower.Attr(c)
	return a.Ino, err
}

// SetAttr implements vfs.Inode.
func (n *node) SetAttr(c *vfs.Ctx, s vfs.SetAttr) error {
	keep := int64(-1)
	if s.Mask&vfs.SetSize != 0 {
		keep = s.Size
	}
	u, err := n.copyUp(keep)
	if err != nil {
		return err
	}
	return u.inode.SetAttr(c, s)
}

// Open implements vfs.Inode. What is open to be read stays with the lower layer
// when the file is copied up, as on Linux.
func (n *node) Open(c *vfs.Ctx, flags uint32) (vfs.FileOps, error) {
	if flags&linux.O_ACCMODE != linux.O_RDONLY && n.kind == linux.S_IFREG {
		u, err := n.copyUp(-1)
		if err != nil {
			return nil, err
		}
		return u.inode.Open(c, flags)
	}
	return n.real().Open(c, flags)
}

// Readlink implements vfs.Symlink.
func (l link) Readlink(c *vfs.Ctx) (string, error) {
	s, ok := l.real().(vfs.Symlink)
	if !ok {
		return "", linux.EIO
	}
	return s.Readlink(c)
}

// GetXattr implements vfs.Xattrs.
func (n *node) GetXattr(c *vfs.Ctx, name string) ([]byte, error) {
	if x, ok := n.real().(vfs.Xattrs); ok {
		return x.GetXattr(c, name)
	}
	return nil, linux.ENODATA
}

// ListXattr implements vfs.Xattrs.
func (n *node) ListXattr(c *vfs.Ctx) ([]string, error) {
	if x, ok := n.real().(vfs.Xattrs); ok {
		return x.ListXattr(c)
	}
	return nil, nil
}

// SetXattr implements vfs.Xattrs.
func (n *node) SetXattr(c *vfs.Ctx, name string, value []byte, flags uint32) error {
	x, err := n.upperXattrs()
	if err != nil {
		return err
	}
	return x.SetXattr(c, name, value, flags)
}

// RemoveXattr implements vfs.Xattrs.
func (n *node) RemoveXattr(c *vfs.Ctx, name string) error {
	if _, err := n.GetXattr(c, name); err != nil {
		return err
	}
	x, err := n.upperXattrs()
	if err != nil {
		return err
	}
	return x.RemoveXattr(c, name)
}

func (n *node) upperXattrs() (vfs.Xattrs, error) {
	u, err := n.copyUp(-1)
	if err != nil {
		return nil, err
	}
	x, ok := u.inode.(vfs.Xattrs)
	if !ok {
		return nil, linux.EOPNOTSUPP
	}
	return x, nil
}

// maxOthers bounds node.others.
const maxOthers = 16

// foundIn notes that the lower layer has n in p, too.
func (n *node) foundIn(p *node) {
	if n.kind == linux.S_IFDIR {
		n.parent.Store(p)
		return
	}
	for {
		old := n.others.Load()
		var list []*node
		if old != nil {
			list = *old
		}
		if len(list) == maxOthers || slices.Contains(list, p) {
			return
		}
		list = append(list[:len(list):len(list)], p)
		if n.others.CompareAndSwap(old, &list) {
			return
		}
	}
}

// parents are the directories that n is known to be in, or was.
func (n *node) parents() (list []*node) {
	if o := n.others.Load(); o != nil {
		list = append(list, *o...)
	}
	if p := n.parent.Load(); p != nil {
		list = append(list, p)
	}
	return list
}

// firstName puts a file made by O_TMPFILE into the store; others that have lost
// their last name get no new one.
func (n *node) firstName(u *upper) error {
	if !n.nameless.CompareAndSwap(true, false) {
		return linux.ENOENT
	}
	u.name = n.fs.newName()
	return n.fs.store.Link(n.fs.self, u.name, u.inode)
}

// unlinked notes that n lost a name. What has none left is given up.
func (n *node) unlinked(c *vfs.Ctx) {
	n.links.Add(-1)
	n.fs.pin(n)
	a, err := n.Attr(c)
	if err == nil && a.Nlink > 0 && n.kind != linux.S_IFDIR {
		n.changed()
		return
	}
	n.fs.unpin(n)
	if u := n.up.Load(); u != nil {
		n.fs.drop(u)
	}
}

// changed sets n's change time.
func (n *node) changed() {
	if u := n.up.Load(); u != nil {
		touch(n.fs.self, u, 0)
		return
	}
	now := time.Now()
	n.ctime.Store(&linux.Timespec{Sec: now.Unix(), Nsec: int64(now.Nanosecond())})
	n.fs.pin(n)
}

// touch sets an upper inode's change time, and the times that mask names.
func touch(c *vfs.Ctx, u *upper, mask vfs.SetMask) {
	// Setting times of an inode in memory does not fail.
	_ = u.inode.SetAttr(c, vfs.SetAttr{Mask: mask})
}
