package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// changing is the calls that change what files are.
var changing = family{
	sysno.Chmod:     call2(chmod),
	sysno.Fchmod:    call2(fchmod),
	sysno.Fchmodat:  call3(fchmodat),
	sysno.Fchmodat2: call4(fchmodat2),
	sysno.Chown:     call3(chown),
	sysno.Lchown:    call3(lchown),
	sysno.Fchown:    call3(fchown),
	sysno.Fchownat:  call5(fchownat),
	sysno.Utime:     call2(utime),
	sysno.Utimes:    call2(utimes),
	sysno.Futimesat: call3(futimesat),
	sysno.Utimensat: call4(utimensat),
	sysno.Truncate:  call2(truncate),
	sysno.Ftruncate: call2(ftruncate),
	sysno.Fallocate: call4(fallocate),
}

// chmod is chmod(2).
func chmod(t *kernel.Task, path Path, mode Mode) (uintptr, error) {
	return fchmodat2(t, linux.AT_FDCWD, path, mode, 0)
}

// fchmodat is fchmodat(2)'s older call, without flags.
func fchmodat(t *kernel.Task, dfd FD, path Path, mode Mode) (uintptr, error) {
	return fchmodat2(t, dfd, path, mode, 0)
}

// fchmodat2 is fchmodat(2).
func fchmodat2(t *kernel.Task, dfd FD, path Path, mode Mode, flags Flags) (uintptr, error) {
	how, err := walkFlags(flags, linux.AT_SYMLINK_NOFOLLOW|linux.AT_EMPTY_PATH)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	p, err := resolve(t, c, dfd, path, how)
	if err != nil {
		return 0, err
	}
	return 0, vfs.Chmod(c, p, uint32(mode))
}

// fchmod is fchmod(2).
func fchmod(t *kernel.Task, fd FD, mode Mode) (uintptr, error) {
	return onFile(t, fd, func(c *vfs.Ctx, p vfs.Path) error { return vfs.Chmod(c, p, uint32(mode)) })
}

// onFile runs f on the place of the file at fd.
func onFile(t *kernel.Task, fd FD, f func(*vfs.Ctx, vfs.Path) error) (uintptr, error) {
	file, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer file.Dec()
	return 0, f(ioCtx(t), file.Place())
}

// chown is chown(2).
func chown(t *kernel.Task, path Path, uid, gid ID) (uintptr, error) {
	return fchownat(t, linux.AT_FDCWD, path, uid, gid, 0)
}

// lchown is lchown(2).
func lchown(t *kernel.Task, path Path, uid, gid ID) (uintptr, error) {
	return fchownat(t, linux.AT_FDCWD, path, uid, gid, linux.AT_SYMLINK_NOFOLLOW)
}

// fchownat is fchownat(2).
func fchownat(t *kernel.Task, dfd FD, path Path, uid, gid ID, flags Flags) (uintptr, error) {
	how, err := walkFlags(flags, linux.AT_SYMLINK_NOFOLLOW|linux.AT_EMPTY_PATH)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	p, err := resolve(t, c, dfd, path, how)
	if err != nil {
		return 0, err
	}
	return 0, vfs.Chown(c, p, uint32(uid), uint32(gid))
}

// fchown is fchown(2).
func fchown(t *kernel.Task, fd FD, uid, gid ID) (uintptr, error) {
	return onFile(t, fd, func(c *vfs.Ctx, p vfs.Path) error { return vfs.Chown(c, p, uint32(uid), uint32(gid)) })
}

// bothNow sets both times to now.
const bothNow = vfs.SetAtimeNow | vfs.SetMtimeNow

// utime is utime(2).
func utime(t *kernel.Task, path Path, times Addr) (uintptr, error) {
	s := vfs.SetAttr{Mask: bothNow}
	if times != 0 {
		var sec [2]int64
		if err := copyIn(t, times, &sec); err != nil {
			return 0, err
		}
		s = setTimes(linux.Timespec{Sec: sec[0]}, linux.Timespec{Sec: sec[1]})
	}
	return setTimesAt(t, linux.AT_FDCWD, path, s, 0)
}

func setTimes(atime, mtime linux.Timespec) vfs.SetAttr {
	return vfs.SetAttr{Mask: vfs.SetAtime | vfs.SetMtime, Atime: atime, Mtime: mtime}
}

// utimes is utimes(2).
func utimes(t *kernel.Task, path Path, times Addr) (uintptr, error) {
	return futimesat(t, linux.AT_FDCWD, path, times)
}

// futimesat is futimesat(2). A null path is the descriptor itself.
func futimesat(t *kernel.Task, dfd FD, path Path, times Addr) (uintptr, error) {
	s := vfs.SetAttr{Mask: bothNow}
	if times != 0 {
		var tv [2]linux.Timeval
		if err := copyIn(t, times, &tv); err != nil {
			return 0, err
		}
		for _, v := range tv {
			if uint64(v.Usec) >= 1_000_000 {
				return 0, linux.EINVAL
			}
		}
		s = setTimes(linux.Timespec{Sec: tv[0].Sec, Nsec: tv[0].Usec * 1000},
			linux.Timespec{Sec: tv[1].Sec, Nsec: tv[1].Usec * 1000})
	}
	return setTimesAt(t, dfd, path, s, 0)
}

// Special values of utimensat(2)'s nanoseconds.
const (
	utimeNow  = 1<<30 - 1
	utimeOmit = 1<<30 - 2
)

// utimensat is utimensat(2).
func utimensat(t *kernel.Task, dfd FD, path Path, times Addr, flags Flags) (uintptr, error) {
	s := vfs.SetAttr{Mask: bothNow}
	if times != 0 {
		var ts [2]linux.Timespec
		if err := copyIn(t, times, &ts); err != nil {
			return 0, err
		}
		if ts[0].Nsec == utimeOmit && ts[1].Nsec == utimeOmit {
			return 0, nil // whatever the path is
		}
		s.Mask = 0
		if err := addTimeOf(&s, ts[0], &s.Atime, vfs.SetAtime, vfs.SetAtimeNow); err != nil {
			return 0, err
		}
		if err := addTimeOf(&s, ts[1], &s.Mtime, vfs.SetMtime, vfs.SetMtimeNow); err != nil {
			return 0, err
		}
	}
	return setTimesAt(t, dfd, path, s, flags)
}

// addTimeOf adds one of utimensat(2)'s times to s.
func addTimeOf(s *vfs.SetAttr, ts linux.Timespec, to *linux.Timespec, set, now vfs.SetMask) error {
	switch {
	case ts.Nsec == utimeOmit:
	case ts.Nsec == utimeNow:
		s.Mask |= now
	case uint64(ts.Nsec) >= second:
		return linux.EINVAL
	default:
		s.Mask |= set
		*to = ts
	}
	return nil
}

// setTimesAt is do_utimes.
func setTimesAt(t *kernel.Task, dfd FD, path Path, s vfs.SetAttr, flags Flags) (uintptr, error) {
	if path == 0 && dfd != linux.AT_FDCWD {
		if flags != 0 {
			return 0, linux.EINVAL
		}
		return onFile(t, dfd, func(c *vfs.Ctx, p vfs.Path) error { return vfs.Utimens(c, p, s) })
	}
	how, err := walkFlags(flags, linux.AT_SYMLINK_NOFOLLOW|linux.AT_EMPTY_PATH)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	p, err := resolve(t, c, dfd, path, how)
	if err != nil {
		return 0, err
	}
	return 0, vfs.Utimens(c, p, s)
}

// truncate is truncate(2).
func truncate(t *kernel.Task, path Path, size Offset) (uintptr, error) {
	if size < 0 {
		return 0, linux.EINVAL
	}
	c := vfsCtx(t)
	p, err := resolve(t, c, linux.AT_FDCWD, path, 0)
	if err != nil {
		return 0, err
	}
	return tooBig(t, c, vfs.Truncate(c, p, int64(size)))
}

// ftruncate is ftruncate(2).
func ftruncate(t *kernel.Task, fd FD, size Offset) (uintptr, error) {
	if size < 0 {
		return 0, linux.EINVAL
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	c := ioCtx(t)
	return tooBig(t, c, f.Ftruncate(c, int64(size)))
}

// fallocate is fallocate(2).
func fallocate(t *kernel.Task, fd FD, mode Flags, off, n Offset) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	c := ioCtx(t)
	return tooBig(t, c, f.Fallocate(c, uint32(mode), int64(off), int64(n)))
}

// tooBig raises SIGXFSZ where RLIMIT_FSIZE is why a call failed with EFBIG.
func tooBig(t *kernel.Task, c *vfs.Ctx, err error) (uintptr, error) {
	if err == linux.EFBIG && c.FileLimit != linux.RLIM_INFINITY {
		_ = t.Signal(sentBy(t, linux.SIGXFSZ, linux.SI_USER)) // lost if it cannot be queued
	}
	return 0, err
}
