// Package timerfd is the timers that timerfd_create(2) makes.
//
// A timer is state only: when it expires next and how often it did. The host
// timer behind it does no more than tell the queue, so that a restored timer
// needs nothing but to be armed again.
package timerfd

import (
	"math"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/file"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/vfs"
)

// A Clock is what a timer goes by.
type Clock interface {
	// Now is the clock's time in nanoseconds.
	Now() int64
}

// A Setting is struct itimerspec in nanoseconds; a Value of 0 is a disarmed
// timer.
type Setting struct{ Value, Interval int64 }

// A TimerFD implements vfs.FileOps.
type TimerFD struct {
	vfs.NoFile
	clock Clock // immutable
	id    int32 // the clockid; immutable
	queue wait.Queue

	mu       lock.Mutex[lock.Pipe]
	next     int64     // when it expires, by clock; 0 if disarmed. Guarded by mu.
	interval int64     // guarded by mu
	ticks    uint64    // expirations not read yet, but for those since next; guarded by mu
	word     file.Word // guarded by mu
	timer    *time.Timer
}

// New returns a disarmed timer that goes by c, which is clock id.
func New(c Clock, id int32) *TimerFD { return &TimerFD{clock: c, id: id} }

// ClockID returns the clock's number.
func (t *TimerFD) ClockID() int32 { return t.id }

// Time says what a Setting's Value is.
type Time uint8

// Values of Time.
const (
	Relative Time = iota
	Absolute      // TFD_TIMER_ABSTIME
)

// Set is timerfd_settime(2); it returns the setting before.
func (t *TimerFD) Set(s Setting, kind Time) Setting {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	old := t.getLocked(now)
	t.ticks, t.next, t.interval = 0, 0, s.Interval
	if s.Value > 0 {
		t.next = s.Value
		if kind == Relative {
			t.next = satAdd(now, s.Value)
		}
	}
	t.armLocked(now)
	return old
}

// Get is timerfd_gettime(2).
func (t *TimerFD) Get() Setting {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.getLocked(t.clock.Now())
}

func (t *TimerFD) getLocked(now int64) Setting {
	if t.next != 0 && t.next <= now {
		t.expireLocked(now)
	}
	s := Setting{Interval: t.interval}
	if t.next != 0 {
		s.Value = max(t.next-now, 1)
	}
	return s
}

// expireLocked counts the expirations up to now.
func (t *TimerFD) expireLocked(now int64) {
	if t.next == 0 || t.next > now {
		return
	}
	if t.interval == 0 {
		t.ticks++
		t.next = 0
		return
	}
	n := (now-t.next)/t.interval + 1
	t.ticks += uint64(n)
	t.next = satAdd(t.next, n*t.interval)
	t.armLocked(now)
}

// armLocked makes the host timer tell the queue at next.
func (t *TimerFD) armLocked(now int64) {
	if t.next == 0 {
		if t.timer != nil {
			t.timer.Stop()
		}
		return
	}
	d := time.Duration(max(t.next-now, 0))
	if t.timer == nil {
		t.timer = time.AfterFunc(d, t.fire)
		return
	}
	t.timer.Reset(d)
}

func (t *TimerFD) fire() {
	t.mu.Lock()
	now := t.clock.Now()
	if t.next > now {
		t.armLocked(now) // the clocks differ
	}
	t.mu.Unlock()
	t.queue.Notify(wait.In | wait.RdNorm)
}

// Read implements vfs.FileOps.
func (t *TimerFD) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	if b.Len() < file.WordSize {
		return 0, linux.EINVAL
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expireLocked(t.clock.Now())
	if t.ticks == 0 {
		return 0, linux.EAGAIN
	}
	n := t.ticks
	t.ticks = 0
	if err := t.word.Store(b, n); err != nil {
		return 0, err
	}
	return file.WordSize, nil
}

// Ready implements vfs.FileOps.
func (t *TimerFD) Ready() wait.Mask {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ticks > 0 || t.next != 0 && t.next <= t.clock.Now() {
		return wait.In | wait.RdNorm
	}
	return 0
}

// Queue implements vfs.FileOps.
func (t *TimerFD) Queue() *wait.Queue { return &t.queue }

// Ioctl implements vfs.FileOps.
func (t *TimerFD) Ioctl(_ *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	if cmd != linux.TFD_IOC_SET_TICKS {
		return 0, linux.ENOTTY
	}
	var n uint64
	if _, err := mem.CopyIn(guest.Addr(arg), linux.Bytes(&n)); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, linux.EINVAL
	}
	t.mu.Lock()
	t.ticks = n
	t.mu.Unlock()
	t.queue.Notify(wait.In | wait.RdNorm)
	return 0, nil
}

// Release implements vfs.FileOps.
func (t *TimerFD) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = 0
	if t.timer != nil {
		t.timer.Stop()
	}
}

// Ticks returns the expirations not read yet, for /proc/PID/fdinfo.
func (t *TimerFD) Ticks() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expireLocked(t.clock.Now())
	return t.ticks
}

// satAdd adds without overflow.
func satAdd(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
