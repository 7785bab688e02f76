package host

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Poller tells of many descriptors that something happened to them: epoll(7),
// edge-triggered. It is itself in Go's poller, so that waiting costs no thread.
type Poller struct {
	file *os.File
	conn syscall.RawConn

	mu     sync.Mutex // held while events are told
	events [128]unix.EpollEvent
}

// NewPoller returns one without descriptors.
func NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &Poller{file: os.NewFile(uintptr(fd), "epoll")}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		return nil, err
	}
	return p, nil
}

// pollEvents is all that a socket can tell. POLLERR and POLLHUP are always told.
const pollEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLRDNORM | unix.EPOLLWRNORM

// Add has the poller tell of fd as id, until fd is closed, of what happens from now on:
// that something is ready already is not told. Of others it may call f, as Wait does.
func (p *Poller) Add(fd int, id uint64, f func(id uint64, events uint32)) error {
	e := unix.EpollEvent{Events: pollEvents | unix.EPOLLET, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	var result error
	err := p.conn.Control(func(ep uintptr) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if result = unix.EpollCtl(int(ep), unix.EPOLL_CTL_ADD, fd, &e); result != nil {
			return
		}
		// A socket is always ready for something at first. To be told of it late would
		// be an edge that there is not.
		for seen := false; !seen && p.collect(ep, func(other uint64, events uint32) {
			if other == id {
				seen = true
				return
			}
			f(other, events)
		}) > 0; {
		}
	})
	if err != nil {
		return err
	}
	return result
}

// Wait waits until something happens, and calls f with what did, and its id. It returns
// an error once the poller is closed.
func (p *Poller) Wait(f func(id uint64, events uint32)) error {
	return p.conn.Read(func(ep uintptr) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.collect(ep, f) > 0
	})
}

// collect calls f with events that there are, at most as many as p.events has room for.
// p.mu is held.
func (p *Poller) collect(ep uintptr, f func(id uint64, events uint32)) int {
	// Package unix has epoll_wait, which is not in the table. The kernel writes at most
	// len(p.events) events, which are alive as p is.
	r, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT, ep, uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), 0, 0, 0)
	if e != 0 {
		return 0
	}
	for _, e := range p.events[:r] {
		f(uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32, e.Events)
	}
	return int(r)
}

// Close ends Wait.
func (p *Poller) Close() { p.file.Close() }
