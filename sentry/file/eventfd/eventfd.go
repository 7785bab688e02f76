// Package eventfd is the counter that eventfd(2) makes.
package eventfd

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/file"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/vfs"
)

// Mode says how a counter is read.
type Mode uint8

// Modes.
const (
	Counter   Mode = iota // a read takes the whole count
	Semaphore             // a read takes one (EFD_SEMAPHORE)
)

const maxCount = math.MaxUint64 - 1

// An EventFD implements vfs.FileOps. Its lock is held while the eight bytes
// are copied, so that a fault leaves the count alone.
type EventFD struct {
	vfs.NoFile
	mode  Mode // immutable
	queue wait.Queue

	mu    lock.Mutex[lock.Pipe]
	count uint64    // guarded by mu
	word  file.Word // guarded by mu
}

// New returns a counter.
func New(initial uint64, mode Mode) *EventFD { return &EventFD{mode: mode, count: initial} }

// Read implements vfs.FileOps.
func (e *EventFD) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	if b.Len() < file.WordSize {
		return 0, linux.EINVAL
	}
	e.mu.Lock()
	v := e.count
	if v == 0 {
		e.mu.Unlock()
		return 0, linux.EAGAIN
	}
	if e.mode == Semaphore {
		v = 1
	}
	e.count -= v
	err := e.word.Store(b, v)
	e.mu.Unlock()
	e.queue.Notify(wait.Out | wait.WrNorm)
	if err != nil {
		return 0, err
	}
	return file.WordSize, nil
}

// Write implements vfs.FileOps.
func (e *EventFD) Write(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	if b.Len() < file.WordSize {
		return 0, linux.EINVAL
	}
	e.mu.Lock()
	saved := b.Clone() // a caller that must wait comes again with the same Buf
	v, err := e.word.Load(b)
	if err == nil && v > maxCount {
		err = linux.EINVAL
	}
	if err == nil && maxCount-e.count < v {
		*b, err = saved, linux.EAGAIN
	}
	if err == nil {
		e.count += v
	}
	e.mu.Unlock()
	if err != nil {
		return 0, err
	}
	e.queue.Notify(wait.In | wait.RdNorm)
	return file.WordSize, nil
}

// Ready implements vfs.FileOps.
func (e *EventFD) Ready() wait.Mask {
	e.mu.Lock()
	defer e.mu.Unlock()
	var m wait.Mask
	if e.count > 0 {
		m |= wait.In | wait.RdNorm
	}
	if e.count < maxCount {
		m |= wait.Out | wait.WrNorm
	}
	return m
}

// Queue implements vfs.FileOps.
func (e *EventFD) Queue() *wait.Queue { return &e.queue }

// Count returns the count, for /proc/PID/fdinfo.
func (e *EventFD) Count() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}
