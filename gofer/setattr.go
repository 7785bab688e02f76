package gofer

import (
	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/p9"
)

// SetAttr implements p9.Node. The owner goes first: changing it takes the
// set-id bits away.
func (n *node) SetAttr(a p9.SetAttr) error {
	if err := n.writable(); err != nil {
		return err
	}
	if a.Valid&(p9.SetUID|p9.SetGID) != 0 {
		uid, gid := -1, -1
		if a.Valid&p9.SetUID != 0 {
			uid = int(a.UID)
		}
		if a.Valid&p9.SetGID != 0 {
			gid = int(a.GID)
		}
		if err := chown(n.file.fd, uid, gid); err != nil {
			return err
		}
	}
	if a.Valid&p9.SetMode != 0 {
		if n.file.kind == unix.S_IFLNK {
			return linux.EOPNOTSUPP
		}
		if err := host.Chmod(n.s.selfFDs, n.file.fd, a.Mode); err != nil {
			return errno(err)
		}
	}
	if a.Valid&p9.SetSize != 0 {
		if err := n.truncate(int64(a.Size)); err != nil {
			return err
		}
	}
	if a.Valid&(p9.SetATime|p9.SetMTime) != 0 {
		ts := []unix.Timespec{
			timespec(a.Valid, p9.SetATime, p9.SetATimeSet, a.ATime),
			timespec(a.Valid, p9.SetMTime, p9.SetMTimeSet, a.MTime),
		}
		return errno(unix.UtimesNanoAt(n.file.fd, "", ts, unix.AT_EMPTY_PATH))
	}
	return nil
}

// chown gives the file to a user and group of the guest.
func chown(fd, uid, gid int) error {
	err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH)
	if err == unix.EINVAL {
		// An id that the gofer's user namespace does not map.
		return linux.EPERM
	}
	return errno(err)
}

func timespec(valid, change, set uint32, t p9.Time) unix.Timespec {
	switch {
	case valid&change == 0:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	case valid&set == 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	}
	return unix.Timespec{Sec: t.Sec, Nsec: t.NSec}
}

func (n *node) truncate(size int64) error {
	switch n.file.kind {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return linux.EISDIR
	default:
		return linux.EINVAL
	}
	fd, err := n.s.reopen(n.file.fd, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer n.s.close(fd)
	return errno(unix.Ftruncate(fd, size))
}
