package vfs

import "glovebox/abi/linux"

// Open is open(2): path from start. perm are the permissions of a new file.
func (v *VFS) Open(c *Ctx, start Path, path string, flags, perm uint32, how WalkFlags) (*File, error) {
	if flags&linux.O_NOFOLLOW != 0 {
		how |= NoFollow
	}
	if flags&linux.O_PATH != 0 {
		return v.openPath(c, start, path, flags, how)
	}
	if flags&linux.O_TMPFILE_BIT != 0 {
		return v.openTemp(c, start, path, flags, perm, how)
	}
	if flags&linux.O_CREAT != 0 {
		return v.create(c, start, path, flags, perm, how)
	}
	if flags&linux.O_DIRECTORY != 0 {
		how |= Directory
	}
	p, err := v.Walk(c, start, path, how)
	if err != nil {
		return nil, err
	}
	return v.OpenPath(c, p, flags)
}

// openPath opens a file as a place only (O_PATH).
func (v *VFS) openPath(c *Ctx, start Path, path string, flags uint32, how WalkFlags) (*File, error) {
	if flags&linux.O_DIRECTORY != 0 {
		how |= Directory
	}
	p, err := v.Walk(c, start, path, how)
	if err != nil {
		return nil, err
	}
	return NewFile(c, p, NoFile{}, flags&(linux.O_PATH|linux.O_DIRECTORY|linux.O_NOFOLLOW)), nil
}

// openTemp opens a new file without a name, of the file system at path
// (O_TMPFILE).
func (v *VFS) openTemp(c *Ctx, start Path, path string, flags, perm uint32, how WalkFlags) (*File, error) {
	if flags&linux.O_DIRECTORY == 0 || flags&linux.O_CREAT != 0 || flags&linux.O_ACCMODE == linux.O_RDONLY {
		return nil, linux.EINVAL
	}
	p, err := v.Walk(c, start, path, how|Directory)
	if err != nil {
		return nil, err
	}
	if err := mayChange(c, p); err != nil {
		return nil, err
	}
	dir, ok := p.Inode().(Temper)
	if !ok {
		return nil, linux.EOPNOTSUPP
	}
	inode, err := dir.Temp(c, linux.S_IFREG|perm&0o7777&^c.Umask)
	if err != nil {
		return nil, err
	}
	d := newDentry(p.Dentry.sb, p.Dentry, "#temporary", inode)
	d.gone.Store(true)
	d.noLink = flags&linux.O_EXCL != 0
	return v.openInode(c, Path{p.Mount, d}, flags&^(linux.O_DIRECTORY|linux.O_TMPFILE_BIT))
}

// create opens path, and makes the file if there is none (O_CREAT).
func (v *VFS) create(c *Ctx, start Path, path string, flags, perm uint32, how WalkFlags) (*File, error) {
	if flags&linux.O_DIRECTORY != 0 {
		return nil, linux.EINVAL
	}
	if path == "" {
		return nil, linux.ENOENT
	}
	w := walker{v: v, c: c, root: c.Root, at: start, flags: how}
	last, slash, err := w.parent(path)
	for {
		if err != nil {
			return nil, err
		}
		if last == "" || last == "." || last == ".." || slash {
			return nil, linux.EISDIR
		}
		dir := w.at
		f, err2 := v.createIn(c, dir, last, flags, perm)
		if f != nil || err2 != errIsLink {
			return f, err2
		}
		if flags&linux.O_EXCL != 0 {
			return nil, linux.EEXIST
		}
		if how&NoFollow != 0 {
			return nil, linux.ELOOP
		}
		// A link, which may dangle: what it names is made.
		link, err2 := dir.Dentry.child(c, last)
		if err2 != nil {
			return nil, err2
		}
		last, slash, err = w.through(Path{dir.Mount, link})
		if err == nil && last == "" {
			return v.openExisting(c, w.at, flags)
		}
	}
}

// errIsLink says that there is a symbolic link.
const errIsLink = linux.Errno(0x7fff)

// through goes to the directory of a link's target, and returns its last name;
// "" after a magic link, to whose target w went.
func (w *walker) through(link Path) (last string, slash bool, err error) {
	_, magic := link.Inode().(Jumper)
	l, ok := link.Inode().(Symlink)
	if magic || !ok {
		return "", false, w.follow(link)
	}
	if w.links++; w.links > linux.MAXSYMLINKS || w.flags&NoSymlinks != 0 {
		return "", false, linux.ELOOP
	}
	target, err := l.Readlink(w.c)
	if err != nil {
		return "", false, err
	}
	if target == "" {
		return "", false, linux.ENOENT
	}
	return w.parent(target)
}

// createIn opens or makes name in dir; errIsLink if it is a symbolic link.
func (v *VFS) createIn(c *Ctx, dir Path, name string, flags, perm uint32) (*File, error) {
	if err := maySearch(c, dir.Inode()); err != nil {
		return nil, err
	}
	if len(name) > linux.NAME_MAX {
		return nil, linux.ENAMETOOLONG
	}
	d := dir.Dentry
	if ch := d.cachedChild(name); ch != nil && ch.inode != nil && d.valid(c, ch, name) {
		return v.openChild(c, Path{dir.Mount, ch}, flags)
	}
	d.ops.Lock()
	ch, err := d.childLocked(c, name)
	if err == nil {
		d.ops.Unlock()
		return v.openChild(c, Path{dir.Mount, ch}, flags)
	}
	if err != linux.ENOENT {
		d.ops.Unlock()
		return nil, err
	}
	ch, err = makeLocked(c, dir, name, linux.S_IFREG|perm&0o7777&^c.Umask, 0)
	if err == linux.EEXIST {
		if ch, err := d.childLocked(c, name); err == nil {
			d.ops.Unlock()
			return v.openChild(c, Path{dir.Mount, ch}, flags)
		}
	}
	d.ops.Unlock()
	if err != nil {
		return nil, err
	}
	// A new file is opened whatever its permissions are.
	return v.openInode(c, Path{dir.Mount, ch}, flags)
}

func (v *VFS) openChild(c *Ctx, p Path, flags uint32) (*File, error) {
	p = v.down(p)
	if p.Inode().Kind() == linux.S_IFLNK {
		return nil, errIsLink
	}
	return v.openExisting(c, p, flags)
}

func (v *VFS) openExisting(c *Ctx, p Path, flags uint32) (*File, error) {
	if flags&linux.O_EXCL != 0 {
		return nil, linux.EEXIST
	}
	if p.Dentry.isDir() {
		return nil, linux.EISDIR
	}
	return v.OpenPath(c, p, flags)
}

// makeLocked makes a file of any kind but a link. dir's ops is held.
func makeLocked(c *Ctx, dir Path, name string, mode uint32, rdev uint64) (*Dentry, error) {
	if dir.Dentry.gone.Load() {
		return nil, linux.ENOENT
	}
	if err := mayChange(c, dir); err != nil {
		return nil, err
	}
	parent, ok := dir.Inode().(Dir)
	if !ok {
		return nil, linux.ENOTDIR
	}
	inode, err := parent.Create(c, name, mode, rdev)
	if err != nil {
		dir.Dentry.recant(name, err)
		return nil, err
	}
	return dir.Dentry.keep(name, inode), nil
}

// OpenPath opens the file at p, if c may.
func (v *VFS) OpenPath(c *Ctx, p Path, flags uint32) (*File, error) {
	inode := p.Inode()
	want, write := access(flags)
	switch inode.Kind() {
	case linux.S_IFLNK:
		return nil, linux.ELOOP
	case linux.S_IFDIR:
		if write {
			return nil, linux.EISDIR
		}
	case linux.S_IFSOCK:
		return nil, linux.ENXIO
	case linux.S_IFCHR, linux.S_IFBLK:
		if p.Mount.Flags()&NoDev != 0 {
			return nil, linux.EACCES
		}
	}
	if err := Permission(c, inode, want); err != nil {
		return nil, err
	}
	if k := inode.Kind(); write && p.Mount.Flags()&ReadOnly != 0 && (k == linux.S_IFREG || k == linux.S_IFDIR) {
		return nil, linux.EROFS
	}
	if flags&linux.O_NOATIME != 0 {
		if at, err := inode.Attr(c); err != nil || !owns(c, &at) {
			return nil, linux.EPERM
		}
	}
	if flags&linux.O_TRUNC != 0 && inode.Kind() == linux.S_IFREG {
		if err := truncate(c, inode, 0); err != nil {
			return nil, err
		}
	}
	return v.openInode(c, p, flags)
}

// access returns what open(2)'s flags need.
func access(flags uint32) (want Access, write bool) {
	switch flags & linux.O_ACCMODE {
	case linux.O_RDONLY:
		want = MayRead
	case linux.O_WRONLY:
		want = MayWrite
	default: // 3 is for ioctls only, and checked for both
		want = MayRead | MayWrite
	}
	if flags&linux.O_TRUNC != 0 {
		want |= MayWrite
	}
	return want, want&MayWrite != 0
}

// openInode opens p without a look at permissions.
func (v *VFS) openInode(c *Ctx, p Path, flags uint32) (*File, error) {
	const done = linux.O_CREAT | linux.O_EXCL | linux.O_TRUNC | linux.O_CLOEXEC | linux.O_NOCTTY
	inode := p.Inode()
	var ops FileOps
	var err error
	_, self := inode.(SelfOpener)
	switch k := inode.Kind(); {
	case self:
		ops, err = inode.Open(c, flags&^(done&^linux.O_NOCTTY))
	case k == linux.S_IFIFO:
		if v.FIFO == nil {
			return nil, linux.ENXIO
		}
		ops, err = v.FIFO(c, inode, flags)
	case k == linux.S_IFCHR || k == linux.S_IFBLK:
		ops, err = v.openDevice(c, p, flags)
	default:
		ops, err = inode.Open(c, flags&^done)
	}
	if err != nil {
		return nil, err
	}
	return NewFile(c, p, ops, flags), nil
}

func (v *VFS) openDevice(c *Ctx, p Path, flags uint32) (FileOps, error) {
	at, err := p.Inode().Attr(c)
	if err != nil {
		return nil, err
	}
	open := v.Devices[Device{p.Inode().Kind(), Major(at.RDev), Minor(at.RDev)}]
	if open == nil {
		return nil, linux.ENXIO
	}
	return open(c, p, flags)
}

// Major and Minor take a device number apart, MakeDev puts it together
// (makedev(3)).
func Major(dev uint64) uint32 { return uint32(dev>>8&0xfff | dev>>32&^0xfff) }

// Minor returns the minor number.
func Minor(dev uint64) uint32 { return uint32(dev&0xff | dev>>12&^0xff) }

// MakeDev returns a device number.
func MakeDev(major, minor uint32) uint64 {
	ma, mi := uint64(major), uint64(minor)
	return ma&0xfff<<8 | ma&^0xfff<<32 | mi&0xff | mi&^0xff<<12
}

// MayExecute reports whether the file at p can be executed (do_open_execat).
func MayExecute(c *Ctx, p Path) error {
	if p.Inode().Kind() != linux.S_IFREG || p.Mount.Flags()&NoExec != 0 {
		return linux.EACCES
	}
	return Permission(c, p.Inode(), MayExec)
}
