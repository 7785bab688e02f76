package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// xattrs is the calls of xattr(7).
var xattrs = family{
	sysno.Getxattr:     call4(getxattr),
	sysno.Lgetxattr:    call4(lgetxattr),
	sysno.Fgetxattr:    call4(fgetxattr),
	sysno.Setxattr:     call5(setxattr),
	sysno.Lsetxattr:    call5(lsetxattr),
	sysno.Fsetxattr:    call5(fsetxattr),
	sysno.Listxattr:    call3(listxattr),
	sysno.Llistxattr:   call3(llistxattr),
	sysno.Flistxattr:   call3(flistxattr),
	sysno.Removexattr:  call2(removexattr),
	sysno.Lremovexattr: call2(lremovexattr),
	sysno.Fremovexattr: call2(fremovexattr),
}

// on finds a file for the calls of this family, which come in threes.
type on func(t *kernel.Task, f func(*vfs.Ctx, vfs.Path) (uintptr, error)) (uintptr, error)

// onPath is the file that path names.
func onPath(path Path, how vfs.WalkFlags) on {
	return func(t *kernel.Task, f func(*vfs.Ctx, vfs.Path) (uintptr, error)) (uintptr, error) {
		c := vfsCtx(t)
		p, err := resolve(t, c, linux.AT_FDCWD, path, how)
		if err != nil {
			return 0, err
		}
		return f(c, p)
	}
}

// onFD is the file at fd.
func onFD(fd FD) on {
	return func(t *kernel.Task, f func(*vfs.Ctx, vfs.Path) (uintptr, error)) (uintptr, error) {
		file, err := getFile(t, fd)
		if err != nil {
			return 0, err
		}
		defer file.Dec()
		if file.Path().IsZero() {
			return 0, linux.EOPNOTSUPP
		}
		return f(ioCtx(t), file.Path())
	}
}

// getxattr is getxattr(2).
func getxattr(t *kernel.Task, path, name Path, to Addr, n Size) (uintptr, error) {
	return getXattr(t, onPath(path, 0), name, to, n)
}

// lgetxattr is lgetxattr(2).
func lgetxattr(t *kernel.Task, path, name Path, to Addr, n Size) (uintptr, error) {
	return getXattr(t, onPath(path, vfs.NoFollow), name, to, n)
}

// fgetxattr is fgetxattr(2).
func fgetxattr(t *kernel.Task, fd FD, name Path, to Addr, n Size) (uintptr, error) {
	return getXattr(t, onFD(fd), name, to, n)
}

func getXattr(t *kernel.Task, on on, name Path, to Addr, n Size) (uintptr, error) {
	return on(t, func(c *vfs.Ctx, p vfs.Path) (uintptr, error) {
		s, err := copyInXattrName(t, name)
		if err != nil {
			return 0, err
		}
		v, err := vfs.GetXattr(c, p, s)
		if err != nil {
			return 0, err
		}
		return copyOutSized(t, to, n, v, linux.XATTR_SIZE_MAX)
	})
}

// setxattr is setxattr(2).
func setxattr(t *kernel.Task, path, name Path, value Addr, n Size, flags Flags) (uintptr, error) {
	return setXattr(t, onPath(path, 0), name, value, n, flags)
}

// lsetxattr is lsetxattr(2).
func lsetxattr(t *kernel.Task, path, name Path, value Addr, n Size, flags Flags) (uintptr, error) {
	return setXattr(t, onPath(path, vfs.NoFollow), name, value, n, flags)
}

// fsetxattr is fsetxattr(2).
func fsetxattr(t *kernel.Task, fd FD, name Path, value Addr, n Size, flags Flags) (uintptr, error) {
	return setXattr(t, onFD(fd), name, value, n, flags)
}

func setXattr(t *kernel.Task, on on, name Path, value Addr, n Size, flags Flags) (uintptr, error) {
	if flags&^(linux.XATTR_CREATE|linux.XATTR_REPLACE) != 0 {
		return 0, linux.EINVAL
	}
	s, err := copyInXattrName(t, name)
	if err != nil {
		return 0, err
	}
	if n > linux.XATTR_SIZE_MAX {
		return 0, linux.E2BIG
	}
	v := make([]byte, n)
	if err := copyInSlice(t, value, v); err != nil {
		return 0, err
	}
	return on(t, func(c *vfs.Ctx, p vfs.Path) (uintptr, error) {
		return 0, vfs.SetXattr(c, p, s, v, uint32(flags))
	})
}

// listxattr is listxattr(2).
func listxattr(t *kernel.Task, path Path, to Addr, n Size) (uintptr, error) {
	return listXattrs(t, onPath(path, 0), to, n)
}

// llistxattr is llistxattr(2).
func llistxattr(t *kernel.Task, path Path, to Addr, n Size) (uintptr, error) {
	return listXattrs(t, onPath(path, vfs.NoFollow), to, n)
}

// flistxattr is flistxattr(2).
func flistxattr(t *kernel.Task, fd FD, to Addr, n Size) (uintptr, error) {
	return listXattrs(t, onFD(fd), to, n)
}

func listXattrs(t *kernel.Task, on on, to Addr, n Size) (uintptr, error) {
	return on(t, func(c *vfs.Ctx, p vfs.Path) (uintptr, error) {
		names, err := vfs.ListXattr(c, p)
		if err != nil {
			return 0, err
		}
		var b []byte
		for _, s := range names {
			b = append(append(b, s...), 0)
		}
		return copyOutSized(t, to, n, b, linux.XATTR_LIST_MAX)
	})
}

// removexattr is removexattr(2).
func removexattr(t *kernel.Task, path, name Path) (uintptr, error) {
	return removeXattr(t, onPath(path, 0), name)
}

// lremovexattr is lremovexattr(2).
func lremovexattr(t *kernel.Task, path, name Path) (uintptr, error) {
	return removeXattr(t, onPath(path, vfs.NoFollow), name)
}

// fremovexattr is fremovexattr(2).
func fremovexattr(t *kernel.Task, fd FD, name Path) (uintptr, error) {
	return removeXattr(t, onFD(fd), name)
}

func removeXattr(t *kernel.Task, on on, name Path) (uintptr, error) {
	return on(t, func(c *vfs.Ctx, p vfs.Path) (uintptr, error) {
		s, err := copyInXattrName(t, name)
		if err != nil {
			return 0, err
		}
		return 0, vfs.RemoveXattr(c, p, s)
	})
}

// copyInXattrName reads an attribute's name: ERANGE if it is too long or empty.
func copyInXattrName(t *kernel.Task, a Path) (string, error) {
	s, err := copyInString(t.Mem(), a.Guest(), linux.XATTR_NAME_MAX+1)
	if err == linux.ENAMETOOLONG || err == nil && s == "" {
		err = linux.ERANGE
	}
	return s, err
}

// copyOutSized stores v, or only tells its size if the guest gives no room:
// ERANGE if that is too little, E2BIG if no room would do.
func copyOutSized(t *kernel.Task, to Addr, n Size, v []byte, most int) (uintptr, error) {
	switch {
	case n == 0:
		return uintptr(len(v)), nil
	case len(v) > most && n >= Size(most):
		return 0, linux.E2BIG
	case uint64(len(v)) > uint64(n):
		return 0, linux.ERANGE
	}
	_, err := t.Mem().CopyOut(to.Guest(), v)
	return uintptr(len(v)), err
}
