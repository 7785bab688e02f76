// Package gofer is the process that opens a container's host files: a 9P server
// for trees of directories (attach points).
//
// A node is an O_PATH descriptor. Every step goes from one to an entry of it,
// beneath it and following no link, so nothing above an attach point can be
// named. What O_PATH cannot do goes through the process's own /proc/self/fd, of
// which no client chooses a name. Files are opened only if they are regular or
// directories: never devices, FIFOs or sockets.
//
// The client is not trusted; p9 has checked its messages' form, and this package
// checks what they ask for. Nodes are counted, as several fids may share one.
package gofer

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/p9"
)

// An Attach is a tree to serve.
type Attach struct {
	// Name is what the client attaches to.
	Name string
	// Root is an O_PATH descriptor of the tree's root, a directory or one
	// file. It stays open.
	Root int
	// ReadOnly refuses every change with EROFS.
	ReadOnly bool
}

// Options say what to serve.
type Options struct {
	Attach []Attach
	// SelfFDs is a descriptor of /proc/self/fd, from host.SelfFDs.
	SelfFDs int
}

// ServeFD is ServeFDs on one socket for both directions.
func ServeFD(fd int, o Options) error { return ServeFDs(fd, fd, o) }

// ServeFDs answers the client that writes to one connected stream socket and
// reads from the other until it hangs up. It owns the descriptors.
func ServeFDs(requests, answers int, o Options) error {
	s, err := newServer(&o)
	if err != nil {
		unix.Close(requests)
		if answers != requests {
			unix.Close(answers)
		}
		return err
	}
	return p9.ServeFDs(requests, answers, s, p9.ServerOptions{MaxFids: int(s.limit)})
}

// A server is what the nodes of a connection share.
type server struct {
	attach  []Attach
	selfFDs int
	// open counts the client's descriptors, of which it may have limit.
	open  atomic.Int64
	limit int64
	// self is whom new files belong to.
	self uint32
}

// reserve is how many descriptors are left to the process itself.
const reserve = 256

func newServer(o *Options) (*server, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return nil, fmt.Errorf("RLIMIT_NOFILE: %w", err)
	}
	if r.Cur < 2*reserve {
		return nil, fmt.Errorf("RLIMIT_NOFILE of %d is too low to serve files", r.Cur)
	}
	return &server{
		attach: o.Attach, selfFDs: o.SelfFDs, self: uint32(unix.Geteuid()),
		limit: int64(min(r.Cur, 1<<20)) - reserve,
	}, nil
}

// Attach implements p9.Attacher.
func (s *server) Attach(name string) (p9.Node, error) {
	for i := range s.attach {
		a := &s.attach[i]
		if a.Name != name {
			continue
		}
		if err := s.take(); err != nil {
			return nil, err
		}
		fd, err := host.DupFD(a.Root)
		if err != nil {
			s.give()
			return nil, errno(err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			s.close(fd)
			return nil, errno(err)
		}
		return &node{s: s, tree: a, dev: st.Dev, file: newFile(fd, &st)}, nil
	}
	return nil, linux.ENOENT
}

// take counts one more descriptor: ENFILE if the client has too many.
func (s *server) take() error {
	if s.open.Add(1) > s.limit {
		s.open.Add(-1)
		return linux.ENFILE
	}
	return nil
}

func (s *server) give() { s.open.Add(-1) }

// close closes a descriptor that was counted.
func (s *server) close(fd int) {
	unix.Close(fd)
	s.give()
}

// openat opens an entry of a directory, counted, never following a link at its
// end or leaving the directory.
func (s *server) openat(dir int, name string, flags, mode uint32) (int, error) {
	if err := s.take(); err != nil {
		return -1, err
	}
	fd, err := host.OpenEntry(dir, name, flags, mode)
	if err != nil {
		s.give()
		return -1, errno(err)
	}
	return fd, nil
}

// reopen opens the file that fd stands for anew, counted. The caller has seen
// what kind of file it is.
func (s *server) reopen(fd int, flags uint32) (int, error) {
	if err := s.take(); err != nil {
		return -1, err
	}
	n, err := host.Reopen(s.selfFDs, fd, flags)
	if err != nil {
		s.give()
		return -1, errno(err)
	}
	return n, nil
}

// errno is what the client is told.
func errno(err error) error {
	switch e, ok := err.(unix.Errno); {
	case err == nil:
		return nil
	case !ok:
		return linux.EIO
	case e == unix.EMFILE:
		return linux.ENFILE // not the guest's own limit
	default:
		return linux.Errno(e)
	}
}
