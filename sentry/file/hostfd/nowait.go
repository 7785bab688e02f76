package hostfd

import "golang.org/x/sys/unix"

// readNow is readAt for a file that waits: EAGAIN where that would block, if the host
// can say so. It cannot of FIFOs and terminals, but there is O_NONBLOCK.
func (f *File) readNow(buf []byte, off int64) (int, error) {
	switch {
	case f.isSocket():
		n, _, err := unix.Recvfrom(f.fd, buf, unix.MSG_DONTWAIT)
		return n, err
	case off < 0 && !f.blocks.Load():
		n, err := unix.Preadv2(f.fd, [][]byte{buf}, -1, unix.RWF_NOWAIT)
		if err != unix.EOPNOTSUPP {
			return n, err
		}
		f.blocks.Store(true)
	}
	return f.readAt(buf, off)
}

// writeNow is writeAt in the same way.
func (f *File) writeNow(buf []byte, off int64) (int, error) {
	switch {
	case f.isSocket():
		return unix.SendmsgN(f.fd, buf, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	case off < 0 && !f.blocks.Load():
		n, err := unix.Pwritev2(f.fd, [][]byte{buf}, -1, unix.RWF_NOWAIT)
		if err != unix.EOPNOTSUPP {
			return n, err
		}
		f.blocks.Store(true)
	}
	return f.writeAt(buf, off)
}

func (f *File) isSocket() bool { return f.stat.Mode&unix.S_IFMT == unix.S_IFSOCK }
