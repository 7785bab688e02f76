package tmpfs

import (
	"maps"
	"slices"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/lock"
	"glovebox/sentry/vfs"
)

// maxXattrs bounds the extended attributes of a file in bytes.
const maxXattrs = 128 << 10

// A node is any file.
type node struct {
	vfs.Locks
	fs  *FileSystem
	ino uint64

	mu       lock.RWMutex[lock.Inode] // guards what follows
	mode     uint32                   // the type is immutable
	uid, gid uint32
	nlink    uint32
	rdev     uint64
	atime    linux.Timespec
	mtime    linux.Timespec
	ctime    linux.Timespec
	btime    linux.Timespec
	xattrs   map[string][]byte
	opens    int    // open files of a regular file, and names
	seals    uint32 // F_SEAL_*, of a regular file
	nameless bool   // made by O_TMPFILE: link(2) may give it its first name

	// writers counts shared mappings that can be written through.
	writers atomic.Int64

	dir    names   // of a directory
	target string  // of a symbolic link
	data   content // of a regular file
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
	switch n.Kind() {
	case linux.S_IFREG:
		return regular{n}
	case linux.S_IFDIR:
		return dir{n}
	case linux.S_IFLNK:
		return link{n}
	}
	return special{n}
}

func nodeOf(i vfs.Inode) *node {
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
func (n *node) Kind() uint32 { return n.mode & linux.S_IFMT }

// Open implements vfs.Inode for what has no content.
func (n *node) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) { return nil, linux.ENXIO }

// Attr implements vfs.Inode.
func (n *node) Attr(*vfs.Ctx) (vfs.Attr, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	a := vfs.Attr{
		Dev: n.fs.opts.Dev, Ino: n.ino, Mode: n.mode, Nlink: n.nlink, UID: n.uid, GID: n.gid, RDev: n.rdev,
		BlkSize: pageSize, Atime: n.atime, Mtime: n.mtime, Ctime: n.ctime, Btime: n.btime, BtimeKnown: true,
	}
	switch n.Kind() {
	case linux.S_IFREG:
		a.Size, a.Blocks = n.data.size, n.data.blocks()
	case linux.S_IFDIR:
		a.Size = int64(len(n.dir.list)+2) * 20 // as Linux's BOGO_DIRENT_SIZE
	case linux.S_IFLNK:
		a.Size = int64(len(n.target))
	}
	return a, nil
}

// SetAttr implements vfs.Inode.
func (n *node) SetAttr(_ *vfs.Ctx, s vfs.SetAttr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := now()
	if s.Mask&vfs.SetSize != 0 {
		if n.Kind() != linux.S_IFREG {
			return linux.EINVAL
		}
		if err := n.mayResizeLocked(s.Size); err != nil {
			return err
		}
		if err := n.data.truncate(n.fs, s.Size); err != nil {
			return err
		}
		n.mtime = t
	}
	if s.Mask&(vfs.SetSize|vfs.SetUID|vfs.SetGID) != 0 {
		n.dropCapsLocked()
	}
	if s.Mask&vfs.SetMode != 0 {
		if n.seals&linux.F_SEAL_EXEC != 0 && (n.mode^s.Mode)&0o111 != 0 {
			return linux.EPERM
		}
		n.mode = n.mode&linux.S_IFMT | s.Mode&0o7777
	}
	if s.Mask&vfs.SetUID != 0 {
		n.uid = s.UID
	}
	if s.Mask&vfs.SetGID != 0 {
		n.gid = s.GID
	}
	switch {
	case s.Mask&vfs.SetAtimeNow != 0:
		n.atime = t
	case s.Mask&vfs.SetAtime != 0:
		n.atime = s.Atime
	}
	switch {
	case s.Mask&vfs.SetMtimeNow != 0:
		n.mtime = t
	case s.Mask&vfs.SetMtime != 0:
		n.mtime = s.Mtime
	}
	n.ctime = t
	return nil
}

// dropCapsLocked takes a program's capabilities away, as all do who change its content
// or owner (security_inode_killpriv).
func (n *node) dropCapsLocked() { delete(n.xattrs, "security.capability") }

// GetXattr implements vfs.Xattrs.
func (n *node) GetXattr(_ *vfs.Ctx, name string) ([]byte, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	v, ok := n.xattrs[name]
	if !ok {
		return nil, linux.ENODATA
	}
	return slices.Clone(v), nil
}

// SetXattr implements vfs.Xattrs.
func (n *node) SetXattr(_ *vfs.Ctx, name string, value []byte, flags uint32) error {
	const create, replace = 1, 2
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.xattrs[name]
	switch {
	case ok && flags&create != 0:
		return linux.EEXIST
	case !ok && flags&replace != 0:
		return linux.ENODATA
	}
	total := len(name) + len(value)
	for k, v := range n.xattrs {
		if k != name {
			total += len(k) + len(v)
		}
	}
	if total > maxXattrs {
		return linux.ENOSPC
	}
	if n.xattrs == nil {
		n.xattrs = map[string][]byte{}
	}
	n.xattrs[name] = slices.Clone(value)
	n.ctime = now()
	return nil
}

// RemoveXattr implements vfs.Xattrs.
func (n *node) RemoveXattr(_ *vfs.Ctx, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.xattrs[name]; !ok {
		return linux.ENODATA
	}
	delete(n.xattrs, name)
	n.ctime = now()
	return nil
}

// ListXattr implements vfs.Xattrs.
func (n *node) ListXattr(*vfs.Ctx) ([]string, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.Sorted(maps.Keys(n.xattrs)), nil
}

// Readlink implements vfs.Symlink.
func (l link) Readlink(*vfs.Ctx) (string, error) { return l.target, nil }

// drop forgets names of n, or open files; without any its pages go. The lock of
// the directory may be held.
func (n *node) drop(names, opens int) {
	n.mu.LockBelow()
	defer n.mu.Unlock()
	n.nlink -= uint32(names)
	n.opens -= opens
	if names > 0 {
		n.ctime = now()
	}
	if n.nlink == 0 && n.opens == 0 {
		n.fs.inodes.Add(-1)
		if n.Kind() == linux.S_IFREG {
			n.data.release(n.fs)
		}
	}
}
