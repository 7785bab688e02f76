package vfs

import (
	"testing"

	"glovebox/abi/linux"
)

func TestRecordLocks(t *testing.T) {
	a, b := NewFDTable(), NewFDTable()
	f := &File{}
	lock := func(o LockOwner, write bool, start, end int64) Lock {
		return Lock{Owner: o, Write: write, Start: start, End: end}
	}
	var l Locks
	for i, tt := range []struct {
		lock  Lock
		unset bool
		want  error
	}{
		{lock(a, false, 0, 100), false, nil},
		{lock(b, false, 50, 60), false, nil},
		{lock(b, true, 50, 60), false, linux.EAGAIN},
		{lock(a, true, 0, 50), false, nil},
		{lock(b, false, 49, 50), false, linux.EAGAIN},
		{lock(a, false, 20, 30), true, nil},
		{lock(b, true, 20, 30), false, nil},
		{lock(f, true, 25, 26), false, linux.EAGAIN},
		{lock(f, true, 1000, 1001), false, nil},
	} {
		var err error
		if tt.unset {
			l.Unset(tt.lock)
		} else {
			err = l.Set(f, tt.lock)
		}
		if err != tt.want {
			t.Errorf("step %d: %v, want %v", i, err, tt.want)
		}
	}
	if h, ok := l.Test(lock(b, true, 0, 10)); !ok || h.Owner != LockOwner(a) || h.Start != 0 || h.End != 20 {
		t.Errorf("held: %+v, %v", h, ok)
	}
	l.dropOwner(a)
	if err := l.Set(f, lock(b, true, 0, 100)); err != nil {
		t.Errorf("after a closed: %v", err)
	}
	l.dropFile(f)
	if len(l.record) != 1 {
		t.Errorf("%d locks left, want one", len(l.record))
	}
}

func TestJoin(t *testing.T) {
	var l Locks
	a, f := NewFDTable(), &File{}
	for i := range int64(3 * maxLocks) {
		if err := l.Set(f, Lock{Owner: a, Start: i, End: i + 1}); err != nil {
			t.Fatalf("lock %d: %v", i, err)
		}
	}
	if len(l.record) != 1 {
		t.Errorf("%d locks", len(l.record))
	}
}

func TestDeadlock(t *testing.T) {
	a, b, f := NewFDTable(), NewFDTable(), &File{}
	var x, y Locks
	la, lb := Lock{Owner: a, Write: true, End: 1}, Lock{Owner: b, Write: true, End: 1}
	if x.Set(f, la) != nil || y.Set(f, lb) != nil {
		t.Fatal("not granted")
	}
	if err := y.SetWait(f, la); err != linux.EAGAIN {
		t.Errorf("a waits: %v", err)
	}
	if err := x.SetWait(f, lb); err != linux.EDEADLK {
		t.Errorf("b waits: %v", err)
	}
	x.EndWait(lb)
	y.EndWait(la)
	if err := x.SetWait(f, lb); err != linux.EAGAIN {
		t.Errorf("b waits alone: %v", err)
	}
}
