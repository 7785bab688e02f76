package sys

import (
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
)

// nonBlock is O_NONBLOCK.
const nonBlock = 0o4000

// blockOn calls try until it returns anything but EAGAIN. In between t sleeps
// until q tells of m, unless flags, the file's status flags, hold O_NONBLOCK.
// A signal ends it with ERESTARTSYS, so try must not have moved anything when
// it says EAGAIN.
func blockOn(t *kernel.Task, q *wait.Queue, m wait.Mask, flags uint32, try func() (int64, error)) (uintptr, error) {
	if flags&nonBlock != 0 {
		n, err := try()
		return uintptr(n), err
	}
	return blockUntil(t, q, m, kernel.Forever, try)
}

// blockUntil is blockOn for a socket with a time-out (SO_RCVTIMEO, SO_SNDTIMEO
// in socket(7)): EAGAIN at the deadline.
func blockUntil(t *kernel.Task, q *wait.Queue, m wait.Mask, deadline int64, try func() (int64, error)) (uintptr, error) {
	n, err := t.WaitReady(q, m, deadline, try)
	return uintptr(n), err
}
