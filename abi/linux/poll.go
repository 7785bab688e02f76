package linux

import "structs"

// PollFD is struct pollfd (poll(2)).
type PollFD struct {
	_       structs.HostLayout
	FD      int32
	Events  int16
	Revents int16
}

// Events of poll(2), from include/uapi/asm-generic/poll.h.
const (
	POLLIN     = 0x1
	POLLPRI    = 0x2
	POLLOUT    = 0x4
	POLLERR    = 0x8
	POLLHUP    = 0x10
	POLLNVAL   = 0x20
	POLLRDNORM = 0x40
	POLLRDBAND = 0x80
	POLLWRNORM = 0x100
	POLLWRBAND = 0x200
	POLLMSG    = 0x400
	POLLRDHUP  = 0x2000
)

// FD_SETSIZE is how many descriptors an fd_set of select(2) holds in glibc.
const FD_SETSIZE = 1024
