package vfs

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// Permission reports whether c may access inode (inode_permission).
func Permission(c *Ctx, inode Inode, want Access) error {
	if p, ok := inode.(Permitter); ok {
		return p.Permission(c, want)
	}
	at, err := inode.Attr(c)
	if err != nil {
		return err
	}
	return at.Permission(c.Creds, want)
}

// Permission is the check by mode, owner and capabilities
// (generic_permission).
func (at *Attr) Permission(c *auth.Creds, want Access) error {
	mode := at.Mode
	switch {
	case c.FSUID == at.UID:
		mode >>= 6
	case c.InGroup(at.GID):
		mode >>= 3
	}
	if Access(mode)&want == want {
		return nil
	}
	if at.Mode&linux.S_IFMT == linux.S_IFDIR {
		if want&MayWrite == 0 && c.Has(auth.CapDacReadSearch) || c.Has(auth.CapDacOverride) {
			return nil
		}
		return linux.EACCES
	}
	if want == MayRead && c.Has(auth.CapDacReadSearch) {
		return nil
	}
	if c.Has(auth.CapDacOverride) && (want&MayExec == 0 || at.Mode&0o111 != 0) {
		return nil
	}
	return linux.EACCES
}

// maySearch reports whether c may look up names in a directory. Who may search
// all directories is not asked for their modes.
func maySearch(c *Ctx, dir Inode) error {
	if c.Creds.Has(auth.CapDacReadSearch) || c.Creds.Has(auth.CapDacOverride) {
		if _, ok := dir.(Permitter); !ok {
			return nil
		}
	}
	return Permission(c, dir, MayExec)
}

// owns reports whether c may act as the file's owner (inode_owner_or_capable).
func owns(c *Ctx, at *Attr) bool {
	return c.Creds.FSUID == at.UID || c.Creds.Has(auth.CapFowner)
}

// mayChange reports whether names in the directory can be changed.
func mayChange(c *Ctx, dir Path) error {
	if dir.Mount.Flags()&ReadOnly != 0 {
		return linux.EROFS
	}
	return Permission(c, dir.Inode(), MayWrite|MayExec)
}

// mayRemove is mayChange and the sticky bit's say for child (may_delete).
func mayRemove(c *Ctx, dir Path, child *Dentry) error {
	if err := mayChange(c, dir); err != nil {
		return err
	}
	d, err := dir.Inode().Attr(c)
	if err != nil || d.Mode&linux.S_ISVTX == 0 || d.UID == c.Creds.FSUID {
		return err
	}
	at, err := child.inode.Attr(c)
	if err == nil && !owns(c, &at) {
		return linux.EPERM
	}
	return err
}
