package mm

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

var _ guest.Memory = (*MM)(nil)

// CopyIn implements guest.Memory.
func (mm *MM) CopyIn(a guest.Addr, p []byte) (int, error) {
	done := 0
	return mm.Windows(a, len(p), guest.Load, func(w []byte) (int, error) {
		n := copy(p[done:], w)
		done += n
		return n, nil
	})
}

// CopyOut implements guest.Memory.
func (mm *MM) CopyOut(a guest.Addr, p []byte) (int, error) {
	done := 0
	return mm.Windows(a, len(p), guest.Store, func(w []byte) (int, error) {
		n := copy(w, p[done:])
		done += n
		return n, nil
	})
}

// stride is how much is copied before it is asked again whether anybody wants it, in
// bytes: the host gives memory at gigabytes a second.
const stride = 1 << 20

// Doom ends copies to and from mm, those under way too: its processes were killed, and
// the memory that they would fill is not there.
func (mm *MM) Doom() { mm.doomed.Store(true) }

// Windows implements guest.Memory. f runs with the address space locked
// against changes: it must not use guest memory.
func (mm *MM) Windows(a guest.Addr, n int, access guest.Access, f func([]byte) (int, error)) (int, error) {
	done := 0
	for done < n {
		at, ok := a.Add(uint64(done))
		if !ok || mm.doomed.Load() {
			return done, linux.EFAULT
		}
		v, err := mm.rlockAt(at, access)
		if err != nil {
			return done, err
		}
		want := int(min(uint64(n-done), uint64(v.End-at), stride))
		off := v.off + uint64(at-v.Start)
		var got int
		if v.mem != nil {
			got, err = v.mem.Access(off, want, access, f)
		} else {
			got, err = foreign(v.back, off, want, access, f)
		}
		mm.mu.RUnlock()
		done += got
		if err != nil || got < want {
			return done, err
		}
	}
	return done, nil
}

// foreign is Access for a file that others can change the size of.
func foreign(b Backing, off uint64, n int, access guest.Access, f func([]byte) (int, error)) (int, error) {
	size, err := b.Size()
	if err != nil {
		return 0, linux.EFAULT
	}
	// The rest of the last page reads as zeros, and can be written in vain.
	left := size - int64(off)
	if left >= int64(n) {
		return memfile.Bounce(b.FD(access == guest.Store), off, n, access, f)
	}
	got := 0
	if left > 0 {
		if got, err = memfile.Bounce(b.FD(access == guest.Store), off, int(left), access, f); err != nil || got < int(left) {
			return got, err
		}
	}
	end, _ := guest.Addr(size).RoundUp()
	if pad := min(n, int(int64(end)-int64(off))) - got; pad > 0 {
		more, err := f(make([]byte, pad))
		got += more
		if err != nil || more < pad {
			return got, err
		}
	}
	if got < n {
		return got, linux.EFAULT
	}
	return got, nil
}

// rlockAt returns the vma at a, readable or written to, with mu held for
// reading; an error is EFAULT and leaves mu unlocked.
func (mm *MM) rlockAt(a guest.Addr, access guest.Access) (*vma, error) {
	for {
		mm.mu.RLock()
		v := mm.at(a)
		if v != nil {
			if v.prot == 0 || access == guest.Store && v.prot&platform.Write == 0 || v.mem == nil && v.back == nil {
				mm.mu.RUnlock()
				return nil, linux.EFAULT
			}
			if access == guest.Load || !v.cow {
				return v, nil
			}
		}
		mm.mu.RUnlock()
		if err := mm.present(a); err != nil {
			return nil, err
		}
	}
}

// present copies the cluster at a for a write, or grows a stack.
func (mm *MM) present(a guest.Addr) error {
	mm.mu.Lock()
	defer mm.unlock()
	v := mm.at(a)
	if v == nil {
		if mm.grow(a) == nil {
			return linux.EFAULT
		}
		return nil
	}
	if v.cow && v.prot&platform.Write != 0 {
		return mm.breakCow(v, a)
	}
	return nil
}

// withWord calls fn with the aligned word at a.
func (mm *MM) withWord(a guest.Addr, access guest.Access, fn func(*atomic.Uint32)) error {
	if a%4 != 0 {
		return linux.EINVAL
	}
	v, err := mm.rlockAt(a, access)
	if err != nil {
		return err
	}
	defer mm.mu.RUnlock()
	off := v.off + uint64(a-v.Start)
	if v.mem != nil {
		return v.mem.Word(off, fn)
	}
	write := access == guest.Store
	return memfile.ForeignWord(v.back.FD(write), off, write, fn)
}

// Load32 reads the aligned word at a atomically.
func (mm *MM) Load32(a guest.Addr) (v uint32, err error) {
	err = mm.withWord(a, guest.Load, func(w *atomic.Uint32) { v = w.Load() })
	return v, err
}

// CompareAndSwap32 stores new at a if it holds old, and returns what it held.
func (mm *MM) CompareAndSwap32(a guest.Addr, old, new uint32) (prev uint32, err error) {
	err = mm.withWord(a, guest.Store, func(w *atomic.Uint32) {
		for {
			if w.CompareAndSwap(old, new) {
				prev = old
				return
			}
			if prev = w.Load(); prev != old {
				return
			}
		}
	})
	return prev, err
}

// A FutexKey names a futex word.
type FutexKey struct{ Obj, Off uint64 }

// FutexKey names the word at a: by address, or in shared memory by where it
// lies, so that all who map it agree (get_futex_key).
func (mm *MM) FutexKey(a guest.Addr, shared bool) (FutexKey, func(), error) {
	k := FutexKey{mm.id, uint64(a)}
	if !shared {
		return k, func() {}, nil
	}
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	v := mm.at(a)
	switch {
	case v == nil || v.prot == 0:
		return k, nil, linux.EFAULT
	case v.private() || v.mem == nil && v.back == nil:
	case v.mem != nil:
		k = FutexKey{v.mem.ID(), v.off + uint64(a-v.Start)}
	default:
		k = FutexKey{v.back.ID(), v.off + uint64(a-v.Start)}
	}
	// Ids are never used again, so a key needs no reference.
	return k, func() {}, nil
}
