package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// schedSetattr is sched_setattr(2).
func schedSetattr(t *kernel.Task, pid PID, attr Addr, flags Flags) (uintptr, error) {
	if attr == 0 || pid < 0 || flags != 0 {
		return 0, linux.EINVAL
	}
	var size uint32
	if err := copyIn(t, attr, &size); err != nil {
		return 0, err
	}
	switch {
	case size == 0:
		size = linux.SCHED_ATTR_SIZE_VER0
	case size < linux.SCHED_ATTR_SIZE_VER0, size > guest.PageSize:
		return 0, badSchedAttr(t, attr)
	}
	var a linux.SchedAttr
	if err := copyInSized(t, attr, uint64(size), &a); err != nil {
		if err == linux.E2BIG {
			err = badSchedAttr(t, attr)
		}
		return 0, err
	}
	if a.Policy > math.MaxInt32 || a.Flags&^linux.SCHED_FLAG_RESET_ON_FORK != 0 || a.Priority > maxPriority {
		return 0, linux.EINVAL
	}
	of, err := schedTask(t, pid)
	if err != nil {
		return 0, err
	}
	return 0, setSched(t, of, kernel.SchedParams{
		Policy: int(a.Policy), Priority: int(a.Priority), Nice: clampNice(int(a.Nice)),
		ResetOnFork: a.Flags&linux.SCHED_FLAG_RESET_ON_FORK != 0,
	})
}

// badSchedAttr tells the guest which size we know.
func badSchedAttr(t *kernel.Task, attr Addr) error {
	size := uint32(linux.SCHED_ATTR_SIZE_VER0)
	if err := copyOut(t, attr, &size); err != nil {
		return err
	}
	return linux.E2BIG
}

func clampNice(n int) int { return min(max(n, -20), 19) }

// schedGetattr is sched_getattr(2).
func schedGetattr(t *kernel.Task, pid PID, attr Addr, size Uint, flags Flags) (uintptr, error) {
	if attr == 0 || pid < 0 || size > guest.PageSize || size < linux.SCHED_ATTR_SIZE_VER0 || flags != 0 {
		return 0, linux.EINVAL
	}
	of, err := schedTask(t, pid)
	if err != nil {
		return 0, err
	}
	p := of.Sched().Params()
	a := linux.SchedAttr{
		Size: linux.SCHED_ATTR_SIZE_VER0, Policy: uint32(p.Policy),
		Nice: int32(p.Nice), Priority: uint32(p.Priority),
	}
	if p.ResetOnFork {
		a.Flags = linux.SCHED_FLAG_RESET_ON_FORK
	}
	return 0, copyOut(t, attr, &a)
}

// schedSetaffinity is sched_setaffinity(2).
func schedSetaffinity(t *kernel.Task, pid PID, size Uint, mask Addr) (uintptr, error) {
	m := make([]byte, kernel.CPUMaskBytes(t.Kernel().CPUs))
	if _, err := t.Mem().CopyIn(mask.Guest(), m[:min(len(m), int(size))]); err != nil {
		return 0, err
	}
	of, err := schedTask(t, pid)
	if err != nil {
		return 0, linux.ESRCH
	}
	if !maySchedule(t, of) {
		return 0, linux.EPERM
	}
	cpus := of.Group().Cgroup().CPUs
	m = m[:min(len(m), kernel.CPUMaskBytes(cpus))]
	some := false
	for i := range len(m) * 8 {
		if i >= cpus {
			m[i/8] &^= 1 << (i % 8)
		}
		some = some || m[i/8]>>(i%8)&1 != 0
	}
	if !some {
		return 0, linux.EINVAL
	}
	of.Sched().SetAffinity(m)
	return 0, nil
}

// schedGetaffinity is sched_getaffinity(2), which returns the mask's size.
func schedGetaffinity(t *kernel.Task, pid PID, size Uint, mask Addr) (uintptr, error) {
	of, err := schedTask(t, pid)
	if err != nil {
		of = t // a size that is too small is wrong whoever it is about
	}
	cpus := of.Group().Cgroup().CPUs
	if uint64(size)*8 < uint64(cpus) || size%8 != 0 {
		return 0, linux.EINVAL
	}
	if err != nil {
		return 0, linux.ESRCH
	}
	m := of.Sched().Affinity()
	if m == nil {
		m = make([]byte, kernel.CPUMaskBytes(cpus))
		for i := range cpus {
			m[i/8] |= 1 << (i % 8)
		}
	}
	n := min(len(m), int(size))
	_, err = t.Mem().CopyOut(mask.Guest(), m[:n])
	return uintptr(n), err
}

// prioTasks calls f with each task that which and who name, and reports how
// many there were.
func prioTasks(t *kernel.Task, which Int, who Int, f func(*kernel.Task)) int {
	n := 0
	each := func(of *kernel.Task) { n++; f(of) }
	if which == linux.PRIO_PROCESS {
		if of := taskOrSelf(t, PID(who)); of != nil {
			each(of)
		}
		return n
	}
	pgid, uid := int32(who), uint32(who)
	if who == 0 {
		pgid, _ = t.Group().IDs()
		uid = t.Creds().UID
	}
	for _, tg := range t.Group().Namespace().Groups() {
		if id, _ := tg.IDs(); which == linux.PRIO_PGRP && id != pgid {
			continue
		}
		for _, of := range tg.Tasks() {
			if which == linux.PRIO_PGRP || of.Creds().UID == uid {
				each(of)
			}
		}
	}
	return n
}

// getpriority is getpriority(2), which returns 20 - nice.
func getpriority(t *kernel.Task, which, who Int) (uintptr, error) {
	if which < 0 || which > linux.PRIO_USER {
		return 0, linux.EINVAL
	}
	best := 0
	if prioTasks(t, which, who, func(of *kernel.Task) { best = max(best, 20-of.Sched().Params().Nice) }) == 0 {
		return 0, linux.ESRCH
	}
	return uintptr(best), nil
}

// setpriority is setpriority(2).
func setpriority(t *kernel.Task, which, who, nice Int) (uintptr, error) {
	if which < 0 || which > linux.PRIO_USER {
		return 0, linux.EINVAL
	}
	n := clampNice(int(nice))
	var err error
	if prioTasks(t, which, who, func(of *kernel.Task) {
		p := of.Sched().Params()
		switch {
		case !maySchedule(t, of):
			err = linux.EPERM
		case n < p.Nice && !mayNice(t, of, n):
			err = linux.EACCES
		default:
			p.Nice = n
			of.Sched().SetParams(p)
		}
	}) == 0 {
		return 0, linux.ESRCH
	}
	return 0, err
}

// ioprioGet is ioprio_get(2): everyone has the default, best effort by nice.
func ioprioGet(t *kernel.Task, which, who Int) (uintptr, error) {
	const bestEffort, classShift = 2, 13
	if which < 1 || which > 3 {
		return 0, linux.EINVAL
	}
	best := -1
	if prioTasks(t, which-1, who, func(of *kernel.Task) {
		level := (of.Sched().Params().Nice + 20) / 5
		if best < 0 || level < best {
			best = level
		}
	}) == 0 {
		return 0, linux.ESRCH
	}
	return uintptr(bestEffort<<classShift | best), nil
}
