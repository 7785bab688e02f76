package vfs

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// set changes the attributes of the file at p.
func set(c *Ctx, p Path, s SetAttr) error {
	if p.Mount != nil && p.Mount.Flags()&ReadOnly != 0 {
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
	if p.Mount.Flags()&ReadOnly != 0 {
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
	if p.Mount.Flags()&ReadOnly != 0 {
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
	if p.Inode().Kind() != linux.S_IFDIR && at.Mode&setIDs != 0 {
		if s.Mode = withoutSetID(c, &at); s.Mode != at.Mode&0o7777 && !owns(c, &at) {
			return linux.EPERM
		}
		s.Mask |= SetMode
	}
	return set(c, p, s)
}

// setIDs are the bits that make who executes a file another.
const setIDs = linux.S_ISUID | linux.S_ISGID

// withoutSetID returns the permissions at less the bits that a change of owner or
// content by c takes away (setattr_should_drop_suidgid).
func withoutSetID(c *Ctx, at *Attr) (perm uint32) {
	perm = at.Mode & 0o7777 &^ linux.S_ISUID
	if perm&linux.S_IXGRP != 0 || !c.Creds.InGroup(at.GID) && !c.Creds.Has(auth.CapFsetid) {
		perm &^= linux.S_ISGID
	}
	return perm
}

// dropSetID takes the set-id bits off a file that c writes to (file_remove_privs).
func dropSetID(c *Ctx, inode Inode) error {
	if c.Creds.Has(auth.CapFsetid) {
		return nil
	}
	at, err := inode.Attr(c)
	if err != nil || at.Mode&setIDs == 0 {
		return err
	}
	if mode := withoutSetID(c, &at); mode != at.Mode&0o7777 {
		return inode.SetAttr(c, SetAttr{Mask: SetMode, Mode: mode})
	}
	return nil
}

// Utimens is utimensat(2) for the file at p: s names the times.
func Utimens(c *Ctx, p Path, s SetAttr) error {
	if p.Mount.Flags()&ReadOnly != 0 {
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
	if p.Mount.Flags()&ReadOnly != 0 {
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
	if err := dropSetID(c, inode); err != nil {
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
	if k := inode.Kind(); want&MayWrite != 0 && p.Mount.Flags()&ReadOnly != 0 &&
		(k == linux.S_IFREG || k == linux.S_IFDIR || k == linux.S_IFLNK) {
		return linux.EROFS
	}
	if want&MayExec != 0 && inode.Kind() == linux.S_IFREG && p.Mount.Flags()&NoExec != 0 {
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
		if p.Mount.Flags()&f.m != 0 {
			s.Flags |= f.v
		}
	}
	return s, nil
}
