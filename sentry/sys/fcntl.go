package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// controlling is the calls that change open files and descriptors.
var controlling = family{
	sysno.Fcntl: call3(fcntl).except("no lease is given (EINVAL); F_NOTIFY and hints are EINVAL; SIGIO is not sent"),
	sysno.Flock: call2(flock),
	sysno.Ioctl: call3(ioctl),
}

// pathFcntl reports whether cmd is one of the commands that a file opened with O_PATH takes
// (check_fcntl_cmd).
func pathFcntl(cmd Uint) bool {
	switch cmd {
	case linux.F_DUPFD, linux.F_DUPFD_CLOEXEC, linux.F_GETFD, linux.F_SETFD, linux.F_GETFL, linux.F_DUPFD_QUERY:
		return true
	}
	return false
}

// fcntl is fcntl(2).
func fcntl(t *kernel.Task, fd FD, cmd Uint, arg LFlags) (uintptr, error) {
	f, err := getAnyFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if f.Flags()&linux.O_PATH != 0 && !pathFcntl(cmd) {
		return 0, linux.EBADF
	}
	switch cmd {
	case linux.F_DUPFD, linux.F_DUPFD_CLOEXEC:
		return dupFrom(t, f, cmd, arg)
	case linux.F_GETFD:
		flags, err := fdsOf(t).Flags(int32(fd))
		return uintptr(flags), err
	case linux.F_SETFD:
		return 0, fdsOf(t).SetFlags(int32(fd), vfs.FDFlags(arg&linux.FD_CLOEXEC))
	case linux.F_GETFL:
		return uintptr(f.Flags()), nil
	case linux.F_SETFL:
		return 0, setStatus(t, f, uint32(arg))
	case linux.F_DUPFD_QUERY:
		return dupQuery(t, f, FD(arg))
	case linux.F_GETLK, linux.F_SETLK, linux.F_SETLKW, linux.F_OFD_GETLK, linux.F_OFD_SETLK, linux.F_OFD_SETLKW:
		return 0, recordLock(t, f, cmd, Addr(arg))
	case linux.F_SETOWN:
		return 0, setOwner(t, f, int32(arg))
	case linux.F_GETOWN:
		return uintptr(f.Owner().Load()), nil
	case linux.F_SETOWN_EX:
		return 0, setOwnerEx(t, f, Addr(arg))
	case linux.F_GETOWN_EX:
		return 0, copyOut(t, Addr(arg), ownerEx(f.Owner().Load()))
	case linux.F_SETSIG:
		if arg > linux.NSIG {
			return 0, linux.EINVAL
		}
		f.Signal().Store(int32(arg))
		return 0, nil
	case linux.F_GETSIG:
		return uintptr(f.Signal().Load()), nil
	case linux.F_SETPIPE_SZ, linux.F_GETPIPE_SZ:
		return pipeSize(t, f, cmd, arg)
	case linux.F_ADD_SEALS, linux.F_GET_SEALS:
		return seals(f, cmd, arg)
	case linux.F_GETLEASE:
		return linux.F_UNLCK, nil
	case linux.F_SETLEASE:
		return 0, setLease(t, f, arg)
	}
	return 0, linux.EINVAL
}

// dupFrom is F_DUPFD and F_DUPFD_CLOEXEC.
func dupFrom(t *kernel.Task, f *vfs.File, cmd Uint, least LFlags) (uintptr, error) {
	limit := fdLimit(t)
	if uint64(least) >= limit {
		return 0, linux.EINVAL
	}
	var flags vfs.FDFlags
	if cmd == linux.F_DUPFD_CLOEXEC {
		flags = vfs.CloseOnExec
	}
	f.Inc()
	fd, err := fdsOf(t).Add(f, int32(least), flags, limit)
	if err != nil {
		f.Dec()
		return 0, err
	}
	return uintptr(fd), nil
}

// dupQuery is F_DUPFD_QUERY: whether fd is of the same open file.
func dupQuery(t *kernel.Task, f *vfs.File, fd FD) (uintptr, error) {
	g, err := getAnyFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer g.Dec()
	if f == g {
		return 1, nil
	}
	return 0, nil
}

// setStatus is F_SETFL (setfl).
func setStatus(t *kernel.Task, f *vfs.File, flags uint32) error {
	if flags&linux.O_NOATIME != 0 && f.Flags()&linux.O_NOATIME == 0 && !f.Path().IsZero() {
		c := ioCtx(t)
		a, err := f.Path().Inode().Attr(c)
		if err != nil {
			return err
		}
		if !vfs.Owns(c, &a) {
			return linux.EPERM
		}
	}
	f.SetFlags(flags)
	return nil
}

// setOwner is F_SETOWN (f_setown): a process or, negative, a process group, or nobody.
func setOwner(t *kernel.Task, f *vfs.File, who int32) error {
	switch {
	case who == math.MinInt32:
		return linux.EINVAL
	case who == -1, who != 0 && t.Kill(who, 0, nil) == linux.ESRCH:
		return linux.ESRCH // process group 1 is none
	}
	f.Owner().Store(who)
	u, ok := f.Ops().(interface{ OnUrgent(func()) })
	if !ok {
		return nil
	}
	owner := t.NewOwner(who)
	u.OnUrgent(func() { owner.Send(linux.SIGURG) })
	return nil
}

// ownerEx returns struct f_owner_ex of an owner: a type and a number.
func ownerEx(who int32) *[2]int32 {
	if who < 0 {
		return &[2]int32{linux.F_OWNER_PGRP, -who}
	}
	return &[2]int32{linux.F_OWNER_PID, who}
}

// setOwnerEx is F_SETOWN_EX. A thread stands for its process.
func setOwnerEx(t *kernel.Task, f *vfs.File, a Addr) error {
	var ex [2]int32
	if err := copyIn(t, a, &ex); err != nil {
		return err
	}
	switch {
	case ex[0] == linux.F_OWNER_PGRP && ex[1] > 0:
		return setOwner(t, f, -ex[1])
	case ex[0] < linux.F_OWNER_TID || ex[0] > linux.F_OWNER_PGRP:
		return linux.EINVAL
	case ex[1] < 0:
		return linux.ESRCH
	}
	return setOwner(t, f, ex[1])
}

// setLease is F_SETLEASE (vfs_setlease): there are no leases, as in a kernel built without
// CONFIG_FILE_LOCKING.
func setLease(t *kernel.Task, f *vfs.File, typ LFlags) error {
	a, err := f.Attr(ioCtx(t))
	if err != nil {
		return err
	}
	switch {
	case typ != linux.F_RDLCK && typ != linux.F_WRLCK && typ != linux.F_UNLCK:
		return linux.EINVAL
	case a.UID != t.Creds().FSUID && !t.Creds().Has(auth.CapLease):
		return linux.EACCES
	case typ == linux.F_UNLCK && a.Mode&linux.S_IFMT == linux.S_IFREG:
		return linux.EAGAIN // none is held
	}
	return linux.EINVAL
}

// pipeSize is F_SETPIPE_SZ and F_GETPIPE_SZ: EBADF for what is no pipe.
func pipeSize(t *kernel.Task, f *vfs.File, cmd Uint, arg LFlags) (uintptr, error) {
	e, ok := f.Ops().(*pipe.End)
	if !ok {
		return 0, linux.EBADF
	}
	if cmd == linux.F_GETPIPE_SZ {
		return uintptr(e.Size()), nil
	}
	n, err := e.SetSize(t.Creds(), uint64(uint32(arg)))
	return uintptr(n), err
}
