package overlay

import (
	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// Rename implements vfs.Dir. The VFS moves between directories one file at a
// time.
func (d dir) Rename(c *vfs.Ctx, name string, child vfs.Inode, to vfs.Dir, newName string, _ vfs.Inode, flags uint32) error {
	t, ok := to.(dir)
	if !ok || t.fs != d.fs {
		return linux.EXDEV
	}
	if flags&linux.RENAME_WHITEOUT != 0 {
		return linux.EINVAL // as overlayfs
	}
	upFrom, err := d.copyUp(-1)
	if err != nil {
		return err
	}
	upTo, err := t.copyUp(-1)
	if err != nil {
		return err
	}
	defer lockBoth(d, t)()
	if err := d.moveLocked(c, name, toNode(child), t, newName, flags); err != nil {
		return err
	}
	touch(d.fs.self, upFrom, vfs.SetMtimeNow)
	touch(d.fs.self, upTo, vfs.SetMtimeNow)
	return nil
}

// lockBoth locks two directories; only a rename does, under the VFS's lock of
// renames between directories.
func lockBoth(d, t dir) (unlock func()) {
	if d == t {
		d.dir.mu.Lock()
		return d.dir.mu.Unlock
	}
	// A parent is removed from with its child locked: parents come first.
	a, b := d, t
	for n := d.node; n != nil; n = n.parent.Load() {
		if n == t.node {
			a, b = t, d
			break
		}
	}
	a.dir.mu.Lock()
	b.dir.mu.Lock()
	return func() {
		b.dir.mu.Unlock()
		a.dir.mu.Unlock()
	}
}

func (d dir) moveLocked(c *vfs.Ctx, name string, n *node, t dir, newName string, flags uint32) error {
	from, err := d.entryLocked(c, name)
	if err != nil {
		return err
	}
	into, err := t.entryLocked(c, newName)
	switch {
	case err != nil:
		return err
	case n == nil || from.node != n:
		return linux.ENOENT
	case t.dir.gone:
		return linux.ENOENT
	}
	if flags&linux.RENAME_EXCHANGE != 0 {
		if into.node == nil {
			return linux.ENOENT
		}
		d.dir.setLocked(name, entry{into.node, from.covers})
		into.node.moved(d)
	} else {
		if into.node != nil {
			if err := t.removeLocked(c, newName, into.node); err != nil {
				return err
			}
		}
		d.dir.setLocked(name, entry{nil, from.covers})
	}
	t.dir.setLocked(newName, entry{n, into.covers})
	n.moved(t)
	return nil
}

// moved notes that n has a name in d now, which holds it.
func (n *node) moved(d dir) {
	n.changed()
	if n.kind == linux.S_IFDIR {
		n.parent.Store(d.node)
	}
}
