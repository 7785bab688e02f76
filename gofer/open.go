package gofer

import (
	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/p9"
)

// open opens the node's file for real, counted.
func (n *node) open(flags uint32) (int, error) {
	access := flags & unix.O_ACCMODE
	switch n.file.kind {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		if flags != unix.O_RDONLY {
			return -1, linux.EISDIR
		}
		flags = unix.O_DIRECTORY
	case unix.S_IFLNK:
		return -1, linux.ELOOP
	default:
		// Devices, FIFOs and sockets are the Sentry's to imitate.
		return -1, linux.ENXIO
	}
	if access != unix.O_RDONLY || flags&unix.O_TRUNC != 0 {
		if err := n.writable(); err != nil {
			return -1, err
		}
	}
	// The O_PATH descriptor pins the file, so it still is of that kind.
	return n.s.reopen(n.file.fd, flags|unix.O_NOCTTY)
}

// Open implements p9.Node.
func (n *node) Open(flags uint32) (p9.Handle, error) {
	fd, err := n.open(flags)
	if err != nil {
		return nil, err
	}
	if n.file.kind == unix.S_IFDIR {
		return &directory{openFile: openFile{s: n.s, fd: fd}, n: n}, nil
	}
	return &openFile{s: n.s, fd: fd}, nil
}

// Donate implements p9.Node: regular files, with content that is theirs.
func (n *node) Donate(flags uint32) (int, func(), error) {
	if n.file.kind != unix.S_IFREG {
		return -1, nil, linux.EOPNOTSUPP
	}
	switch made, err := host.MadeUp(n.file.fd); {
	case err != nil:
		return -1, nil, errno(err)
	case made:
		return -1, nil, linux.EOPNOTSUPP
	}
	if flags == unix.O_WRONLY {
		// Mappings that write read too.
		flags = unix.O_RDWR
	}
	fd, err := n.open(flags)
	if err != nil {
		return -1, nil, err
	}
	return fd, func() { n.s.close(fd) }, nil
}

// An openFile is a regular file read and written by messages.
type openFile struct {
	s  *server
	fd int
}

// Close implements p9.Handle.
func (f *openFile) Close() { f.s.close(f.fd) }

// ReadAt implements p9.Handle.
func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(f.fd, p, off)
		if err != unix.EINTR {
			return max(n, 0), errno(err)
		}
	}
}

// WriteAt implements p9.Handle.
func (f *openFile) WriteAt(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pwrite(f.fd, p, off)
		if err != unix.EINTR {
			return max(n, 0), errno(err)
		}
	}
}

// ReadDir implements p9.Handle.
func (f *openFile) ReadDir(uint64, func(p9.Dirent) bool) error { return linux.ENOTDIR }

// Fsync implements p9.Handle.
func (f *openFile) Fsync(dataOnly bool) error {
	if dataOnly {
		return errno(unix.Fdatasync(f.fd))
	}
	return errno(unix.Fsync(f.fd))
}

// TryLock implements p9.Handle: locks belong to the open file, so that they
// hold against others on the host and end with the fid (fcntl(2), open file
// description locks).
func (f *openFile) TryLock(l p9.Lock) error {
	return errno(unix.FcntlFlock(uintptr(f.fd), unix.F_OFD_SETLK, flock(&l)))
}

// GetLock implements p9.Handle.
func (f *openFile) GetLock(l p9.Lock) (p9.Lock, error) {
	fl := flock(&l)
	if err := unix.FcntlFlock(uintptr(f.fd), unix.F_OFD_GETLK, fl); err != nil {
		return l, errno(err)
	}
	switch fl.Type {
	case unix.F_RDLCK:
		l.Type = p9.LockRead
	case unix.F_WRLCK:
		l.Type = p9.LockWrite
	default:
		l.Type = p9.LockNone
		return l, nil
	}
	l.Start, l.Length = uint64(fl.Start), uint64(fl.Len)
	return l, nil
}

func flock(l *p9.Lock) *unix.Flock_t {
	types := [...]int16{p9.LockRead: unix.F_RDLCK, p9.LockWrite: unix.F_WRLCK, p9.LockNone: unix.F_UNLCK}
	return &unix.Flock_t{Type: types[l.Type], Start: int64(l.Start), Len: int64(l.Length)}
}
