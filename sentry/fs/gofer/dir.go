package gofer

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// Lookup implements vfs.Dir.
func (d dir) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	if !d.fs.guess.eager() {
		f, a, err := d.fid.Walk(name)
		if err != nil {
			return nil, err
		}
		return d.fs.intern(f, &a).as(), nil
	}
	f, a, fd, err := d.fid.WalkDonate(name)
	if err == linux.ENFILE {
		// Perhaps it was the descriptor that was too much.
		f, a, err = d.fid.Walk(name)
	}
	if err != nil {
		return nil, err
	}
	n := d.fs.intern(f, &a)
	if fd >= 0 {
		n.gift(fd)
	}
	return n.as(), nil
}

// Revalidate implements vfs.Revalidator.
func (d liveDir) Revalidate(c *vfs.Ctx, name string, child vfs.Inode) bool {
	now, err := d.Lookup(c, name)
	return err == nil && now == child
}

// make makes a file. In a set-group-id directory it gets the directory's group
// (inode_init_owner).
func (d dir) make(c *vfs.Ctx, n p9.New) (vfs.Inode, error) {
	if err := d.own(c, &n); err != nil {
		return nil, err
	}
	defer d.stale()
	f, a, err := d.fid.Make(n)
	if err != nil {
		return nil, err
	}
	return d.fs.intern(f, &a).as(), nil
}

// own gives a new file in d its owner.
func (d dir) own(c *vfs.Ctx, n *p9.New) error {
	at, err := d.Attr(c)
	if err != nil {
		return err
	}
	n.UID, n.GID = c.Creds.FSUID, c.Creds.FSGID
	if at.Mode&linux.S_ISGID != 0 {
		n.GID = at.GID
		if n.Mode&linux.S_IFMT == linux.S_IFDIR {
			n.Mode |= linux.S_ISGID
		}
	}
	return nil
}

// Temp implements vfs.Temper. The file dies when it is closed, unless it has got a name.
func (d dir) Temp(c *vfs.Ctx, mode uint32) (vfs.Inode, error) {
	n := p9.New{Mode: mode}
	if err := d.own(c, &n); err != nil {
		return nil, err
	}
	f, a, err := d.fid.Make(n)
	if err != nil {
		return nil, err
	}
	if a.Mode&linux.S_IFMT != linux.S_IFREG {
		f.Close()
		return nil, linux.EIO
	}
	t := d.fs.newInode(f, &a)
	t.hostFile.dead = true
	return t.as(), nil
}

// Create implements vfs.Dir.
func (d dir) Create(c *vfs.Ctx, name string, mode uint32, rdev uint64) (vfs.Inode, error) {
	return d.make(c, p9.New{Name: name, Mode: mode, RDev: rdev})
}

// Symlink implements vfs.Dir.
func (d dir) Symlink(c *vfs.Ctx, name, target string) (vfs.Inode, error) {
	return d.make(c, p9.New{Name: name, Mode: linux.S_IFLNK | 0o777, Target: target})
}

// Link implements vfs.Dir.
func (d dir) Link(_ *vfs.Ctx, name string, old vfs.Inode) error {
	n := inodeOf(old)
	if n == nil || n.fs != d.fs {
		return linux.EXDEV
	}
	defer d.stale()
	defer n.stale()
	if !n.hold() {
		return linux.ENOENT // made by O_TMPFILE, and closed
	}
	defer n.release()
	if err := d.fid.Link(name, n.fid); err != nil {
		return err
	}
	n.mu.Lock()
	n.attr.Nlink++ // it is not to die with one of its names
	n.mu.Unlock()
	if n.revive() {
		d.fs.enlist(n)
	}
	return nil
}

// Remove implements vfs.Dir.
func (d dir) Remove(_ *vfs.Ctx, name string, child vfs.Inode) error {
	flags := uint32(0)
	if child.Kind() == linux.S_IFDIR {
		flags = linux.AT_REMOVEDIR
	}
	defer d.stale()
	n := inodeOf(child)
	if n != nil {
		defer n.stale()
	}
	err := d.fid.Unlink(name, flags)
	if err == nil && n != nil {
		d.fs.die(n)
	}
	return err
}

// Rename implements vfs.Dir.
func (d dir) Rename(_ *vfs.Ctx, name string, child vfs.Inode, to vfs.Dir, newName string, target vfs.Inode, flags uint32) error {
	t := inodeOf(to)
	if t == nil || t.fs != d.fs {
		return linux.EXDEV
	}
	if flags&linux.RENAME_WHITEOUT != 0 {
		return linux.EINVAL
	}
	defer d.stale()
	defer t.stale()
	for _, i := range [...]vfs.Inode{child, target} {
		if n := inodeOf(i); n != nil {
			defer n.stale()
		}
	}
	err := d.fid.Rename(name, t.fid, newName, flags)
	if n := inodeOf(target); err == nil && n != nil && flags&linux.RENAME_EXCHANGE == 0 {
		d.fs.die(n)
	}
	return err
}

// Open implements vfs.Inode.
func (d dir) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) {
	f, err := d.fid.Open(linux.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &openDir{n: d.inode, file: f}, nil
}

// An openDir is a directory being read.
type openDir struct {
	vfs.NoFile
	n    *inode
	file *p9.OpenFile

	mu   sync.Mutex
	list []p9.Dirent // guarded by mu; what the last message brought
	from uint64      // guarded by mu; the offset of list[0]
	end  bool        // guarded by mu; nothing is behind list
}

// Release implements vfs.FileOps.
func (o *openDir) Release() { o.file.Close() }

// Read implements vfs.FileOps.
func (o *openDir) Read(*vfs.Ctx, *guest.Buf, int64) (int64, error) { return 0, linux.EISDIR }

// Fsync implements vfs.Syncer.
func (o *openDir) Fsync(_ *vfs.Ctx, dataOnly bool) error { return o.file.Fsync(dataOnly) }

// ReadDir implements vfs.Dirents. Offsets are the host's.
func (o *openDir) ReadDir(_ *vfs.Ctx, off int64, add func(vfs.Dirent) bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := uint64(off)
	for {
		rest, known := o.behindLocked(at)
		if !known {
			o.list, o.from = o.list[:0], at
			end, err := o.file.ReadDir(at, func(e p9.Dirent) { o.list = append(o.list, e) })
			if err != nil || len(o.list) == 0 {
				return err
			}
			rest, o.end = o.list, end
		}
		for _, e := range rest {
			if !add(vfs.Dirent{Ino: e.QID.Path, Next: int64(e.Next), Type: e.Type, Name: e.Name}) {
				return nil
			}
			at = e.Next
		}
		if o.end {
			return nil
		}
	}
}

// behindLocked returns the entries of list behind offset at; known is false if
// the list does not say.
func (o *openDir) behindLocked(at uint64) (rest []p9.Dirent, known bool) {
	if len(o.list) == 0 {
		return nil, false
	}
	if at == o.from {
		// Offset 0 is also how a program asks for a fresh look.
		return o.list, at != 0
	}
	for i, e := range o.list {
		if e.Next == at && (o.end || i < len(o.list)-1) {
			return o.list[i+1:], true
		}
	}
	return nil, false
}
