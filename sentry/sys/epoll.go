package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/file/epoll"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// epolling is the calls of epoll(7).
var epolling = family{
	sysno.EpollCreate:  call1(epollCreate),
	sysno.EpollCreate1: call1(epollCreate1),
	sysno.EpollCtl:     call4(epollCtl),
	sysno.EpollWait:    call4(epollWait),
	sysno.EpollPwait:   call6(epollPwait),
	sysno.EpollPwait2:  call6(epollPwait2),
}

const (
	sizeOfEpollEvent = 12
	// keptEvents is for how many events a task keeps room.
	keptEvents = 1024
)

// epollCreate is epoll_create(2).
func epollCreate(t *kernel.Task, size Int) (uintptr, error) {
	if size <= 0 {
		return 0, linux.EINVAL
	}
	return epollCreate1(t, 0)
}

// epollCreate1 is epoll_create1(2).
func epollCreate1(t *kernel.Task, flags Flags) (uintptr, error) {
	if flags&^linux.EPOLL_CLOEXEC != 0 {
		return 0, linux.EINVAL
	}
	return addAnon(t, "anon_inode:[eventpoll]", epoll.New(), linux.O_RDWR|uint32(flags))
}

// getEpoll returns the instance at fd, and its file with a reference.
func getEpoll(t *kernel.Task, fd FD) (*epoll.Instance, *vfs.File, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return nil, nil, err
	}
	ep, ok := f.Ops().(*epoll.Instance)
	if !ok {
		f.Dec()
		return nil, nil, linux.EINVAL
	}
	return ep, f, nil
}

// epollCtl is epoll_ctl(2).
func epollCtl(t *kernel.Task, epfd FD, op Int, fd FD, event Addr) (uintptr, error) {
	var ev linux.EpollEvent
	if op != linux.EPOLL_CTL_DEL {
		if err := copyIn(t, event, &ev); err != nil {
			return 0, err
		}
	}
	e, err := getFile(t, epfd)
	if err != nil {
		return 0, err
	}
	defer e.Dec()
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if f.Queue() == nil {
		return 0, linux.EPERM
	}
	ep, ok := e.Ops().(*epoll.Instance)
	if !ok || e == f {
		return 0, linux.EINVAL
	}
	switch op {
	case linux.EPOLL_CTL_ADD:
		return 0, ep.Add(int32(fd), f, f.Ops(), &ev)
	case linux.EPOLL_CTL_MOD:
		return 0, ep.Modify(int32(fd), f, &ev)
	case linux.EPOLL_CTL_DEL:
		return 0, ep.Delete(int32(fd), f)
	}
	return 0, linux.EINVAL
}

// epollWait is epoll_wait(2).
func epollWait(t *kernel.Task, epfd FD, events Addr, n, timeoutMS Int) (uintptr, error) {
	return collect(t, epfd, events, n, msDeadline(timeoutMS))
}

// msDeadline converts a timeout in milliseconds: Forever if it is negative, 0
// if it is no time at all.
func msDeadline(ms Int) int64 {
	switch {
	case ms < 0:
		return kernel.Forever
	case ms == 0:
		return 0
	}
	return kernel.Deadline(int64(ms) * 1_000_000)
}

// epollPwait is epoll_pwait(2).
func epollPwait(t *kernel.Task, epfd FD, events Addr, n, timeoutMS Int, set Addr, size Size) (uintptr, error) {
	if err := setTempMask(t, set, size); err != nil {
		return 0, err
	}
	r, err := collect(t, epfd, events, n, msDeadline(timeoutMS))
	if err != linux.EINTR {
		t.RestoreMask()
	}
	return r, err
}

// epollPwait2 is epoll_pwait2(2).
func epollPwait2(t *kernel.Task, epfd FD, events Addr, n Int, timeout, set Addr, size Size) (uintptr, error) {
	deadline, err := copyInDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	if err := setTempMask(t, set, size); err != nil {
		return 0, err
	}
	r, err := collect(t, epfd, events, n, deadline)
	if err != linux.EINTR {
		t.RestoreMask()
	}
	return r, err
}

// eventRoom is room for n events, as far as there can be so many.
func eventRoom(t *kernel.Task, n int, ep *epoll.Instance) []linux.EpollEvent {
	if n > keptEvents {
		if n = min(n, max(ep.Len(), keptEvents)); n > keptEvents {
			return make([]linux.EpollEvent, n)
		}
	}
	s := scratchOf(t)
	if len(s.events) < n {
		s.events = make([]linux.EpollEvent, n)
	}
	return s.events[:n]
}

// collect is do_epoll_wait. A signal ends it for good (EINTR), as signal(7)
// says.
func collect(t *kernel.Task, epfd FD, events Addr, n Int, deadline int64) (uintptr, error) {
	if n <= 0 || n > math.MaxInt32/sizeOfEpollEvent {
		return 0, linux.EINVAL
	}
	if err := checkRange(events, uint64(n)*sizeOfEpollEvent); err != nil {
		return 0, err
	}
	ep, f, err := getEpoll(t, epfd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	out := eventRoom(t, int(n), ep)
	got := ep.Collect(out)
	if got == 0 && deadline != 0 {
		m, err := t.WaitReady(ep.Queue(), readEvents, deadline, func() (int64, error) {
			if n := ep.Collect(out); n > 0 {
				return int64(n), nil
			}
			return 0, linux.EAGAIN
		})
		switch err {
		case nil, linux.EAGAIN:
			got = int(m)
		default:
			return 0, linux.EINTR
		}
	}
	if err := copyOutSlice(t, events, out[:got]); err != nil {
		ep.Restore(out[:got])
		return 0, err
	}
	return uintptr(got), nil
}
