package host

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// SelfFDs returns a descriptor of this process's /proc/self/fd, through which
// Reopen and the calls beside it reach files that they hold only as a place
// (O_PATH). The procfs is one of the caller's own pid namespace that is mounted
// nowhere, where the host allows that.
func SelfFDs() (fd int, err error) {
	proc, err := NewProc()
	if err != nil {
		proc, err = unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return -1, fmt.Errorf("open /proc: %w", err)
	}
	defer unix.Close(proc)
	fd, err = unix.Openat(proc, "self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /proc/self/fd: %w", err)
	}
	return fd, nil
}

// DupFD returns fd once more.
func DupFD(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }

// OpenEntry opens an entry of a directory. Whatever name is, it gets nowhere
// else, and follows no link (openat2(2)).
func OpenEntry(dir int, name string, flags, mode uint32) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   uint64(flags) | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	err = retry(func() error {
		fd, err = unix.Openat2(dir, name, &how)
		return err
	})
	return fd, err
}

// Reopen opens the file that fd stands for anew. selfFDs is from SelfFDs.
func Reopen(selfFDs, fd int, flags uint32) (n int, err error) {
	err = retry(func() error {
		n, err = unix.Openat(selfFDs, strconv.Itoa(fd), int(flags)|unix.O_CLOEXEC, 0)
		return err
	})
	return n, err
}

// Chmod changes the mode of the file that fd stands for.
func Chmod(selfFDs, fd int, mode uint32) error {
	return unix.Fchmodat(selfFDs, strconv.Itoa(fd), mode, 0)
}

// Link gives the file that fd stands for another name.
func Link(selfFDs, fd, dir int, name string) error {
	return unix.Linkat(selfFDs, strconv.Itoa(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
}

// retry calls f until no signal interrupts it; slow file servers make that
// happen, as Go preempts by signals.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
