package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// futexes is the calls of futex(2).
var futexes = family{
	sysno.Futex:         call6(futex).except("priority inheritance (FUTEX_*_PI) is ENOSYS"),
	sysno.FutexWaitv:    call5(futexWaitv),
	sysno.FutexWait:     refuse(linux.ENOSYS, newer),
	sysno.FutexWake:     refuse(linux.ENOSYS, newer),
	sysno.FutexRequeue:  refuse(linux.ENOSYS, newer),
	sysno.SetRobustList: call2(setRobustList),
	sysno.GetRobustList: call3(getRobustList),
}

// futex is futex(2). timeout is a count for the operations that requeue.
func futex(t *kernel.Task, a Addr, op Int, val Uint, timeout, b Addr, val3 Uint) (uintptr, error) {
	scope := kernel.SharedFutex
	if op&linux.FUTEX_PRIVATE_FLAG != 0 {
		scope = kernel.PrivateFutex
	}
	cmd := op & linux.FUTEX_CMD_MASK
	realtime := op&linux.FUTEX_CLOCK_REALTIME != 0
	if realtime && cmd != linux.FUTEX_WAIT_BITSET {
		return 0, linux.ENOSYS
	}
	n, n2 := count(int32(val)), count(int32(timeout))
	switch cmd {
	case linux.FUTEX_WAIT:
		w := kernel.FutexWaiting{Addr: a.Guest(), Val: uint32(val), Bitset: linux.FUTEX_BITSET_MATCH_ANY, Scope: scope}
		return futexWait(t, w, timeout, relative)
	case linux.FUTEX_WAIT_BITSET:
		w := kernel.FutexWaiting{Addr: a.Guest(), Val: uint32(val), Bitset: uint32(val3), Scope: scope}
		if realtime {
			return futexWait(t, w, timeout, absoluteRealtime)
		}
		return futexWait(t, w, timeout, absoluteMonotonic)
	case linux.FUTEX_WAKE:
		return done(t.FutexWake(a.Guest(), n, linux.FUTEX_BITSET_MATCH_ANY, scope))
	case linux.FUTEX_WAKE_BITSET:
		return done(t.FutexWake(a.Guest(), n, uint32(val3), scope))
	case linux.FUTEX_REQUEUE, linux.FUTEX_CMP_REQUEUE:
		if int32(val) < 0 || int32(timeout) < 0 {
			return 0, linux.EINVAL
		}
		var cmp *uint32
		if cmd == linux.FUTEX_CMP_REQUEUE {
			cmp = (*uint32)(&val3)
		}
		return done(t.FutexRequeue(a.Guest(), b.Guest(), int(val), int(int32(timeout)), cmp, scope))
	case linux.FUTEX_WAKE_OP:
		return done(t.FutexWakeOp(a.Guest(), b.Guest(), n, n2, uint32(val3), scope))
	}
	return 0, linux.ENOSYS
}

func done(n int, err error) (uintptr, error) { return uintptr(n), err }

// count is how many waiters to wake: Linux wakes one before it looks.
func count(n int32) int { return max(int(n), 1) }

// timeoutKind says what a time-out counts from.
type timeoutKind uint8

const (
	relative timeoutKind = iota
	absoluteMonotonic
	absoluteRealtime
)

// copyInTimeout reads a time-out as a deadline of Block, Forever for NULL.
func copyInTimeout(t *kernel.Task, a Addr, k timeoutKind) (int64, error) {
	if a == 0 {
		return kernel.Forever, nil
	}
	d, err := copyInDuration(t, a)
	switch {
	case err != nil, d == math.MaxInt64:
		return kernel.Forever, err
	case k == absoluteMonotonic:
		return d, nil
	case k == absoluteRealtime:
		d = max(d-kernel.Realtime(), 0)
	}
	return kernel.Deadline(d), nil
}

// futexWait waits on one futex. With a time-out an interrupted wait goes on to
// the same deadline, and not at all after a handler (futex_wait_restart).
func futexWait(t *kernel.Task, w kernel.FutexWaiting, timeout Addr, k timeoutKind) (uintptr, error) {
	deadline, err := copyInTimeout(t, timeout, k)
	if err != nil {
		return 0, err
	}
	if timeout == 0 {
		return 0, t.FutexWait(w, deadline)
	}
	deadline = t.RestartDeadline(deadline)
	if err = t.FutexWait(w, deadline); err == linux.ERESTARTSYS {
		err = linux.ERESTART_RESTARTBLOCK
	}
	return 0, err
}

// futexWaitv is futex_waitv(2).
func futexWaitv(t *kernel.Task, waiters Addr, n Uint, flags Flags, timeout Addr, id Clock) (uintptr, error) {
	if flags != 0 || n == 0 || n > linux.FUTEX_WAITV_MAX || waiters == 0 {
		return 0, linux.EINVAL
	}
	deadline := kernel.Forever
	if timeout != 0 {
		k := absoluteMonotonic
		switch id {
		case linux.CLOCK_MONOTONIC:
		case linux.CLOCK_REALTIME:
			k = absoluteRealtime
		default:
			return 0, linux.EINVAL
		}
		var err error
		if deadline, err = copyInTimeout(t, timeout, k); err != nil {
			return 0, err
		}
	}
	ws := make([]kernel.FutexWaiting, n)
	for i := range ws {
		var v linux.FutexWaitv
		if err := copyIn(t, waiters+Addr(i)*linux.FutexWaitvSize, &v); err != nil {
			return 0, err
		}
		if v.Flags&^linux.FUTEX2_PRIVATE != linux.FUTEX2_SIZE_U32 || v.Resv != 0 || v.Val > math.MaxUint32 {
			return 0, linux.EINVAL
		}
		ws[i] = kernel.FutexWaiting{
			Addr: guest.Addr(v.Uaddr), Val: uint32(v.Val),
			Bitset: linux.FUTEX_BITSET_MATCH_ANY, Scope: kernel.SharedFutex,
		}
		if v.Flags&linux.FUTEX2_PRIVATE != 0 {
			ws[i].Scope = kernel.PrivateFutex
		}
	}
	return done(t.FutexWaitAny(ws, deadline))
}

// setRobustList is set_robust_list(2).
func setRobustList(t *kernel.Task, head Addr, size Size) (uintptr, error) {
	if size != linux.RobustListHeadSize {
		return 0, linux.EINVAL
	}
	t.Robust.Store(uint64(head))
	return 0, nil
}

// getRobustList is get_robust_list(2).
func getRobustList(t *kernel.Task, pid PID, head, size Addr) (uintptr, error) {
	of := taskOrSelf(t, pid)
	if of == nil {
		return 0, linux.ESRCH
	}
	if !t.MayPtrace(of) {
		return 0, linux.EPERM
	}
	n := uint64(linux.RobustListHeadSize)
	if err := copyOut(t, size, &n); err != nil {
		return 0, err
	}
	h := of.Robust.Load()
	return 0, copyOut(t, head, &h)
}
