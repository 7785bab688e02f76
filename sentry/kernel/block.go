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
	workRestart             // the last call returned ERESTART*
)

// workInterrupt ends a Block early.
const workInterrupt = workSignal | workKill | workStop

// Forever is the deadline of a wait without one.
const Forever int64 = math.MaxInt64

var epoch = time.Now()

// Now returns the guest's CLOCK_MONOTONIC in nanoseconds: deadlines are in it.
func Now() int64 { return int64(time.Since(epoch)) }

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
	if deadline == Forever {
		<-t.wake
	} else {
		d := deadline - Now()
		if d <= 0 {
			return linux.ETIMEDOUT
		}
		timer := time.NewTimer(time.Duration(d))
		select {
		case <-t.wake:
			timer.Stop()
		case <-timer.C:
			return linux.ETIMEDOUT
		}
	}
	if t.work.Load()&workInterrupt != 0 {
		return linux.ERESTARTSYS
	}
	return nil
}

// NewWaiter returns an entry for one queue that wakes t.
func (t *Task) NewWaiter(m wait.Mask) *wait.Entry {
	return &wait.Entry{Mask: m, Notify: func(wait.Mask) { t.Wake() }}
}

// WaitReady calls try until it returns anything but EAGAIN, sleeping on q for
// the events m in between: ETIMEDOUT at the deadline, ERESTARTSYS for a
// signal. Callers that must not block (O_NONBLOCK) do not call it.
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
		if err := t.Block(deadline); err != nil {
			return 0, err
		}
	}
}
