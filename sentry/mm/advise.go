package mm

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// Madvise is madvise(2).
func (mm *MM) Madvise(a guest.Addr, n uint64, advice int32) error {
	do, ok := advices[advice]
	size, fits := guest.Addr(n).RoundUp()
	if !ok || a%guest.PageSize != 0 || !fits || a+size < a {
		return linux.EINVAL
	}
	r := guest.Range{Start: a, End: a + size}
	if r.Len() == 0 {
		return nil
	}
	mm.mu.Lock()
	err := mm.advise(r, do)
	mm.unlock()
	if advice == linux.MADV_DONTNEED && (err == nil || err == linux.ENOMEM) {
		if err := mm.reread(r); err != nil {
			return err
		}
	}
	return err
}

// advise does what an advice does to each vma of r, and says ENOMEM if that is not all
// of r. mm.mu is held.
func (mm *MM) advise(r guest.Range, do func(*MM, *vma) error) error {
	hole := mm.holes(r)
	if do != nil {
		from, to := mm.isolate(r)
		for _, v := range append([]*vma(nil), mm.vmas[from:to]...) {
			if err := do(mm, v); err != nil {
				return err
			}
		}
		mm.merge(1, len(mm.vmas))
	}
	if hole {
		return linux.ENOMEM
	}
	return nil
}

// advices is what is done to each vma of the range; nil if there is nothing
// to do.
var advices = map[int32]func(*MM, *vma) error{
	linux.MADV_NORMAL:         nil,
	linux.MADV_RANDOM:         nil,
	linux.MADV_SEQUENTIAL:     nil,
	linux.MADV_WILLNEED:       nil,
	linux.MADV_COLD:           nil,
	linux.MADV_PAGEOUT:        nil,
	linux.MADV_HUGEPAGE:       nil,
	linux.MADV_NOHUGEPAGE:     nil,
	linux.MADV_DONTNEED:       (*MM).dontNeed,
	linux.MADV_FREE:           (*MM).free,
	linux.MADV_REMOVE:         (*MM).remove,
	linux.MADV_DONTFORK:       set(vmaDontFork),
	linux.MADV_DOFORK:         reset(vmaDontFork),
	linux.MADV_WIPEONFORK:     (*MM).wipeOnFork,
	linux.MADV_KEEPONFORK:     reset(vmaWipeOnFork),
	linux.MADV_DONTDUMP:       set(vmaDontDump),
	linux.MADV_DODUMP:         reset(vmaDontDump),
	linux.MADV_POPULATE_READ:  populate(platform.Read | platform.Exec | platform.Write),
	linux.MADV_POPULATE_WRITE: populate(platform.Write),
}

func set(f vmaFlags) func(*MM, *vma) error {
	return func(_ *MM, v *vma) error { v.flags |= f; return nil }
}

func reset(f vmaFlags) func(*MM, *vma) error {
	return func(_ *MM, v *vma) error { v.flags &^= f; return nil }
}

// dontNeed gives memory back: it reads as zeros, or, after reread, as the file
// again.
func (mm *MM) dontNeed(v *vma) error {
	switch {
	case v.flags&vmaLocked != 0:
		return linux.EINVAL
	case !v.private() || v.mem == nil || v.file != nil:
		return nil // the pages are others' too, or the file's, or a copy of those
	case !v.cow:
		v.mem.Punch(v.off, v.Len())
		return nil
	}
	// In a frozen file: new zeros take its place.
	old := v.mem
	if err := mm.anonymous(v); err != nil {
		return err
	}
	mm.holdMem(v.mem)
	mm.dropMem(old)
	return mm.show(v)
}

// rereadSize is how much is read of a file at once.
const rereadSize = 64 << 10

// reread has the copies of files' pages in r hold what the files do. Files are
// read without the lock, as their servers take their time; what is mapped
// otherwise meanwhile stays so.
func (mm *MM) reread(r guest.Range) error {
	var buf []byte
	for {
		mm.mu.RLock()
		c, ok := mm.nextCopy(r)
		mm.mu.RUnlock()
		if !ok {
			return nil
		}
		if buf == nil {
			buf = make([]byte, rereadSize)
		}
		p := buf[:c.Len()]
		n, err := c.file.Mappable().ReadAt(p, int64(c.fileOff))
		if err == nil {
			clear(p[max(n, 0):])
			mm.mu.Lock()
			if v := mm.at(c.Start); v != nil && v.isCopy() && v.file == c.file && v.fileOff+uint64(c.Start-v.Start) == c.fileOff && v.End >= c.End {
				err = v.mem.Fill(v.off+uint64(c.Start-v.Start), c.Len(), func(b []byte, at int64) (int, error) { return copy(b, p[at:]), nil })
			}
			mm.unlock()
		}
		c.file.Dec()
		if err != nil {
			return linux.EIO
		}
		r.Start = c.End
	}
}

// A fileCopy is some pages that are a copy of a file's, which it refers to.
type fileCopy struct {
	guest.Range
	file    FileRef
	fileOff uint64
}

// nextCopy returns the first such pages in r, not more than rereadSize.
func (mm *MM) nextCopy(r guest.Range) (fileCopy, bool) {
	for _, v := range mm.vmas[mm.find(r.Start):] {
		part := v.Range.Intersect(r)
		if v.Start >= r.End {
			break
		}
		if part.Len() == 0 || !v.isCopy() || v.file.Mappable() == nil {
			continue
		}
		part.End = min(part.End, part.Start+rereadSize)
		v.file.Inc()
		return fileCopy{part, v.file, v.fileOff + uint64(part.Start-v.Start)}, true
	}
	return fileCopy{}, false
}

// isCopy reports whether v holds an own copy of a file's pages.
func (v *vma) isCopy() bool {
	return v.private() && v.mem != nil && v.file != nil && !v.cow && v.flags&vmaLocked == 0
}

func (mm *MM) free(v *vma) error {
	if v.file != nil || !v.private() {
		return linux.EINVAL
	}
	return mm.dontNeed(v)
}

// remove punches a hole into shared memory.
func (mm *MM) remove(v *vma) error {
	switch {
	case v.flags&vmaLocked != 0 || v.private():
		return linux.EINVAL
	case v.prot&platform.Write == 0:
		return linux.EACCES
	case v.mem != nil:
		v.mem.Punch(v.off, v.Len())
		return nil
	}
	p, ok := v.back.(puncher)
	if !ok {
		return linux.EOPNOTSUPP
	}
	p.Punch(v.off, v.Len())
	return nil
}

// A puncher is a Backing that can have holes.
type puncher interface{ Punch(off, n uint64) }

func (mm *MM) wipeOnFork(v *vma) error {
	if v.file != nil || !v.private() {
		return linux.EINVAL
	}
	v.flags |= vmaWipeOnFork
	return nil
}

func populate(need platform.Prot) func(*MM, *vma) error {
	return func(mm *MM, v *vma) error {
		switch {
		case v.prot&need == 0:
			return linux.EINVAL
		case v.mem == nil && v.back == nil:
			return linux.EFAULT
		case v.mem == nil || v.cow:
			return nil // resident in the host's cache, or copied when written
		}
		if err := v.mem.Populate(v.off, v.Len()); err != nil {
			return err
		}
		return mm.showFlags(v, platform.Populate)
	}
}

// Mincore is mincore(2) for the whole pages of n bytes at a: everything that is
// mapped is taken to be resident.
func (mm *MM) Mincore(a guest.Addr, n uint64) (pages int, err error) {
	r, ok := mm.pages(a, n)
	if !ok {
		return 0, linux.ENOMEM
	}
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	if mm.holes(r) {
		return 0, linux.ENOMEM
	}
	return int(r.Len() / guest.PageSize), nil
}

// Mlock marks the whole pages of n bytes at a as locked or not, up to the first hole
// (apply_vma_lock_flags). It checks no limit.
func (mm *MM) Mlock(a guest.Addr, n uint64, lock bool) error {
	r := guest.Range{Start: a, End: a + guest.Addr(n)}
	if r.End < a {
		return linux.EINVAL
	}
	mm.mu.Lock()
	defer mm.unlock()
	from, to := mm.isolate(r)
	at := r.Start
	for _, v := range mm.vmas[from:to] {
		if v.Start > at {
			break
		}
		mm.lockVMA(v, lock)
		at = v.End
	}
	mm.merge(from, to)
	if at < r.End {
		return linux.ENOMEM
	}
	return nil
}

func (mm *MM) lockVMA(v *vma, lock bool) {
	switch {
	case lock && v.flags&vmaLocked == 0:
		v.flags |= vmaLocked
		mm.locked += v.Len()
	case !lock && v.flags&vmaLocked != 0:
		v.flags &^= vmaLocked
		mm.locked -= v.Len()
	}
}

// MlockAll is mlockall(2) and munlockall(2): now for what is mapped, future for
// what will be.
func (mm *MM) MlockAll(now, future bool) {
	mm.mu.Lock()
	defer mm.unlock()
	mm.lockAll = future
	if now || !future {
		for _, v := range mm.vmas {
			mm.lockVMA(v, now)
		}
		mm.merge(1, len(mm.vmas))
	}
}

// Locked returns how much is mlocked, in bytes.
func (mm *MM) Locked() uint64 {
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	return mm.locked
}
