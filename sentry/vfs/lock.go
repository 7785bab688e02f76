package vfs

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// A LockOwner is who holds a lock: an *FDTable for POSIX record locks, a *File
// for open-file-description locks and flock(2).
type LockOwner any

// A Lock is a record lock (fcntl_locking(2)). End is exclusive.
type Lock struct {
	Owner      LockOwner
	PID        int32
	Write      bool
	Start, End int64
}

// Locks are the locks on one inode. Whoever waits listens on Queue.
type Locks struct {
	Queue wait.Queue

	mu     sync.Mutex // a leaf
	record []Lock     // guarded by mu
	flocks []Lock     // guarded by mu; of whole files
}

// A Locker is an inode that can be locked: it embeds a Locks. So is what
// stands behind several open files without a path, as a pipe.
type Locker interface{ FileLocks() *Locks }

// FileLocks implements Locker for inodes that embed Locks.
func (l *Locks) FileLocks() *Locks { return l }

// locksOf returns the locks on f's inode; nil if there are none or it cannot be
// locked.
func locksOf(f *File) *Locks {
	if f.path.IsZero() {
		if l, ok := f.ops.(Locker); ok {
			return l.FileLocks()
		}
		return f.locks.Load()
	}
	if l, ok := f.path.Inode().(Locker); ok {
		return l.FileLocks()
	}
	return nil
}

// FileLocks returns the locks on f's inode: ENOLCK if it cannot be locked.
func (f *File) FileLocks() (*Locks, error) {
	if l := locksOf(f); l != nil {
		return l, nil
	}
	if !f.path.IsZero() {
		return nil, linux.ENOLCK
	}
	f.locks.CompareAndSwap(nil, new(Locks))
	return f.locks.Load(), nil
}

// conflicts reports whether a and b cannot both be held.
func (a *Lock) conflicts(b *Lock) bool {
	return a.Owner != b.Owner && (a.Write || b.Write) && a.Start < b.End && b.Start < a.End
}

// Test returns a lock that keeps want from being granted (F_GETLK).
func (l *Locks) Test(want Lock) (holder Lock, blocked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.record {
		if h.conflicts(&want) {
			return h, true
		}
	}
	return Lock{}, false
}

// maxLocks bounds the record locks of a file: ENOLCK beyond it.
const maxLocks = 1 << 16

// Set grants want, or says EAGAIN (F_SETLK).
func (l *Locks) Set(f *File, want Lock) error {
	_, err := l.set(f, want)
	return err
}

// SetWait is Set for a caller that waits on Queue and tries again (F_SETLKW):
// EDEADLK if the holder waits for the caller. EndWait follows.
func (l *Locks) SetWait(f *File, want Lock) error {
	holder, err := l.set(f, want)
	t, ok := want.Owner.(*FDTable)
	if err != linux.EAGAIN || !ok {
		return err
	}
	h, ok := holder.(*FDTable)
	if !ok {
		return err
	}
	t.waitsFor.Store(h)
	// As in Linux, a longer ring goes unseen (posix_locks_deadlock).
	for range 10 {
		if h = h.waitsFor.Load(); h == nil {
			return err
		}
		if h == t {
			return linux.EDEADLK
		}
	}
	return err
}

// EndWait says that want's owner waits no longer.
func (l *Locks) EndWait(want Lock) {
	if t, ok := want.Owner.(*FDTable); ok {
		t.waitsFor.Store(nil)
	}
}

// set is Set; it returns who holds what is in the way.
func (l *Locks) set(f *File, want Lock) (holder LockOwner, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.record {
		if l.record[i].conflicts(&want) {
			return l.record[i].Owner, linux.EAGAIN
		}
	}
	if len(l.record) >= maxLocks {
		return nil, linux.ENOLCK
	}
	l.cutLocked(&want)
	l.addLocked(want)
	f.locked.Store(true)
	l.Queue.Notify(wait.All)
	return nil, nil
}

// addLocked adds a lock whose range is free of its owner's, and joins it with
// those next to it.
func (l *Locks) addLocked(want Lock) {
	kept := l.record[:0]
	for _, h := range l.record {
		next := h.End == want.Start || want.End == h.Start
		if h.Owner == want.Owner && h.Write == want.Write && next {
			want.Start, want.End = min(want.Start, h.Start), max(want.End, h.End)
			continue
		}
		kept = append(kept, h)
	}
	l.record = append(kept, want)
}

// Unset takes the owner's locks off a range (F_UNLCK).
func (l *Locks) Unset(r Lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutLocked(&r)
	l.Queue.Notify(wait.All)
}

// cutLocked takes r's range out of its owner's locks.
func (l *Locks) cutLocked(r *Lock) {
	var kept []Lock
	for _, h := range l.record {
		if h.Owner != r.Owner || h.End <= r.Start || r.End <= h.Start {
			kept = append(kept, h)
			continue
		}
		if h.Start < r.Start {
			left := h
			left.End = r.Start
			kept = append(kept, left)
		}
		if r.End < h.End {
			right := h
			right.Start = r.End
			kept = append(kept, right)
		}
	}
	l.record = kept
}

// Flock is flock(2) by f: EAGAIN if it must wait.
func (l *Locks) Flock(f *File, write bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := -1
	for i, h := range l.flocks {
		if h.Owner == LockOwner(f) {
			at = i
		} else if h.Write || write {
			return linux.EAGAIN
		}
	}
	if at < 0 {
		l.flocks = append(l.flocks, Lock{Owner: f})
		at = len(l.flocks) - 1
	}
	l.flocks[at].Write = write
	f.locked.Store(true)
	l.Queue.Notify(wait.All)
	return nil
}

// Funlock is flock(2)'s LOCK_UN.
func (l *Locks) Funlock(f *File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flocks = without(l.flocks, f)
	l.Queue.Notify(wait.All)
}

// dropFile takes away what was locked through f.
func (l *Locks) dropFile(f *File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flocks = without(l.flocks, f)
	l.record = without(l.record, f)
	l.Queue.Notify(wait.All)
}

// dropOwner takes away a process's record locks, as any close does.
func (l *Locks) dropOwner(t *FDTable) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.record); n > 0 {
		if l.record = without(l.record, t); len(l.record) < n {
			l.Queue.Notify(wait.All)
		}
	}
}

func without(list []Lock, owner LockOwner) []Lock {
	var kept []Lock
	for _, h := range list {
		if h.Owner != owner {
			kept = append(kept, h)
		}
	}
	return kept
}
