package kernel

import (
	"math"
	"time"

	"glovebox/abi/linux"
)

// maxPosixTimers bounds a process's timers, as RLIMIT_SIGPENDING does in Linux.
const maxPosixTimers = 1 << 14

// A PosixTimer is one of timer_create(2).
type PosixTimer struct {
	tg     *ThreadGroup
	id     int32
	notify int32
	signo  int
	value  uint64
	target *Task // of SIGEV_THREAD_ID
	source ClockSource
	of     *Task // of TaskCPU

	// Guarded by tg.timers.mu.
	period  int64
	next    int64 // on its clock; 0: not armed
	overrun int64 // of the last signal taken
	host    *time.Timer
	gen     int

	queued bool // its signal is pending; guarded by tg.mu
}

// A ClockSource is what a clock of clock_gettime(2) reads.
type ClockSource uint8

// Sources.
const (
	Monotonic ClockSource = iota
	Wall
	GroupCPU
	TaskCPU
)

// Now reads the timer's clock; tg.mu is not held.
func (p *PosixTimer) Now() int64 {
	if p.source == GroupCPU {
		p.tg.mu.Lock()
		defer p.tg.mu.Unlock()
	}
	return p.nowLocked()
}

func (p *PosixTimer) nowLocked() int64 {
	switch p.source {
	case Wall:
		return Realtime()
	case GroupCPU:
		u := p.tg.usageLocked()
		return u.utime + u.stime
	case TaskCPU:
		return p.of.cpu.total(Now())
	}
	return Now()
}

// NewPosixTimer makes t's process a timer on a clock, which of a TaskCPU is
// that of the task of. Its signal goes to target alone unless that is nil.
func (t *Task) NewPosixTimer(source ClockSource, of *Task, ev *linux.Sigevent, target *Task) (*PosixTimer, error) {
	tg := t.tg
	tm := &tg.timers
	tm.mu.Lock()
	defer tm.mu.Unlock()
	if len(tm.posix) >= maxPosixTimers || tm.stopped {
		return nil, linux.EAGAIN
	}
	if tm.posix == nil {
		tm.posix = map[int32]*PosixTimer{}
	}
	for tm.posix[tm.nextID] != nil {
		tm.nextID = (tm.nextID + 1) & math.MaxInt32
	}
	p := &PosixTimer{
		tg: tg, id: tm.nextID, source: source, of: of, notify: ev.Notify,
		signo: int(ev.Signo), value: ev.Value, target: target,
	}
	tm.posix[p.id] = p
	tm.nextID = (tm.nextID + 1) & math.MaxInt32
	return p, nil
}

// PosixTimer returns the timer with that id, or nil.
func (tg *ThreadGroup) PosixTimer(id int32) *PosixTimer {
	tg.timers.mu.Lock()
	defer tg.timers.mu.Unlock()
	return tg.timers.posix[id]
}

// ID returns the timer's id.
func (p *PosixTimer) ID() int32 { return p.id }

// SetValue sets the value that the timer's signal carries.
func (p *PosixTimer) SetValue(v uint64) { p.value = v }

// Delete is timer_delete(2).
func (p *PosixTimer) Delete() {
	tm := &p.tg.timers
	tm.mu.Lock()
	defer tm.mu.Unlock()
	p.stopLocked()
	delete(tm.posix, p.id)
}

func (p *PosixTimer) stopLocked() {
	p.gen++
	p.next = 0
	if p.host != nil {
		p.host.Stop()
	}
}

// Get is timer_gettime(2).
func (p *PosixTimer) Get() (left, period int64) {
	now := p.Now()
	p.tg.timers.mu.Lock()
	defer p.tg.timers.mu.Unlock()
	return p.leftLocked(now), p.period
}

func (p *PosixTimer) leftLocked(now int64) int64 {
	if p.next == 0 || p.notify != linux.SIGEV_NONE && p.period == 0 && p.next <= now {
		return 0
	}
	next := p.next
	if next <= now && p.period != 0 {
		next = forward(next, p.period, now)
	}
	return max(next-now, 1)
}

// Set is timer_settime(2): next is absolute on the timer's clock, 0 to stop.
func (p *PosixTimer) Set(next, period int64) (oldLeft, oldPeriod int64) {
	now := p.Now()
	tm := &p.tg.timers
	tm.mu.Lock()
	defer tm.mu.Unlock()
	oldLeft, oldPeriod = p.leftLocked(now), p.period
	p.stopLocked()
	p.period, p.overrun = period, 0
	if next != 0 && !tm.stopped {
		p.next = next
		p.armLocked(now, 0)
	}
	return oldLeft, oldPeriod
}

func (p *PosixTimer) armLocked(now int64, least time.Duration) {
	if p.notify == linux.SIGEV_NONE {
		return
	}
	gen := p.gen
	p.host = time.AfterFunc(max(time.Duration(p.next-now), least), func() { p.fired(gen) })
}

// Overrun is timer_getoverrun(2).
func (p *PosixTimer) Overrun() int32 {
	p.tg.timers.mu.Lock()
	defer p.tg.timers.mu.Unlock()
	return int32(min(p.overrun, math.MaxInt32))
}

// fired queues the timer's signal. A periodic timer is armed again only when
// the signal is taken, so that an unread one costs nothing.
func (p *PosixTimer) fired(gen int) {
	now := p.Now()
	tm := &p.tg.timers
	tm.mu.Lock()
	if p.gen != gen || p.next == 0 {
		tm.mu.Unlock()
		return
	}
	if now < p.next {
		p.armLocked(now, time.Millisecond) // a CPU clock runs slower
		tm.mu.Unlock()
		return
	}
	target := p.target
	tm.mu.Unlock()
	tg := p.tg
	tg.mu.Lock()
	if !p.queued && (target == nil || !target.exited) {
		s := pendingSignal{info: *timerInfo(p.signo, p.id, p.value), timer: p}
		_ = tg.sendLocked(target, s, fromInside)
	}
	ignored := !p.queued
	tg.mu.Unlock()
	if !ignored {
		return
	}
	tm.mu.Lock()
	defer tm.mu.Unlock()
	if p.gen == gen {
		if p.next = forward(p.next, p.period, now); p.next != 0 {
			p.armLocked(now, ignoredRearm)
		}
	}
}

// dequeued is told that the timer's signal was taken: it counts what expired
// meanwhile and arms the next one. tg.mu is held.
func (p *PosixTimer) dequeued(i *Info) {
	p.queued = false
	now := p.nowLocked()
	tm := &p.tg.timers
	tm.mu.Lock()
	defer tm.mu.Unlock()
	p.overrun = 0
	if p.next == 0 {
		return
	}
	if p.period == 0 {
		p.next = 0
		return
	}
	p.overrun = max(now-p.next, 0) / p.period
	p.next = forward(p.next, p.period, now)
	p.armLocked(now, 0)
	le.PutUint32(i.Fields[infoOverrun:], uint32(min(p.overrun, math.MaxInt32)))
}
