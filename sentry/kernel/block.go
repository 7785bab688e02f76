package kernel

import (
	"math"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// Bits of Task.work.
const (
	workSignal  = 1 << iota // an unblocked signal may be pending
	workKill                // the task must exit
	workStop                // the thread group is stopping
	workCont                // the parent must hear that the group goes on
	workPublish             // what the platform may answer has changed
	workRestart             // the last call returned ERESTART*
	workMask                // a temporary signal mask is in force
	workBarrier             // someone waits until the task is not in guest code
	workFreeze              // the namespace is frozen
)

// workInterrupt ends a Block early.
const workInterrupt = workSignal | workKill | workStop

// Forever is the deadline of a wait without one.
const Forever int64 = math.MaxInt64

// epoch is the boot time of the guest: a little before its first process, as some take a
// clock at 0 s for one that was not read (ping).
var epoch = time.Now().Add(-time.Second)

// Now returns the guest's CLOCK_MONOTONIC in nanoseconds: deadlines are in it.
func Now() int64 { return int64(time.Since(epoch)) }

// Times returns Now and Realtime of one moment.
func Times() (now, real int64) {
	t := time.Now()
	return int64(t.Sub(epoch)), t.UnixNano()
}

// Clock returns CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds, as the vDSO
// tells them.
func (k *Kernel) Clock() (mono, real int64) {
	if k.VDSO == nil {
		return Times()
	}
	return k.VDSO.Read()
}

// Realtime returns CLOCK_REALTIME in nanoseconds.
func Realtime() int64 { return time.Now().UnixNano() }

// Deadline returns the time d nanoseconds from now, Forever if it overflows.
func Deadline(d int64) int64 {
	now := Now()
	if d > Forever-now {
		return Forever
	}
	return now + d
}

// Wake ends t's current or next Block. It never blocks.
func (t *Task) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Block sleeps until Wake (nil, sometimes for no reason: look again), until
// the deadline in nanoseconds of Now (ETIMEDOUT), or until a signal
// (ERESTARTSYS). Task goroutine only, no locks held.
func (t *Task) Block(deadline int64) error {
	if t.work.Load()&workInterrupt != 0 {
		return linux.ERESTARTSYS
	}
	late := t.sleep(deadline)
	switch {
	case t.work.Load()&workInterrupt != 0:
		return linux.ERESTARTSYS
	case late:
		return linux.ETIMEDOUT
	}
	return nil
}

// BlockKillable sleeps until done returns true, which Wake makes it ask, or
// until t is killed (EINTR).
func (t *Task) BlockKillable(done func() bool) error {
	for !done() {
		if t.Dead() {
			return linux.EINTR
		}
		t.sleep(Forever)
	}
	return nil
}

// A sleeper is the timer of a task's sleeps.
type sleeper struct{ t *time.Timer }

// sleep waits for Wake or the deadline, and reports whether that has passed.
func (t *Task) sleep(deadline int64) (late bool) {
	now := Now()
	if deadline <= now {
		return true
	}
	if t.work.Load()&workBarrier != 0 {
		t.passBarrier()
	}
	t.asleep.Store(true)
	if t.ctx != nil { // an exiting task has none
		t.ctx.Idle()
	}
	t.cpu.stop(now)
	if deadline == Forever {
		<-t.wake
	} else {
		d := time.Duration(deadline - now)
		if t.timer == nil {
			t.timer = &sleeper{time.NewTimer(d)}
		} else {
			t.timer.t.Reset(d)
		}
		select {
		case <-t.wake:
			t.timer.t.Stop()
		case <-t.timer.t.C:
			late = true
		}
	}
	t.cpu.start(Now())
	t.asleep.Store(false)
	t.tg.cg.stir()
	return late
}

// NewWaiter returns an entry for one queue that wakes t.
func (t *Task) NewWaiter(m wait.Mask) *wait.Entry {
	return &wait.Entry{Mask: m, Notify: func(wait.Mask) { t.Wake() }}
}

// WaitReady calls try until it returns anything but EAGAIN, sleeping on q for
// the events m in between: EAGAIN at the deadline (SO_RCVTIMEO), ERESTARTSYS
// for a signal, or EINTR where there is a deadline (signal(7)). Callers that
// must not block (O_NONBLOCK) do not call it.
func (t *Task) WaitReady(q *wait.Queue, m wait.Mask, deadline int64, try func() (int64, error)) (int64, error) {
	n, err := try()
	if err != linux.EAGAIN || q == nil {
		return n, err
	}
	e := t.NewWaiter(m)
	q.Register(e)
	defer q.Unregister(e)
	for {
		if n, err = try(); err != linux.EAGAIN {
			return n, err
		}
		end := t.Block(deadline)
		if end == nil {
			continue
		}
		// What is ready goes before a signal that came with it (___wait_event).
		if n, err = try(); err != linux.EAGAIN {
			return n, err
		}
		switch {
		case end == linux.ETIMEDOUT:
			return 0, linux.EAGAIN
		case deadline != Forever:
			return 0, linux.EINTR
		}
		return 0, end
	}
}
