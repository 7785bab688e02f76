package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// recordLock is the commands of fcntl_locking(2).
func recordLock(t *kernel.Task, f *vfs.File, cmd Uint, a Addr) error {
	var l linux.Flock
	if err := copyIn(t, a, &l); err != nil {
		return err
	}
	lock := vfs.Lock{Owner: fdsOf(t), PID: t.Group().ID(), Write: l.Type == linux.F_WRLCK}
	ofd := cmd == linux.F_OFD_GETLK || cmd == linux.F_OFD_SETLK || cmd == linux.F_OFD_SETLKW
	if ofd {
		if l.PID != 0 {
			return linux.EINVAL
		}
		lock.Owner, lock.PID = f, -1
	}
	var err error
	if lock.Start, lock.End, err = lockRange(t, f, &l); err != nil {
		return err
	}
	locks, err := f.FileLocks()
	if err != nil {
		return err
	}
	if cmd == linux.F_GETLK || cmd == linux.F_OFD_GETLK {
		if l.Type != linux.F_RDLCK && l.Type != linux.F_WRLCK {
			return linux.EINVAL
		}
		return getLock(t, locks, lock, a, &l)
	}
	switch {
	case l.Type == linux.F_RDLCK && !f.Readable(), l.Type == linux.F_WRLCK && !f.Writable():
		return linux.EBADF
	case l.Type == linux.F_UNLCK:
		locks.Unset(lock)
		return nil
	case l.Type != linux.F_RDLCK && l.Type != linux.F_WRLCK:
		return linux.EINVAL
	case cmd == linux.F_SETLK || cmd == linux.F_OFD_SETLK:
		return locks.Set(f, lock)
	}
	defer locks.EndWait(lock)
	_, err = blockOn(t, &locks.Queue, wait.All, 0, func() (int64, error) { return 0, locks.SetWait(f, lock) })
	return err
}

// lockRange returns the bytes that l is about (flock64_to_posix_lock).
func lockRange(t *kernel.Task, f *vfs.File, l *linux.Flock) (start, end int64, err error) {
	switch l.Whence {
	case linux.SEEK_SET:
	case linux.SEEK_CUR:
		start = f.Offset()
	case linux.SEEK_END:
		a, err := f.Attr(ioCtx(t))
		if err != nil {
			return 0, 0, err
		}
		start = a.Size
	default:
		return 0, 0, linux.EINVAL
	}
	if l.Start > math.MaxInt64-start {
		return 0, 0, linux.EOVERFLOW
	}
	if start += l.Start; start < 0 {
		return 0, 0, linux.EINVAL
	}
	switch {
	case l.Len == 0:
		return start, math.MaxInt64, nil
	case l.Len > 0:
		if l.Len-1 > math.MaxInt64-start {
			return 0, 0, linux.EOVERFLOW
		}
		return start, addTime(start, l.Len), nil
	case start+l.Len < 0:
		return 0, 0, linux.EINVAL
	}
	return start + l.Len, start, nil
}

// getLock stores who keeps lock from being granted, or that nobody does.
func getLock(t *kernel.Task, locks *vfs.Locks, lock vfs.Lock, a Addr, l *linux.Flock) error {
	h, blocked := locks.Test(lock)
	if !blocked {
		l.Type = linux.F_UNLCK
		return copyOut(t, a, l)
	}
	l.Type, l.Whence, l.PID = linux.F_RDLCK, linux.SEEK_SET, h.PID
	if h.Write {
		l.Type = linux.F_WRLCK
	}
	l.Start, l.Len = h.Start, h.End-h.Start
	if h.End == math.MaxInt64 {
		l.Len = 0
	}
	return copyOut(t, a, l)
}

// flock is flock(2).
func flock(t *kernel.Task, fd FD, op Uint) (uintptr, error) {
	how := op &^ linux.LOCK_NB
	if how != linux.LOCK_SH && how != linux.LOCK_EX && how != linux.LOCK_UN {
		return 0, linux.EINVAL
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	locks, err := f.FileLocks()
	if err != nil {
		return 0, err
	}
	if how == linux.LOCK_UN {
		locks.Funlock(f)
		return 0, nil
	}
	var status uint32
	if op&linux.LOCK_NB != 0 {
		status = linux.O_NONBLOCK
	}
	return blockOn(t, &locks.Queue, wait.All, status, func() (int64, error) {
		return 0, locks.Flock(f, how == linux.LOCK_EX)
	})
}
