package vfs

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// place resolves all of path but the last name, which is to be changed. Paths
// that end in "/", "." or ".." are the caller's to refuse: last says so.
func (v *VFS) place(c *Ctx, start Path, path string) (dir Path, last string, slash bool, err error) {
	dir, last, slash, err = v.WalkParent(c, start, path, 0)
	if err == nil && len(last) > linux.NAME_MAX {
		err = linux.ENAMETOOLONG
	}
	return dir, last, slash, err
}

// special reports whether last is no name.
func special(last string) bool { return last == "" || last == "." || last == ".." }

// make runs f, which makes name in dir, if there is no such file.
func (v *VFS) make(c *Ctx, dir Path, name string, f func(Dir) (Inode, error)) error {
	if !dir.Dentry.isDir() {
		return linux.ENOTDIR
	}
	d := dir.Dentry
	d.ops.Lock()
	defer d.ops.Unlock()
	if err := Permission(c, dir.Inode(), MayExec); err != nil {
		return err
	}
	_, err := d.childLocked(c, name)
	if err == nil {
		return linux.EEXIST
	}
	if err != linux.ENOENT {
		return err
	}
	if d.gone.Load() {
		return linux.ENOENT
	}
	if err := mayChange(c, dir); err != nil {
		return err
	}
	parent, ok := dir.Inode().(Dir)
	if !ok {
		return linux.EPERM
	}
	inode, err := f(parent)
	if err != nil {
		d.recant(name, err)
		return err
	}
	d.keep(name, inode)
	return nil
}

// Mkdir is mkdir(2).
func (v *VFS) Mkdir(c *Ctx, start Path, path string, perm uint32) error {
	dir, last, _, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	if special(last) {
		return linux.EEXIST
	}
	return v.make(c, dir, last, func(d Dir) (Inode, error) {
		return d.Create(c, last, linux.S_IFDIR|perm&0o1777&^c.Umask, 0)
	})
}

// Mknod is mknod(2); mode holds the type.
func (v *VFS) Mknod(c *Ctx, start Path, path string, mode uint32, rdev uint64) error {
	switch mode & linux.S_IFMT {
	case 0:
		mode |= linux.S_IFREG
	case linux.S_IFREG, linux.S_IFIFO, linux.S_IFSOCK:
	case linux.S_IFCHR, linux.S_IFBLK:
		whiteout := mode&linux.S_IFMT == linux.S_IFCHR && rdev == 0
		if !whiteout && !c.Creds.Has(auth.CapMknod) {
			return linux.EPERM
		}
	case linux.S_IFDIR:
		return linux.EPERM
	default:
		return linux.EINVAL
	}
	dir, last, slash, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	if special(last) {
		return linux.EEXIST
	}
	if slash {
		return linux.ENOENT
	}
	return v.make(c, dir, last, func(d Dir) (Inode, error) {
		return d.Create(c, last, mode&linux.S_IFMT|mode&0o7777&^c.Umask, rdev)
	})
}

// Symlink is symlink(2).
func (v *VFS) Symlink(c *Ctx, target string, start Path, path string) error {
	if target == "" {
		return linux.ENOENT
	}
	if len(target) >= linux.PATH_MAX {
		return linux.ENAMETOOLONG
	}
	dir, last, slash, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	if special(last) {
		return linux.EEXIST
	}
	if slash {
		return linux.ENOENT
	}
	return v.make(c, dir, last, func(d Dir) (Inode, error) { return d.Symlink(c, last, target) })
}

// Link is link(2) for the file at old.
func (v *VFS) Link(c *Ctx, old Path, start Path, path string) error {
	dir, last, slash, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	switch {
	case special(last):
		return linux.EEXIST
	case slash:
		return linux.ENOENT
	case dir.Mount != old.Mount:
		return linux.EXDEV
	case old.Dentry.isDir():
		return linux.EPERM
	case old.Dentry.noLink:
		return linux.ENOENT
	}
	return v.make(c, dir, last, func(d Dir) (Inode, error) {
		return old.Inode(), d.Link(c, last, old.Inode())
	})
}

// Unlink is unlink(2).
func (v *VFS) Unlink(c *Ctx, start Path, path string) error {
	dir, last, slash, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	if special(last) {
		return linux.EISDIR
	}
	return v.remove(c, dir, last, func(ch *Dentry) error {
		switch {
		case ch.isDir():
			return linux.EISDIR
		case slash:
			return linux.ENOTDIR
		}
		return nil
	})
}

// Rmdir is rmdir(2).
func (v *VFS) Rmdir(c *Ctx, start Path, path string) error {
	dir, last, _, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	switch last {
	case "":
		return linux.EBUSY
	case ".":
		return linux.EINVAL
	case "..":
		return linux.ENOTEMPTY
	}
	return v.remove(c, dir, last, func(ch *Dentry) error {
		if !ch.isDir() {
			return linux.ENOTDIR
		}
		return nil
	})
}

func (v *VFS) remove(c *Ctx, dir Path, name string, check func(*Dentry) error) error {
	d := dir.Dentry
	d.ops.Lock()
	defer d.ops.Unlock()
	if err := Permission(c, dir.Inode(), MayExec); err != nil {
		return err
	}
	ch, err := d.childLocked(c, name)
	if err != nil {
		return err
	}
	if err := mayRemove(c, dir, ch); err != nil {
		return err
	}
	if err := check(ch); err != nil {
		return err
	}
	if ch.mounts.Load() > 0 {
		return linux.EBUSY
	}
	parent, ok := dir.Inode().(Dir)
	if !ok {
		return linux.EPERM
	}
	if err := parent.Remove(c, name, ch.inode); err != nil {
		return err
	}
	ch.gone.Store(true)
	d.forget(name)
	return nil
}

// ValidRename reports whether renameat2(2) can have these flags.
func ValidRename(flags uint32) bool {
	const alone = linux.RENAME_NOREPLACE | linux.RENAME_WHITEOUT
	return flags&^(alone|linux.RENAME_EXCHANGE) == 0 && (flags&linux.RENAME_EXCHANGE == 0 || flags&alone == 0)
}

// Rename is renameat2(2).
func (v *VFS) Rename(c *Ctx, start Path, path string, toStart Path, toPath string, flags uint32) error {
	if !ValidRename(flags) {
		return linux.EINVAL
	}
	dir, name, slash, err := v.place(c, start, path)
	if err != nil {
		return err
	}
	toDir, toName, toSlash, err := v.place(c, toStart, toPath)
	if err != nil {
		return err
	}
	switch {
	case dir.Mount != toDir.Mount:
		return linux.EXDEV
	case special(name) || special(toName):
		if flags&linux.RENAME_NOREPLACE != 0 && !special(name) {
			return linux.EEXIST
		}
		return linux.EBUSY
	}
	if dir.Dentry != toDir.Dentry {
		dir.Mount.sb.rename.Lock()
		defer dir.Mount.sb.rename.Unlock()
	}
	defer lockPair(dir.Dentry, toDir.Dentry)()
	r := renaming{c: c, from: dir, to: toDir, name: name, toName: toName, flags: flags}
	return r.run(slash, toSlash)
}

// lockPair locks the names of two directories, ancestors first. The renames'
// lock is held, so no one else holds two.
func lockPair(a, b *Dentry) (unlock func()) {
	if a == b {
		a.ops.Lock()
		return a.ops.Unlock
	}
	if a.isUnder(b) {
		a, b = b, a
	}
	a.ops.Lock()
	b.ops.Lock()
	return func() {
		b.ops.Unlock()
		a.ops.Unlock()
	}
}

// A renaming is one rename(2) with everything locked.
type renaming struct {
	c            *Ctx
	from, to     Path
	name, toName string
	flags        uint32
}

func (r *renaming) run(slash, toSlash bool) error {
	c := r.c
	for _, d := range []Path{r.from, r.to} {
		if err := Permission(c, d.Inode(), MayExec); err != nil {
			return err
		}
	}
	old, err := r.from.Dentry.childLocked(c, r.name)
	if err != nil {
		return err
	}
	target, err := r.to.Dentry.childLocked(c, r.toName)
	switch {
	case err != nil && err != linux.ENOENT:
		return err
	case err == nil && r.flags&linux.RENAME_NOREPLACE != 0:
		return linux.EEXIST
	case err != nil && r.flags&linux.RENAME_EXCHANGE != 0:
		return linux.ENOENT
	}
	switch {
	case !old.isDir() && (slash || toSlash):
		return linux.ENOTDIR
	case r.to.Dentry.isUnder(old):
		return linux.EINVAL // into itself
	case target != nil && r.from.Dentry.isUnder(target):
		if r.flags&linux.RENAME_EXCHANGE != 0 {
			return linux.EINVAL
		}
		return linux.ENOTEMPTY
	case target != nil && target.inode == old.inode:
		return nil // two names of one file
	}
	if err := mayRemove(c, r.from, old); err != nil {
		return err
	}
	if err := r.mayReplace(old, target); err != nil {
		return err
	}
	if old.mounts.Load() > 0 || target != nil && target.mounts.Load() > 0 {
		return linux.EBUSY
	}
	from, ok1 := r.from.Inode().(Dir)
	to, ok2 := r.to.Inode().(Dir)
	if !ok1 || !ok2 {
		return linux.EPERM
	}
	var replaced Inode
	if target != nil {
		replaced = target.inode
	}
	if err := from.Rename(c, r.name, old.inode, to, r.toName, replaced, r.flags); err != nil {
		return err
	}
	r.done(old, target)
	return nil
}

func (r *renaming) mayReplace(old, target *Dentry) error {
	if target == nil {
		if r.to.Dentry.gone.Load() {
			return linux.ENOENT
		}
		return mayChange(r.c, r.to)
	}
	if err := mayRemove(r.c, r.to, target); err != nil {
		return err
	}
	switch {
	case r.flags&linux.RENAME_EXCHANGE != 0:
	case old.isDir() && !target.isDir():
		return linux.ENOTDIR
	case !old.isDir() && target.isDir():
		return linux.EISDIR
	}
	return nil
}

// done moves the dentries. Who walks meanwhile finds nothing, misses, and waits
// for the directories' lock.
func (r *renaming) done(old, target *Dentry) {
	r.from.Dentry.forget(r.name) // a whiteout there is looked up
	r.to.Dentry.forget(r.toName)
	old.place.Store(&place{r.to.Dentry, r.toName})
	r.to.Dentry.put(r.toName, old)
	switch {
	case target == nil:
	case r.flags&linux.RENAME_EXCHANGE != 0:
		target.place.Store(&place{r.from.Dentry, r.name})
		r.from.Dentry.put(r.name, target)
	default:
		target.gone.Store(true)
	}
}
