package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
)

// The host schedules; the Sentry remembers.
const (
	remembered  = "kept, without effect on scheduling"
	maxPriority = 99 // of SCHED_FIFO and SCHED_RR
	roundRobin  = 100_000_000
)

// scheduling is the calls of sched(7).
var scheduling = family{
	sysno.SchedYield:          call0(schedYield),
	sysno.SchedSetparam:       call2(schedSetparam).except(remembered),
	sysno.SchedGetparam:       call2(schedGetparam),
	sysno.SchedSetscheduler:   call3(schedSetscheduler).except(remembered + "; SCHED_DEADLINE is EINVAL"),
	sysno.SchedGetscheduler:   call1(schedGetscheduler),
	sysno.SchedGetPriorityMax: call1(schedGetPriorityMax),
	sysno.SchedGetPriorityMin: call1(schedGetPriorityMin),
	sysno.SchedRrGetInterval:  call2(schedRRGetInterval),
	sysno.SchedSetattr:        call3(schedSetattr).except(remembered + "; SCHED_DEADLINE is EINVAL"),
	sysno.SchedGetattr:        call4(schedGetattr),
	sysno.SchedSetaffinity:    call3(schedSetaffinity).except(remembered),
	sysno.SchedGetaffinity:    call3(schedGetaffinity),
	sysno.Getpriority:         call2(getpriority),
	sysno.Setpriority:         call3(setpriority).except(remembered),
	sysno.IoprioGet:           call2(ioprioGet),
	sysno.IoprioSet:           refuse(linux.EPERM, "I/O is scheduled by the host"),
}

// schedYield is sched_yield(2).
func schedYield(t *kernel.Task) (uintptr, error) {
	t.Yield()
	return 0, nil
}

// schedTask finds the task that a sched call names.
func schedTask(t *kernel.Task, pid PID) (*kernel.Task, error) {
	if pid < 0 {
		return nil, linux.EINVAL
	}
	if of := taskOrSelf(t, pid); of != nil {
		return of, nil
	}
	return nil, linux.ESRCH
}

// maySchedule reports whether t may change how of is scheduled.
func maySchedule(t, of *kernel.Task) bool {
	c, d := t.Creds(), of.Creds()
	return c.EUID == d.EUID || c.EUID == d.UID || c.Has(auth.CapSysNice)
}

// mayNice reports whether of may have a nice value as low as nice (can_nice).
func mayNice(t, of *kernel.Task, nice int) bool {
	return uint64(20-nice) <= of.Group().Limits().Cur(linux.RLIMIT_NICE) || t.Creds().Has(auth.CapSysNice)
}

// setSched is __sched_setscheduler, for policies without deadlines.
func setSched(t, of *kernel.Task, p kernel.SchedParams) error {
	realtime := p.Policy == linux.SCHED_FIFO || p.Policy == linux.SCHED_RR
	switch {
	case realtime && (p.Priority < 1 || p.Priority > maxPriority), !realtime && p.Priority != 0:
		return linux.EINVAL
	case realtime, p.Policy == linux.SCHED_NORMAL, p.Policy == linux.SCHED_BATCH, p.Policy == linux.SCHED_IDLE:
	default:
		return linux.EINVAL
	}
	was := of.Sched().Params()
	if !t.Creds().Has(auth.CapSysNice) {
		limit := of.Group().Limits().Cur(linux.RLIMIT_RTPRIO)
		switch {
		case !maySchedule(t, of):
			return linux.EPERM
		case realtime && p.Policy != was.Policy && limit == 0,
			realtime && p.Priority > was.Priority && uint64(p.Priority) > limit:
			return linux.EPERM
		case p.Nice < was.Nice && !mayNice(t, of, p.Nice):
			return linux.EPERM
		case was.Policy == linux.SCHED_IDLE && p.Policy != linux.SCHED_IDLE && !mayNice(t, of, was.Nice):
			return linux.EPERM
		case was.ResetOnFork && !p.ResetOnFork:
			return linux.EPERM
		}
	}
	of.Sched().SetParams(p)
	return nil
}

// schedSetscheduler is sched_setscheduler(2).
func schedSetscheduler(t *kernel.Task, pid PID, policy Int, param Addr) (uintptr, error) {
	if policy < 0 {
		return 0, linux.EINVAL
	}
	return 0, setPolicy(t, pid, param, func(p *kernel.SchedParams) {
		p.Policy = int(policy &^ linux.SCHED_RESET_ON_FORK)
		p.ResetOnFork = policy&linux.SCHED_RESET_ON_FORK != 0
	})
}

// schedSetparam is sched_setparam(2).
func schedSetparam(t *kernel.Task, pid PID, param Addr) (uintptr, error) {
	return 0, setPolicy(t, pid, param, func(*kernel.SchedParams) {})
}

// setPolicy gives the task pid the priority at param and what change says.
func setPolicy(t *kernel.Task, pid PID, param Addr, change func(*kernel.SchedParams)) error {
	if param == 0 || pid < 0 {
		return linux.EINVAL
	}
	var priority int32
	if err := copyIn(t, param, &priority); err != nil {
		return err
	}
	of, err := schedTask(t, pid)
	if err != nil {
		return err
	}
	p := of.Sched().Params()
	change(&p)
	p.Priority = int(priority)
	return setSched(t, of, p)
}

// schedGetparam is sched_getparam(2).
func schedGetparam(t *kernel.Task, pid PID, param Addr) (uintptr, error) {
	if param == 0 {
		return 0, linux.EINVAL
	}
	of, err := schedTask(t, pid)
	if err != nil {
		return 0, err
	}
	priority := int32(of.Sched().Params().Priority)
	return 0, copyOut(t, param, &priority)
}

// schedGetscheduler is sched_getscheduler(2).
func schedGetscheduler(t *kernel.Task, pid PID) (uintptr, error) {
	of, err := schedTask(t, pid)
	if err != nil {
		return 0, err
	}
	p := of.Sched().Params()
	if p.ResetOnFork {
		p.Policy |= linux.SCHED_RESET_ON_FORK
	}
	return uintptr(p.Policy), nil
}

// schedGetPriorityMax is sched_get_priority_max(2).
func schedGetPriorityMax(_ *kernel.Task, policy Int) (uintptr, error) {
	return priorityBound(policy, maxPriority)
}

// schedGetPriorityMin is sched_get_priority_min(2).
func schedGetPriorityMin(_ *kernel.Task, policy Int) (uintptr, error) {
	return priorityBound(policy, 1)
}

func priorityBound(policy Int, realtime uintptr) (uintptr, error) {
	switch policy {
	case linux.SCHED_FIFO, linux.SCHED_RR:
		return realtime, nil
	case linux.SCHED_NORMAL, linux.SCHED_BATCH, linux.SCHED_IDLE, linux.SCHED_DEADLINE:
		return 0, nil
	}
	return 0, linux.EINVAL
}

// schedRRGetInterval is sched_rr_get_interval(2).
func schedRRGetInterval(t *kernel.Task, pid PID, to Addr) (uintptr, error) {
	of, err := schedTask(t, pid)
	if err != nil {
		return 0, err
	}
	var ns int64
	if of.Sched().Params().Policy == linux.SCHED_RR {
		ns = roundRobin
	}
	ts := kernel.Timespec(ns)
	return 0, copyOut(t, to, &ts)
}
