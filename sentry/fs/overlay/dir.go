package overlay

import (
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// names is what was changed in a directory.
type names struct {
	mu sync.RWMutex
	m  map[string]entry // guarded by mu
	// subdirs counts the directories in m, if the directory was made here.
	subdirs int32 // guarded by mu
	gone    bool  // removed: nothing can be made in it; guarded by mu
	// low is what the lower directory lists, if that was asked for.
	low atomic.Pointer[[]vfs.Dirent]
}

// An entry is a name that was made here, or removed if node is nil. covers says
// that the lower directory has the name, too.
type entry struct {
	node   *node
	covers bool
}

// links returns st_nlink of a directory: overlayfs shows 1 where it does not
// count.
func (d *names) links(n *node) uint32 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	switch {
	case d.gone:
		return 0
	case n.lower != nil:
		return 1
	}
	return 2 + uint32(d.subdirs)
}

// setLocked makes e what name stands for; a name that was never there leaves
// nothing behind.
func (d *names) setLocked(name string, e entry) {
	if old := d.m[name].node; old != nil && old.kind == linux.S_IFDIR {
		d.subdirs--
	}
	if e.node != nil && e.node.kind == linux.S_IFDIR {
		d.subdirs++
	}
	if e.node == nil && !e.covers {
		delete(d.m, name)
		return
	}
	if d.m == nil {
		d.m = map[string]entry{}
	}
	d.m[name] = e
}

// entryLocked returns what name stands for, which may be nothing.
func (d dir) entryLocked(c *vfs.Ctx, name string) (entry, error) {
	if e, ok := d.dir.m[name]; ok {
		return e, nil
	}
	below, ok := d.lower.(vfs.Dir)
	if !ok || d.lacks(name) {
		return entry{}, nil
	}
	l, err := below.Lookup(c, name)
	switch {
	case err == linux.ENOENT:
		return entry{}, nil
	case err != nil:
		return entry{}, err
	}
	n := d.fs.nodeOf(l, d.node)
	if n.parent.Load() != d.node {
		n.foundIn(d.node)
	}
	return entry{n, true}, nil
}

// Lookup implements vfs.Dir.
func (d dir) Lookup(c *vfs.Ctx, name string) (vfs.Inode, error) {
	d.dir.mu.RLock()
	defer d.dir.mu.RUnlock()
	e, err := d.entryLocked(c, name)
	if err != nil {
		return nil, err
	}
	if e.node == nil {
		return nil, linux.ENOENT
	}
	return e.node.inode(), nil
}

// Create implements vfs.Dir.
func (d dir) Create(c *vfs.Ctx, name string, mode uint32, rdev uint64) (vfs.Inode, error) {
	return d.enter(c, name, &vfs.Attr{Mode: mode, RDev: rdev}, "")
}

// Symlink implements vfs.Dir.
func (d dir) Symlink(c *vfs.Ctx, name, target string) (vfs.Inode, error) {
	return d.enter(c, name, &vfs.Attr{Mode: linux.S_IFLNK | 0o777}, target)
}

// own gives a new file in d its owner (inode_init_owner).
func (d dir) own(c *vfs.Ctx, a *vfs.Attr) error {
	at, err := d.real().Attr(c)
	if err != nil {
		return err
	}
	a.UID, a.GID = c.Creds.FSUID, c.Creds.FSGID
	if at.Mode&linux.S_ISGID != 0 {
		a.GID = at.GID
		if a.Mode&linux.S_IFMT == linux.S_IFDIR {
			a.Mode |= linux.S_ISGID
		}
	}
	return nil
}

// newNode returns a node of what was made as u.
func (d dir) newNode(u *upper, mode uint32) *node {
	n := &node{fs: d.fs, kind: mode & linux.S_IFMT, ino: firstIno + d.fs.ino.Add(1)}
	n.up.Store(u)
	n.parent.Store(d.node)
	return n
}

// Temp implements vfs.Temper.
func (d dir) Temp(c *vfs.Ctx, mode uint32) (vfs.Inode, error) {
	t, ok := d.fs.store.(vfs.Temper)
	if !ok {
		return nil, linux.EOPNOTSUPP
	}
	a := vfs.Attr{Mode: mode}
	if err := d.own(c, &a); err != nil {
		return nil, err
	}
	inode, err := t.Temp(d.fs.self, mode)
	if err != nil {
		return nil, err
	}
	err = inode.SetAttr(d.fs.self, vfs.SetAttr{Mask: vfs.SetUID | vfs.SetGID, UID: a.UID, GID: a.GID})
	if err != nil {
		return nil, err
	}
	n := d.newNode(&upper{inode: inode}, mode)
	n.nameless.Store(true)
	return n.inode(), nil
}

// enter makes a file with a's mode and device at name.
func (d dir) enter(c *vfs.Ctx, name string, a *vfs.Attr, target string) (vfs.Inode, error) {
	if err := d.own(c, a); err != nil {
		return nil, err
	}
	up, err := d.copyUp(-1)
	if err != nil {
		return nil, err
	}
	d.dir.mu.Lock()
	defer d.dir.mu.Unlock()
	old, err := d.mayEnterLocked(c, name)
	if err != nil {
		return nil, err
	}
	u, err := d.fs.newUpper(a, target)
	if err != nil {
		return nil, err
	}
	n := d.newNode(u, a.Mode)
	n.links.Store(1)
	d.dir.setLocked(name, entry{n, old.covers})
	touch(d.fs.self, up, vfs.SetMtimeNow)
	return n.inode(), nil
}

// mayEnterLocked returns what is to be said of name, which is free.
func (d dir) mayEnterLocked(c *vfs.Ctx, name string) (entry, error) {
	if d.dir.gone {
		return entry{}, linux.ENOENT
	}
	e, err := d.entryLocked(c, name)
	if err == nil && e.node != nil {
		err = linux.EEXIST
	}
	return e, err
}

// Link implements vfs.Dir.
func (d dir) Link(c *vfs.Ctx, name string, old vfs.Inode) error {
	n := toNode(old)
	if n == nil || n.fs != d.fs {
		return linux.EXDEV
	}
	up, err := d.copyUp(-1)
	if err != nil {
		return err
	}
	d.dir.mu.Lock()
	defer d.dir.mu.Unlock()
	was, err := d.mayEnterLocked(c, name)
	if err != nil {
		return err
	}
	a, err := n.Attr(c)
	if err != nil {
		return err
	}
	if a.Nlink == 0 {
		if err := n.firstName(n.up.Load()); err != nil {
			return err
		}
	}
	n.links.Add(1)
	n.changed()
	d.dir.setLocked(name, entry{n, was.covers})
	touch(d.fs.self, up, vfs.SetMtimeNow)
	return nil
}

// Remove implements vfs.Dir.
func (d dir) Remove(c *vfs.Ctx, name string, child vfs.Inode) error {
	up, err := d.copyUp(-1)
	if err != nil {
		return err
	}
	d.dir.mu.Lock()
	defer d.dir.mu.Unlock()
	if err := d.removeLocked(c, name, toNode(child)); err != nil {
		return err
	}
	touch(d.fs.self, up, vfs.SetMtimeNow)
	return nil
}

func (d dir) removeLocked(c *vfs.Ctx, name string, n *node) error {
	e, err := d.entryLocked(c, name)
	if err != nil {
		return err
	}
	if n == nil || e.node != n {
		return linux.ENOENT
	}
	if n.kind == linux.S_IFDIR {
		if err := (dir{n}).bury(c); err != nil {
			return err
		}
	}
	d.dir.setLocked(name, entry{nil, e.covers})
	n.unlinked(c)
	return nil
}

// bury marks an empty directory as removed.
func (d dir) bury(c *vfs.Ctx) error {
	d.dir.mu.Lock()
	defer d.dir.mu.Unlock()
	for _, e := range d.dir.m {
		if e.node != nil {
			return linux.ENOTEMPTY
		}
	}
	empty := true
	err := d.listLowerLocked(c, func(vfs.Dirent) bool {
		empty = false
		return false
	})
	if err == nil && !empty {
		err = linux.ENOTEMPTY
	}
	if err == nil {
		d.dir.gone = true
	}
	return err
}
