package linux

import "structs"

// EpollEvent is struct epoll_event, packed on amd64: Data is eight bytes of the
// guest's that mean nothing to the kernel.
type EpollEvent struct {
	_      structs.HostLayout
	Events uint32
	Data   [2]uint32
}

// Operations of epoll_ctl(2).
const (
	EPOLL_CTL_ADD = 1
	EPOLL_CTL_DEL = 2
	EPOLL_CTL_MOD = 3
)

// Flags of epoll(7), from include/uapi/linux/eventpoll.h.
const (
	EPOLL_CLOEXEC = 0o2000000

	EPOLLEXCLUSIVE = 1 << 28
	EPOLLWAKEUP    = 1 << 29
	EPOLLONESHOT   = 1 << 30
	EPOLLET        = 1 << 31
)
