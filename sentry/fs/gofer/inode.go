package gofer

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/vfs"
)

// An inode is a file of the server.
type inode struct {
	vfs.Locks
	fs  *FileSystem
	key key
	fid *p9.File
	*hostFile

	mu     sync.RWMutex
	attr   vfs.Attr // guarded by mu
	fresh  bool     // guarded by mu; attr is what the server would say
	target string   // guarded by mu; a symbolic link's, "" until it was read
}

// The kinds of inode are types, so that each implements only what it is.
type (
	dir       struct{ *inode }
	liveDir   struct{ dir }
	link      struct{ *inode }
	plainFile struct{ *inode }
)

var (
	_ vfs.Dir         = dir{}
	_ vfs.Revalidator = liveDir{}
	_ vfs.Symlink     = link{}
	_ vfs.Xattrs      = plainFile{}
)

// as returns n as what it is. Two of one inode are equal (==).
func (n *inode) as() vfs.Inode {
	switch n.key.kind {
	case linux.S_IFDIR:
		if n.fs.opts.Exclusive {
			return dir{n}
		}
		return liveDir{dir{n}}
	case linux.S_IFLNK:
		return link{n}
	}
	return plainFile{n}
}

func inodeOf(i vfs.Inode) *inode {
	switch i := i.(type) {
	case dir:
		return i.inode
	case liveDir:
		return i.inode
	case link:
		return i.inode
	case plainFile:
		return i.inode
	}
	return nil
}

// Kind implements vfs.Inode.
func (n *inode) Kind() uint32 { return n.key.kind }

// Attr implements vfs.Inode.
func (n *inode) Attr(*vfs.Ctx) (vfs.Attr, error) {
	n.mu.RLock()
	if n.fresh && n.fs.opts.Exclusive {
		defer n.mu.RUnlock()
		return n.attr, nil
	}
	n.mu.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.attr, n.refreshLocked()
}

// refreshLocked asks the host, by a donated descriptor if there is one.
func (n *inode) refreshLocked() error {
	if n.fresh && n.fs.opts.Exclusive {
		return nil
	}
	if st, ok := n.stat(); ok {
		fromStat(&n.attr, &st)
		n.fresh = true
		return nil
	}
	a, err := n.fid.GetAttr()
	if err == linux.ESTALE && n.isDead() {
		n.attr.Nlink = 0 // the rest is as it was
		return nil
	}
	if err != nil {
		return err
	}
	if a.Mode&linux.S_IFMT != n.key.kind || a.QID.Path != n.key.ino {
		return linux.EIO
	}
	dev := n.attr.Dev
	n.attr = attrOf(&a)
	n.attr.Dev, n.fresh = dev, true
	return nil
}

// learn takes attributes that came with another reply.
func (n *inode) learn(a *p9.Attr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.fresh || !n.fs.opts.Exclusive {
		n.attr, n.fresh = attrOf(a), true
	}
}

// stale notes that the attributes changed on the server.
func (n *inode) stale() {
	n.mu.Lock()
	n.fresh = false
	n.mu.Unlock()
}

// SetAttr implements vfs.Inode.
func (n *inode) SetAttr(_ *vfs.Ctx, s vfs.SetAttr) error {
	p := p9.SetAttr{Mode: s.Mode, UID: s.UID, GID: s.GID, Size: uint64(s.Size), ATime: timeOf(s.Atime), MTime: timeOf(s.Mtime)}
	for _, m := range [...]struct {
		has vfs.SetMask
		set uint32
	}{
		{vfs.SetMode, p9.SetMode}, {vfs.SetUID, p9.SetUID}, {vfs.SetGID, p9.SetGID}, {vfs.SetSize, p9.SetSize},
		{vfs.SetAtime, p9.SetATime | p9.SetATimeSet}, {vfs.SetMtime, p9.SetMTime | p9.SetMTimeSet},
		{vfs.SetAtimeNow, p9.SetATime}, {vfs.SetMtimeNow, p9.SetMTime},
	} {
		if s.Mask&m.has != 0 {
			p.Valid |= m.set
		}
	}
	if s.Mask == 0 { // the change time only
		p.Valid, p.UID, p.GID = p9.SetUID|p9.SetGID, vfs.NoID, vfs.NoID
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.Mask&(vfs.SetSize|vfs.SetMode) == vfs.SetSize {
		defer n.keepSetIDLocked()()
	}
	n.fresh = false
	err := n.fid.SetAttr(p)
	if err != nil {
		return err
	}
	if s.Mask&vfs.SetMode != 0 {
		n.attr.Mode = n.key.kind | s.Mode&0o7777
	}
	if s.Mask&vfs.SetUID != 0 {
		n.attr.UID = s.UID
	}
	if s.Mask&vfs.SetGID != 0 {
		n.attr.GID = s.GID
	}
	return nil
}

// keepSetIDLocked is called before a file is changed, what it returns afterwards. The
// host takes the set-id bits off what is written by who has no capability there; the VFS
// has done that where the guest has none.
func (n *inode) keepSetIDLocked() (done func()) {
	const setIDs = linux.S_ISUID | linux.S_ISGID
	if n.attr.Mode&setIDs == 0 || n.refreshLocked() != nil || n.attr.Mode&setIDs == 0 {
		return func() {}
	}
	mode := n.attr.Mode
	return func() {
		// What cannot be kept is gone, which is safe.
		_ = n.fid.SetAttr(p9.SetAttr{Valid: p9.SetMode, Mode: mode & 0o7777})
	}
}

// change is keepSetIDLocked for who does not hold mu meanwhile.
func (n *inode) change() (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	keep := n.keepSetIDLocked()
	return func() {
		keep()
		n.stale()
	}
}

// Readlink implements vfs.Symlink.
func (l link) Readlink(*vfs.Ctx) (string, error) {
	l.mu.RLock()
	t := l.target
	l.mu.RUnlock()
	if t != "" && l.fs.opts.Exclusive {
		return t, nil
	}
	t, err := l.fid.Readlink()
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	l.target = t
	l.mu.Unlock()
	return t, nil
}

// Open implements vfs.Inode; the VFS opens what is neither file nor directory.
func (l link) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) { return nil, linux.ELOOP }

// GetXattr implements vfs.Xattrs.
func (n *inode) GetXattr(_ *vfs.Ctx, name string) ([]byte, error) { return n.fid.GetXattr(name) }

// SetXattr implements vfs.Xattrs.
func (n *inode) SetXattr(_ *vfs.Ctx, name string, value []byte, flags uint32) error {
	defer n.stale()
	return n.fid.SetXattr(name, value, flags)
}

// RemoveXattr implements vfs.Xattrs.
func (n *inode) RemoveXattr(_ *vfs.Ctx, name string) error {
	defer n.stale()
	return n.fid.RemoveXattr(name)
}

// ListXattr implements vfs.Xattrs.
func (n *inode) ListXattr(*vfs.Ctx) ([]string, error) { return n.fid.ListXattr() }
