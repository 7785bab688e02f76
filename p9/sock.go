package p9

import (
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// A sock is a connected socket that is read or written with a host call that
// blocks. Go's poller is kept out: its host calls and hand-overs to other
// threads are most of what a short request costs.
type sock struct {
	fd int

	mu     sync.Mutex
	closed bool // guarded by mu
}

// Read implements io.Reader.
func (s *sock) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// send writes all of msg; fd goes along with its first byte, if it is not
// negative. The socket may be one that does not block.
func (s *sock) send(msg []byte, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for len(msg) > 0 {
		n, err := unix.SendmsgN(s.fd, msg, rights, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, -1)
		case err != nil:
			return err
		default:
			msg, rights = msg[n:], nil
		}
	}
	return nil
}

// hangUp ends the connection; who reads or writes returns.
func (s *sock) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR) // ENOTCONN: the peer was first
	}
}

// close gives the descriptor back. Nobody reads or writes any more.
func (s *sock) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		unix.Close(s.fd)
	}
}
