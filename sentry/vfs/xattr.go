package vfs

import (
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// capabilityXattr holds a program's capabilities (capabilities(7)).
const capabilityXattr = "security.capability"

// mayXattr reports whether c may access the attribute (xattr_permission).
func mayXattr(c *Ctx, p Path, name string, want Access) error {
	if want == MayWrite && p.Mount != nil && p.Mount.Flags()&ReadOnly != 0 {
		return linux.EROFS
	}
	space, rest, _ := strings.Cut(name, ".")
	if err := maySpace(c, p, name, space, want); err != nil {
		return err
	}
	switch {
	case len(space) == len(name) || space == "system":
		// Linux has POSIX ACLs in system, which nothing here would enforce.
		return linux.EOPNOTSUPP
	case rest == "":
		return linux.EINVAL
	}
	return nil
}

// maySpace is mayXattr for the part of the name before the dot.
func maySpace(c *Ctx, p Path, name, space string, want Access) error {
	switch {
	case len(space) == len(name) || space == "system":
		return nil
	case space == "security":
		need := auth.CapSysAdmin
		if name == capabilityXattr {
			need = auth.CapSetfcap
		}
		if want == MayWrite && !c.Creds.Has(need) {
			return linux.EPERM
		}
		return nil
	case space == "trusted":
		switch {
		case c.Creds.Has(auth.CapSysAdmin):
			return nil
		case want == MayWrite:
			return linux.EPERM
		}
		return linux.ENODATA
	case space == "user":
		return mayUserXattr(c, p, want)
	}
	return linux.EOPNOTSUPP
}

// mayUserXattr is xattr(7)'s rules for what users attach to files.
func mayUserXattr(c *Ctx, p Path, want Access) error {
	a, err := p.Inode().Attr(c)
	if err != nil {
		return err
	}
	switch kind := p.Inode().Kind(); {
	case kind != linux.S_IFREG && kind != linux.S_IFDIR:
		if want == MayWrite {
			return linux.EPERM
		}
		return linux.ENODATA
	case kind == linux.S_IFDIR && want == MayWrite && a.Mode&linux.S_ISVTX != 0 && !owns(c, &a):
		return linux.EPERM
	}
	return Permission(c, p.Inode(), want)
}

// xattrs returns the attributes of the file at p after the checks that all
// calls make.
func xattrs(c *Ctx, p Path, name string, want Access) (Xattrs, error) {
	if err := mayXattr(c, p, name, want); err != nil {
		return nil, err
	}
	x, ok := p.Inode().(Xattrs)
	if !ok {
		return nil, linux.EOPNOTSUPP
	}
	return x, nil
}

// GetXattr is getxattr(2) for the file at p.
func GetXattr(c *Ctx, p Path, name string) ([]byte, error) {
	x, err := xattrs(c, p, name, MayRead)
	if err != nil {
		return nil, err
	}
	return x.GetXattr(c, name)
}

// SetXattr is setxattr(2) for the file at p.
func SetXattr(c *Ctx, p Path, name string, value []byte, flags uint32) error {
	if name == capabilityXattr && !validCaps(value) {
		return linux.EINVAL
	}
	x, err := xattrs(c, p, name, MayWrite)
	if err != nil {
		return err
	}
	return x.SetXattr(c, name, value, flags)
}

// validCaps reports whether value is what security.capability can be
// (cap_convert_nscap).
func validCaps(value []byte) bool {
	revision := 0
	if len(value) >= 4 {
		revision = int(value[3])
	}
	return len(value) == 20 && revision == 2 || len(value) == 24 && revision == 3
}

// RemoveXattr is removexattr(2) for the file at p.
func RemoveXattr(c *Ctx, p Path, name string) error {
	x, err := xattrs(c, p, name, MayWrite)
	if err != nil {
		return err
	}
	return x.RemoveXattr(c, name)
}

// ListXattr is listxattr(2) for the file at p, without the names that c may not
// see.
func ListXattr(c *Ctx, p Path) ([]string, error) {
	x, ok := p.Inode().(Xattrs)
	if !ok {
		return nil, nil
	}
	all, err := x.ListXattr(c)
	if err != nil {
		return nil, err
	}
	seen := all[:0:0]
	for _, n := range all {
		space, _, _ := strings.Cut(n, ".")
		if space != "system" && (space != "trusted" || c.Creds.Has(auth.CapSysAdmin)) {
			seen = append(seen, n)
		}
	}
	return seen, nil
}
