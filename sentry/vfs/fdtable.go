package vfs

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
	"glovebox/sentry/lock"
)

// An FDTable is descriptors (struct files_struct). It holds a reference to
// each file, and is counted by the tasks that share it.
type FDTable struct {
	refs ref.Count

	mu    lock.RWMutex[lock.FDTable]
	slots []fdSlot // guarded by mu
	// low: no descriptor below it is free. Guarded by mu.
	low int

	// waitsFor holds the record lock that a task of this table waits for.
	waitsFor atomic.Pointer[FDTable]
}

type fdSlot struct {
	file    *File
	cloexec bool
}

// FDFlags are a descriptor's own.
type FDFlags uint8

// CloseOnExec is FD_CLOEXEC.
const CloseOnExec FDFlags = 1

// NewFDTable returns an empty table with one reference.
func NewFDTable() *FDTable { return &FDTable{} }

// Inc adds a reference.
func (t *FDTable) Inc() { t.refs.Inc() }

// Shared reports whether others hold references.
func (t *FDTable) Shared() bool { return t.refs.Refs() > 1 }

// Dec drops a reference; the last closes every descriptor.
func (t *FDTable) Dec() {
	if !t.refs.Dec() {
		return
	}
	t.mu.Lock()
	slots := t.slots
	t.slots = nil
	t.mu.Unlock()
	for _, s := range slots {
		if s.file != nil {
			s.file.closeBy(t)
		}
	}
}

// Copy returns a copy with one reference (dup_fd).
func (t *FDTable) Copy() *FDTable {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := &FDTable{slots: append([]fdSlot(nil), t.slots...), low: t.low}
	for _, s := range c.slots {
		if s.file != nil {
			s.file.Inc()
		}
	}
	return c
}

// Get returns the file at fd with a reference: EBADF if there is none.
func (t *FDTable) Get(fd int32) (*File, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if fd < 0 || int(fd) >= len(t.slots) || t.slots[fd].file == nil {
		return nil, linux.EBADF
	}
	f := t.slots[fd].file
	f.Inc()
	return f, nil
}

// Flags returns the descriptor's flags.
func (t *FDTable) Flags(fd int32) (FDFlags, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case fd < 0 || int(fd) >= len(t.slots) || t.slots[fd].file == nil:
		return 0, linux.EBADF
	case t.slots[fd].cloexec:
		return CloseOnExec, nil
	}
	return 0, nil
}

// SetFlags sets the descriptor's flags.
func (t *FDTable) SetFlags(fd int32, flags FDFlags) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fd < 0 || int(fd) >= len(t.slots) || t.slots[fd].file == nil {
		return linux.EBADF
	}
	t.slots[fd].cloexec = flags&CloseOnExec != 0
	return nil
}

// Add puts f at the lowest free descriptor from min on, below limit
// (RLIMIT_NOFILE): EMFILE if there is none. It takes over the caller's
// reference if it succeeds.
func (t *FDTable) Add(f *File, min int32, flags FDFlags, limit uint64) (int32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := max(int(min), t.low)
	for fd < len(t.slots) && t.slots[fd].file != nil {
		fd++
	}
	if uint64(fd) >= limit {
		return -1, linux.EMFILE
	}
	t.putLocked(fd, f, flags)
	if int(min) <= t.low {
		t.low = fd + 1
	}
	return int32(fd), nil
}

func (t *FDTable) putLocked(fd int, f *File, flags FDFlags) {
	for len(t.slots) <= fd {
		t.slots = append(t.slots, fdSlot{})
	}
	t.slots[fd] = fdSlot{f, flags&CloseOnExec != 0}
}

// Set puts f at fd and closes what was there (dup2(2)): EBADF from limit on. It
// takes over the caller's reference if it succeeds.
func (t *FDTable) Set(fd int32, f *File, flags FDFlags, limit uint64) error {
	if fd < 0 || uint64(fd) >= limit {
		return linux.EBADF
	}
	t.mu.Lock()
	var old *File
	if int(fd) < len(t.slots) {
		old = t.slots[fd].file
	}
	t.putLocked(int(fd), f, flags)
	t.mu.Unlock()
	if old != nil {
		old.closeBy(t)
	}
	return nil
}

// Close is close(2).
func (t *FDTable) Close(fd int32) error {
	t.mu.Lock()
	f := t.takeLocked(int(fd))
	t.mu.Unlock()
	if f == nil {
		return linux.EBADF
	}
	return f.closeBy(t)
}

func (t *FDTable) takeLocked(fd int) *File {
	if fd < 0 || fd >= len(t.slots) {
		return nil
	}
	f := t.slots[fd].file
	t.slots[fd] = fdSlot{}
	if f != nil {
		t.low = min(t.low, fd)
	}
	return f
}

// CloseOnExec closes what is marked so.
func (t *FDTable) CloseOnExec() { t.closeIf(func(_ int, s fdSlot) bool { return s.cloexec }) }

// CloseRange closes descriptors first to last (close_range(2)).
func (t *FDTable) CloseRange(first, last uint32) {
	t.closeIf(func(fd int, _ fdSlot) bool { return uint64(fd) >= uint64(first) && uint64(fd) <= uint64(last) })
}

func (t *FDTable) closeIf(want func(int, fdSlot) bool) {
	t.mu.Lock()
	var gone []*File
	for fd, s := range t.slots {
		if s.file != nil && want(fd, s) {
			gone = append(gone, t.takeLocked(fd))
		}
	}
	t.mu.Unlock()
	for _, f := range gone {
		f.closeBy(t)
	}
}

// MarkRange sets FD_CLOEXEC on descriptors first to last.
func (t *FDTable) MarkRange(first, last uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for fd := range t.slots {
		if uint64(fd) >= uint64(first) && uint64(fd) <= uint64(last) {
			t.slots[fd].cloexec = true
		}
	}
}

// List returns the descriptors that are open.
func (t *FDTable) List() []int32 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var l []int32
	for fd, s := range t.slots {
		if s.file != nil {
			l = append(l, int32(fd))
		}
	}
	return l
}

// Size returns how many descriptors the table has room for (FDSize).
func (t *FDTable) Size() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return max(64, (len(t.slots)+63)&^63)
}
