package vfs

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// set changes the attributes of the file at p.
func set(c *Ctx, p Path, s SetAttr) error {
	if p.Mount != nil && p.Mount.Flags&ReadOnly != 0 {
		return linux.EROFS
	}
	return p.Inode().SetAttr(c, s)
}

// Chmod is chmod(2) for the file at p.
func Chmod(c *Ctx, p Path, mode uint32) error {
	if p.Inode().Kind() == linux.S_IFLNK {
		return linux.EOPNOTSUPP
	}
	at, err := p.Inode().Attr(c)
	if err != nil {
		return err
	}
	if p.Mount.Flags&ReadOnly != 0 {
		return linux.EROFS
	}
	if !owns(c, &at) {
		return linux.EPERM
	}
	mode &= 0o7777
	if !c.Creds.InGroup(at.GID) && !c.Creds.Has(auth.CapFsetid) {
		mode &^= linux.S_ISGID
	}
	return set(c, p, SetAttr{Mask: SetMode, Mode: mode})
}

// NoID leaves an owner as it is (chown(2)'s -1).
const NoID = ^uint32(0)

// Chown is chown(2) for the file at p.
func Chown(c *Ctx, p Path, uid, gid uint32) error {
	at, err := p.Inode().Attr(c)
	if err != nil {
		return err
	}
	if p.Mount.Flags&ReadOnly != 0 {
		return linux.EROFS
	}
	s := SetAttr{UID: uid, GID: gid}
	able := c.Creds.Has(auth.CapChown)
	if uid != NoID {
		s.Mask |= SetUID
		if !able && (c.Creds.FSUID != at.UID || uid != at.UID) {
			return linux.EPERM
		}
	}
	if gid != NoID {
		s.Mask |= SetGID
		if !able && (c.Creds.FSUID != at.UID || !c.Creds.InGroup(gid) && gid != at.GID) {
			return linux.EPERM
		}
	}
	if mode, drop := withoutSetID(at.Mode); drop && p.Inode().Kind() != linux.S_IFDIR {
		s.Mask |= SetMode
		s.Mode = mode
	}
	if s.Mask == 0 {
		return nil
	}
	return set(c, p, s)
}

// withoutSetID returns mode's permissions less the bits that a change of owner
// or content takes away.
func withoutSetID(mode uint32) (perm uint32, drop bool) {
	perm = mode & 0o7777
	gone := perm & linux.S_ISUID
	if perm&linux.S_IXGRP != 0 {
		gone |= perm & linux.S_ISGID
	}
	return perm &^ gone, gone != 0
}

// DropSetID takes the set-id bits off a file that c writes to
// (file_remove_privs).
func DropSetID(c *Ctx, inode Inode) error {
	if c.Creds.Has(auth.CapFsetid) {
		return nil
	}
	at, err := inode.Attr(c)
	if err != nil {
		return err
	}
	if mode, drop := withoutSetID(at.Mode); drop {
		return inode.SetAttr(c, SetAttr{Mask: SetMode, Mode: mode})
	}
	return nil
}

// Utimens is utimensat(2) for the file at p: s names the times.
func Utimens(c *Ctx, p Path, s SetAttr) error {
	if p.Mount.Flags&ReadOnly != 0 {
		return linux.EROFS
	}
	at, err := p.Inode().Attr(c)
	if err != nil {
		return err
	}
	if !owns(c, &at) {
		// Both to now is a write; anything else is the owner's.
		if s.Mask != SetAtimeNow|SetMtimeNow {
			return linux.EPERM
		}
		if err := Permission(c, p.Inode(), MayWrite); err != nil {
			return linux.EACCES
		}
	}
	if s.Mask == 0 {
		return nil
	}
	return set(c, p, s)
}

// Truncate is truncate(2) for the file at p.
func Truncate(c *Ctx, p Path, size int64) error {
	switch p.Inode().Kind() {
	case linux.S_IFREG:
	case linux.S_IFDIR:
		return linux.EISDIR
	default:
		return linux.EINVAL
	}
	if p.Mount.Flags&ReadOnly != 0 {
		return linux.EROFS
	}
	if err := Permission(c, p.Inode(), MayWrite); err != nil {
		return err
	}
	return truncate(c, p.Inode(), size)
}

func truncate(c *Ctx, inode Inode, size int64) error {
	if uint64(size) > c.FileLimit {
		return linux.EFBIG
	}
	if err := DropSetID(c, inode); err != nil {
		return err
	}
	return inode.SetAttr(c, SetAttr{Mask: SetSize, Size: size})
}

// Ftruncate is ftruncate(2).
func (f *File) Ftruncate(c *Ctx, size int64) error {
	if !f.Writable() || f.path.IsZero() || f.path.Inode().Kind() != linux.S_IFREG {
		return linux.EINVAL
	}
	return truncate(c, f.path.Inode(), size)
}

// AccessPath is access(2) for the file at p, with c's file system ids.
func AccessPath(c *Ctx, p Path, want Access) error {
	inode := p.Inode()
	if k := inode.Kind(); want&MayWrite != 0 && p.Mount.Flags&ReadOnly != 0 &&
		(k == linux.S_IFREG || k == linux.S_IFDIR || k == linux.S_IFLNK) {
		return linux.EROFS
	}
	if want&MayExec != 0 && inode.Kind() == linux.S_IFREG && p.Mount.Flags&NoExec != 0 {
		return linux.EACCES
	}
	if want == 0 {
		return nil
	}
	return Permission(c, inode, want)
}

// Statfs is statfs(2) for the file at p.
func Statfs(c *Ctx, p Path) (linux.Statfs, error) {
	s, err := p.Mount.sb.fs.Statfs(c)
	if err != nil {
		return s, err
	}
	s.Flags = linux.ST_VALID
	for _, f := range [...]struct {
		m MountFlags
		v int64
	}{{ReadOnly, linux.ST_RDONLY}, {NoSuid, linux.ST_NOSUID}, {NoDev, linux.ST_NODEV}, {NoExec, linux.ST_NOEXEC}, {NoAtime, linux.ST_NOATIME}} {
		if p.Mount.Flags&f.m != 0 {
			s.Flags |= f.v
		}
	}
	return s, nil
}
