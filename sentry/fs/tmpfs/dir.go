package tmpfs

import (
	"slices"
	"sort"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// firstCookie is the offset of a directory's first entry behind "." and "..".
const firstCookie = 2

// names is the entries of a directory, in the order in which they were made:
// an entry's cookie is its offset, and never used again.
type names struct {
	index  map[string]*entry
	list   []*entry
	next   int64
	parent *node // for ".."; nil for the root
	gone   bool  // removed: nothing can be made in it
}

type entry struct {
	name   string
	node   *node
	cookie int64
}

func (d *names) add(name string, n *node) {
	if d.index == nil {
		d.index = map[string]*entry{}
		d.next = firstCookie
	}
	e := &entry{name, n, d.next}
	d.next++
	d.index[name] = e
	d.list = append(d.list, e)
}

func (d *names) remove(name string) {
	e := d.index[name]
	delete(d.index, name)
	i := d.from(e.cookie)
	d.list = slices.Delete(d.list, i, i+1)
}

// from returns the index of the first entry at or behind cookie.
func (d *names) from(cookie int64) int {
	return sort.Search(len(d.list), func(i int) bool { return d.list[i].cookie >= cookie })
}

// Lookup implements vfs.Dir.
func (d dir) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e := d.dir.index[name]; e != nil {
		return e.node.inode(), nil
	}
	return nil, linux.ENOENT
}

// enter gives n its first name.
func (d dir) enter(name string, n *node) (vfs.Inode, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.mayEnterLocked(name); err != nil {
		d.fs.inodes.Add(-1)
		return nil, err
	}
	d.dir.add(name, n)
	if n.Kind() == linux.S_IFDIR {
		n.dir.parent = d.node
		d.nlink++
	}
	d.touchLocked()
	return n.inode(), nil
}

func (d dir) mayEnterLocked(name string) error {
	switch {
	case d.dir.index[name] != nil:
		return linux.EEXIST
	case d.dir.gone:
		return linux.ENOENT
	case d.fs.opts.Inodes > 0 && uint64(d.fs.inodes.Load()) > d.fs.opts.Inodes:
		return linux.ENOSPC
	}
	return nil
}

func (d dir) touchLocked() {
	d.mtime = now()
	d.ctime = d.mtime
}

// owner is inode_init_owner: in a set-group-id directory files get its group.
func (d dir) owner(c *vfs.Ctx, mode uint32) (uid, gid, m uint32) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.mode&linux.S_ISGID == 0 {
		return c.Creds.FSUID, c.Creds.FSGID, mode
	}
	if mode&linux.S_IFMT == linux.S_IFDIR {
		mode |= linux.S_ISGID
	}
	return c.Creds.FSUID, d.gid, mode
}

// Create implements vfs.Dir.
func (d dir) Create(c *vfs.Ctx, name string, mode uint32, rdev uint64) (vfs.Inode, error) {
	uid, gid, mode := d.owner(c, mode)
	n := d.fs.newNode(mode, uid, gid)
	n.rdev = rdev
	if n.Kind() == linux.S_IFDIR {
		n.nlink = 2
	}
	return d.enter(name, n)
}

// Temp implements vfs.Temper.
func (d dir) Temp(c *vfs.Ctx, mode uint32) (vfs.Inode, error) {
	uid, gid, mode := d.owner(c, mode)
	if d.fs.full() {
		return nil, linux.ENOSPC
	}
	n := d.fs.newNode(mode, uid, gid)
	n.nlink, n.nameless = 0, true
	return n.inode(), nil
}

// Symlink implements vfs.Dir.
func (d dir) Symlink(c *vfs.Ctx, name, target string) (vfs.Inode, error) {
	uid, gid, _ := d.owner(c, linux.S_IFLNK)
	n := d.fs.newNode(linux.S_IFLNK|0o777, uid, gid)
	n.target = target
	return d.enter(name, n)
}

// Link implements vfs.Dir.
func (d dir) Link(_ *vfs.Ctx, name string, old vfs.Inode) error {
	n := nodeOf(old)
	if n == nil || n.fs != d.fs {
		return linux.EXDEV
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.mayEnterLocked(name); err != nil {
		return err
	}
	n.mu.LockBelow()
	defer n.mu.Unlock()
	if n.nlink == 0 && !n.nameless {
		return linux.ENOENT
	}
	n.nameless = false
	n.nlink++
	n.ctime = now()
	d.dir.add(name, n)
	d.touchLocked()
	return nil
}

// Remove implements vfs.Dir.
func (d dir) Remove(_ *vfs.Ctx, name string, child vfs.Inode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.removeLocked(name, child)
}

func (d dir) removeLocked(name string, child vfs.Inode) error {
	n := nodeOf(child)
	if e := d.dir.index[name]; e == nil || e.node != n {
		return linux.ENOENT
	}
	count := 1
	if n.Kind() == linux.S_IFDIR {
		n.mu.LockBelow()
		if len(n.dir.list) > 0 {
			n.mu.Unlock()
			return linux.ENOTEMPTY
		}
		n.dir.gone = true
		count = int(n.nlink)
		n.mu.Unlock()
		d.nlink--
	}
	d.dir.remove(name)
	d.touchLocked()
	n.drop(count, 0)
	return nil
}

// Rename implements vfs.Dir. The VFS renames one at a time.
func (d dir) Rename(c *vfs.Ctx, name string, child vfs.Inode, to vfs.Dir, newName string, _ vfs.Inode, flags uint32) error {
	t, ok := to.(dir)
	if !ok || t.fs != d.fs {
		return linux.EXDEV
	}
	var whiteout *node
	if flags&linux.RENAME_WHITEOUT != 0 {
		uid, gid, mode := d.owner(c, linux.S_IFCHR)
		if d.fs.full() {
			return linux.ENOSPC
		}
		whiteout = d.fs.newNode(mode, uid, gid)
	}
	err := d.move(name, nodeOf(child), t, newName, flags, whiteout)
	if err != nil && whiteout != nil {
		d.fs.inodes.Add(-1)
	}
	return err
}

// move is Rename in one file system. A whiteout takes the old name.
func (d dir) move(name string, n *node, t dir, newName string, flags uint32, whiteout *node) error {
	defer d.lockWith(t)()
	if e := d.dir.index[name]; e == nil || e.node != n {
		return linux.ENOENT
	}
	old := t.dir.index[newName]
	switch {
	case flags&linux.RENAME_EXCHANGE != 0:
		if old == nil {
			return linux.ENOENT
		}
		m := old.node
		d.dir.index[name].node, old.node = m, n
		d.adopt(t, n)
		t.adopt(d, m)
		m.moved()
	case t.dir.gone:
		return linux.ENOENT
	default:
		if old != nil {
			if err := t.removeLocked(newName, old.node.inode()); err != nil {
				return err
			}
		}
		d.dir.remove(name)
		t.dir.add(newName, n)
		d.adopt(t, n)
		if whiteout != nil {
			d.dir.add(name, whiteout)
		}
	}
	n.moved()
	d.touchLocked()
	t.touchLocked()
	return nil
}

// moved notes that n has another name; the locks of directories are held.
func (n *node) moved() {
	n.mu.LockBelow()
	n.ctime = now()
	n.mu.Unlock()
}

// adopt makes t the parent of n, if that is a directory of d.
func (d dir) adopt(t dir, n *node) {
	if n.Kind() == linux.S_IFDIR && d != t {
		n.dir.parent = t.node
		d.nlink--
		t.nlink++
	}
}

func (d dir) lockWith(t dir) (unlock func()) {
	if d == t {
		d.mu.Lock()
		return d.mu.Unlock
	}
	a, b := d, t
	if a.ino > b.ino {
		a, b = b, a
	}
	a.mu.Lock()
	b.mu.LockBelow()
	return func() {
		b.mu.Unlock()
		a.mu.Unlock()
	}
}

// Open implements vfs.Inode.
func (d dir) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) { return openDir{dir: d}, nil }

// An openDir is a directory being read.
type openDir struct {
	vfs.NoFile
	dir dir
}

func (o openDir) Read(*vfs.Ctx, *guest.Buf, int64) (int64, error) { return 0, linux.EISDIR }
func (o openDir) Ready() wait.Mask                                { return wait.In | wait.RdNorm }

// ReadDir implements vfs.Dirents.
func (o openDir) ReadDir(_ *vfs.Ctx, off int64, add func(vfs.Dirent) bool) error {
	d := o.dir
	d.mu.RLock()
	up := d.ino
	if d.dir.parent != nil {
		up = d.dir.parent.ino
	}
	list := slices.Clone(d.dir.list[d.dir.from(off):])
	d.mu.RUnlock()
	if off <= 0 && !add(vfs.Dirent{Ino: d.ino, Next: 1, Type: linux.DT_DIR, Name: "."}) {
		return nil
	}
	if off <= 1 && !add(vfs.Dirent{Ino: up, Next: 2, Type: linux.DT_DIR, Name: ".."}) {
		return nil
	}
	for _, e := range list {
		if !add(vfs.Dirent{Ino: e.node.ino, Next: e.cookie + 1, Type: uint8(e.node.Kind() >> 12), Name: e.name}) {
			return nil
		}
	}
	return nil
}
