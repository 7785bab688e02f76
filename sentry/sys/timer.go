package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
)

// timers is the calls of interval timers and of timer_create(2).
var timers = family{
	sysno.Getitimer:       call2(getitimer),
	sysno.Setitimer:       call3(setitimer),
	sysno.Alarm:           call1(alarm),
	sysno.TimerCreate:     call3(timerCreate).except("CPU clocks of other processes are EINVAL"),
	sysno.TimerSettime:    call4(timerSettime),
	sysno.TimerGettime:    call2(timerGettime),
	sysno.TimerGetoverrun: call1(timerGetoverrun),
	sysno.TimerDelete:     call1(timerDelete),
}

// getitimer is getitimer(2).
func getitimer(t *kernel.Task, which Int, to Addr) (uintptr, error) {
	if which < 0 || which > linux.ITIMER_PROF {
		return 0, linux.EINVAL
	}
	v := itimerval(t.Group().Itimer(int(which)))
	return 0, copyOut(t, to, &v)
}

func itimerval(left, period int64) linux.Itimerval {
	return linux.Itimerval{Interval: kernel.Timeval(period), Value: kernel.Timeval(left)}
}

// setitimer is setitimer(2).
func setitimer(t *kernel.Task, which Int, value, old Addr) (uintptr, error) {
	var v linux.Itimerval
	var left, period int64
	if value != 0 {
		if err := copyIn(t, value, &v); err != nil {
			return 0, err
		}
		var err error
		if left, err = microseconds(v.Value); err != nil {
			return 0, err
		}
		if period, err = microseconds(v.Interval); err != nil {
			return 0, err
		}
	}
	if which < 0 || which > linux.ITIMER_PROF {
		return 0, linux.EINVAL
	}
	was := itimerval(t.Group().SetItimer(int(which), left, period))
	if old != 0 {
		return 0, copyOut(t, old, &was)
	}
	return 0, nil
}

// microseconds converts a struct timeval to nanoseconds.
func microseconds(tv linux.Timeval) (int64, error) {
	if uint64(tv.Usec) >= 1_000_000 {
		return 0, linux.EINVAL
	}
	return nanoseconds(linux.Timespec{Sec: tv.Sec, Nsec: tv.Usec * 1000})
}

// alarm is alarm(2).
func alarm(t *kernel.Task, seconds Uint) (uintptr, error) {
	left, _ := t.Group().SetItimer(linux.ITIMER_REAL, int64(seconds)*second, 0)
	// To the nearest second, but never to 0 (alarm_setitimer).
	s := (left + second/2) / second
	if s == 0 && left != 0 {
		s = 1
	}
	return uintptr(s), nil
}

// timerCreate is timer_create(2).
func timerCreate(t *kernel.Task, id Clock, event, to Addr) (uintptr, error) {
	c, err := findClock(t, id)
	if err != nil {
		return 0, err
	}
	switch {
	case !c.timers:
		return 0, linux.EOPNOTSUPP
	case c.cpu && c.of.Group() != t.Group():
		return 0, linux.EINVAL
	}
	ev := linux.Sigevent{Signo: linux.SIGALRM}
	if event != 0 {
		if err := copyIn(t, event, &ev); err != nil {
			return 0, err
		}
	}
	target, err := notified(t, &ev)
	if err != nil {
		return 0, err
	}
	p, err := t.NewPosixTimer(c.source, c.of, &ev, target)
	if err != nil {
		return 0, err
	}
	n := p.ID()
	if event == 0 {
		p.SetValue(uint64(n))
	}
	if err := copyOut(t, to, &n); err != nil {
		p.Delete()
		return 0, err
	}
	return 0, nil
}

// notified checks ev and returns the thread that it names (good_sigevent).
func notified(t *kernel.Task, ev *linux.Sigevent) (target *kernel.Task, err error) {
	switch ev.Notify {
	case linux.SIGEV_NONE:
		return nil, nil
	case linux.SIGEV_THREADID:
		target = t.Group().Namespace().Task(ev.TID)
		if target == nil || target.Group() != t.Group() {
			return nil, linux.EINVAL
		}
	case linux.SIGEV_SIGNAL, linux.SIGEV_THREAD:
	default:
		return nil, linux.EINVAL
	}
	if ev.Signo < 1 || ev.Signo > linux.NSIG {
		return nil, linux.EINVAL
	}
	return target, nil
}

func itimerspec(left, period int64) linux.Itimerspec {
	return linux.Itimerspec{Interval: kernel.Timespec(period), Value: kernel.Timespec(left)}
}

// timerSettime is timer_settime(2).
func timerSettime(t *kernel.Task, id Int, flags Flags, value, old Addr) (uintptr, error) {
	if value == 0 {
		return 0, linux.EINVAL
	}
	var v linux.Itimerspec
	if err := copyIn(t, value, &v); err != nil {
		return 0, err
	}
	period, err := nanoseconds(v.Interval)
	if err != nil {
		return 0, err
	}
	next, err := nanoseconds(v.Value)
	if err != nil {
		return 0, err
	}
	p := t.Group().PosixTimer(int32(id))
	if p == nil {
		return 0, linux.EINVAL
	}
	if next != 0 && flags&linux.TIMER_ABSTIME == 0 {
		next = addTime(p.Now(), next)
	}
	was := itimerspec(p.Set(next, period))
	if old != 0 {
		return 0, copyOut(t, old, &was)
	}
	return 0, nil
}

// timerGettime is timer_gettime(2).
func timerGettime(t *kernel.Task, id Int, to Addr) (uintptr, error) {
	p := t.Group().PosixTimer(int32(id))
	if p == nil {
		return 0, linux.EINVAL
	}
	v := itimerspec(p.Get())
	return 0, copyOut(t, to, &v)
}

// timerGetoverrun is timer_getoverrun(2).
func timerGetoverrun(t *kernel.Task, id Int) (uintptr, error) {
	p := t.Group().PosixTimer(int32(id))
	if p == nil {
		return 0, linux.EINVAL
	}
	return uintptr(p.Overrun()), nil
}

// timerDelete is timer_delete(2).
func timerDelete(t *kernel.Task, id Int) (uintptr, error) {
	p := t.Group().PosixTimer(int32(id))
	if p == nil {
		return 0, linux.EINVAL
	}
	p.Delete()
	return 0, nil
}
