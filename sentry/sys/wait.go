package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
)

// waits is the calls that wait for children.
var waits = family{
	sysno.Wait4:  call4(wait4),
	sysno.Waitid: call5(waitid),
}

const waitThreads = linux.WNOTHREAD | linux.WALL | linux.WCLONE

// wait4 is wait4(2).
func wait4(t *kernel.Task, pid PID, status Addr, options Flags, rusage Addr) (uintptr, error) {
	if options&^(linux.WNOHANG|linux.WUNTRACED|linux.WCONTINUED|waitThreads) != 0 {
		return 0, linux.EINVAL
	}
	w := kernel.WaitFor{Options: uint32(options) | linux.WEXITED}
	switch {
	case pid == math.MinInt32:
		return 0, linux.ESRCH
	case pid == -1:
		w.Type = linux.P_ALL
	case pid <= 0:
		w.Type, w.ID = linux.P_PGID, int32(-pid)
	default:
		w.Type, w.ID = linux.P_PID, int32(pid)
	}
	r, err := t.WaitChild(&w)
	if err != nil || r.PID == 0 {
		return 0, err
	}
	if status != 0 {
		if err := copyOut(t, status, &r.Raw); err != nil {
			return 0, err
		}
	}
	if rusage != 0 {
		if err := copyOut(t, rusage, &r.Usage); err != nil {
			return 0, err
		}
	}
	return uintptr(r.PID), nil
}

// waitid is waitid(2).
func waitid(t *kernel.Task, which Int, id PID, info Addr, options Flags, rusage Addr) (uintptr, error) {
	const states = linux.WEXITED | linux.WSTOPPED | linux.WCONTINUED
	if options&^(linux.WNOHANG|linux.WNOWAIT|states|waitThreads) != 0 || options&states == 0 {
		return 0, linux.EINVAL
	}
	w := kernel.WaitFor{Type: int(which), ID: int32(id), Options: uint32(options)}
	var again error // what a pidfd says that does not block
	switch {
	case which == linux.P_ALL:
	case which == linux.P_PID && id > 0, which == linux.P_PGID && id >= 0:
	case which == linux.P_PIDFD && id >= 0:
		tg, flags, err := groupOfFD(t, FD(id))
		if err != nil {
			return 0, err
		}
		w.Group = tg
		if flags&linux.O_NONBLOCK != 0 && w.Options&linux.WNOHANG == 0 {
			w.Options |= linux.WNOHANG
			again = linux.EAGAIN
		}
	default:
		return 0, linux.EINVAL
	}
	r, err := t.WaitChild(&w)
	if err != nil {
		return 0, err
	}
	if r.PID == 0 && again != nil {
		return 0, again
	}
	if r.PID != 0 && rusage != 0 {
		if err := copyOut(t, rusage, &r.Usage); err != nil {
			return 0, err
		}
	}
	if info != 0 {
		return 0, copyOutChildInfo(t, info, &r)
	}
	return 0, nil
}

// copyOutChildInfo stores just the fields of siginfo_t that waitid does, zeros
// if no child has changed.
func copyOutChildInfo(t *kernel.Task, a Addr, r *kernel.Waited) error {
	head := [3]int32{0, 0, r.Code}
	if r.PID != 0 {
		head[0] = linux.SIGCHLD
	}
	if err := copyOut(t, a, &head); err != nil {
		return err
	}
	return copyOut(t, a+16, &[3]int32{r.PID, int32(r.UID), r.Status})
}
