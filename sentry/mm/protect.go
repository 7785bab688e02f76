package mm

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// Mprotect is mprotect(2).
func (mm *MM) Mprotect(a guest.Addr, n uint64, prot platform.Prot) error {
	if a%guest.PageSize != 0 {
		return linux.EINVAL
	}
	if n == 0 {
		return nil
	}
	r, ok := mm.pages(a, n)
	if !ok {
		return linux.ENOMEM
	}
	mm.mu.Lock()
	defer mm.unlock()
	if err := mm.maySplit(); err != nil {
		return err
	}
	from, to := mm.isolate(r)
	at := r.Start
	for _, v := range mm.vmas[from:to] {
		if v.Start != at {
			break
		}
		if prot&^v.max != 0 {
			mm.merge(from, to)
			return linux.EACCES
		}
		if err := mm.protect(v, prot); err != nil {
			return err
		}
		at = v.End
	}
	mm.merge(from, to)
	if at != r.End {
		return linux.ENOMEM
	}
	return nil
}

// protect changes v, and what the host maps there.
func (mm *MM) protect(v *vma, prot platform.Prot) error {
	old, was := v.prot, v.hostProt()
	v.prot = prot
	switch {
	case v.mem == nil && v.back == nil, v.hostProt() == was && old != 0:
		return nil
	case old == 0:
		// Nothing is mapped where nothing could be accessed.
		return mm.show(v)
	case prot == 0:
		return mm.as.Unmap(v.Range)
	}
	return mm.as.Protect(v.Range, v.hostProt())
}

// Brk is brk(2): it returns the new end of the heap, the old one if it cannot
// be moved.
func (mm *MM) Brk(a guest.Addr) guest.Addr {
	mm.mu.Lock()
	defer mm.unlock()
	end, ok := a.RoundUp()
	old, _ := mm.brk.RoundUp()
	if a < mm.brkStart || !ok || end > mm.host.Platform.Limits().End {
		return mm.brk
	}
	switch {
	case end < old:
		mm.clear(guest.Range{Start: end, End: old})
	case end > old:
		r := guest.Range{Start: old, End: end}
		if uint64(a-mm.brkStart) > mm.limits.Data || mm.admit(r.Len(), platform.Read|platform.Write, 0) != nil {
			return mm.brk
		}
		if i := mm.find(old); i < len(mm.vmas) && mm.vmas[i].Start < end {
			return mm.brk
		}
		v := &vma{Range: r, prot: platform.Read | platform.Write, max: 7, flags: vmaHeap}
		if mm.anonymous(v) != nil || mm.add(v, 0) != nil {
			return mm.brk
		}
	}
	mm.brk = a
	return a
}

// SetBrkStart says where the heap begins.
func (mm *MM) SetBrkStart(a guest.Addr) {
	mm.mu.Lock()
	mm.brkStart, mm.brk = a, a
	mm.unlock()
}

// MapStack maps the first task's stack, which grows up to limit bytes, and
// places what mmap(2) maps below it (setup_arg_pages, mmap_base).
func (mm *MM) MapStack(limit uint64, exec bool) (guest.Range, error) {
	const (
		start    = 256 << 10
		minGap   = 128 << 20
		maxGap   = 16 << 40
		headroom = 1 << 20
	)
	mm.mu.Lock()
	defer mm.unlock()
	top := mm.host.Platform.Limits().End - guest.PageSize - random(stackRandom)
	gap := guest.Addr(min(max(limit, minGap), maxGap)).RoundDown() + headroom
	mm.base = top - gap - random(mmapRandom)
	v := &vma{
		Range: guest.Range{Start: top - start, End: top},
		prot:  platform.Read | platform.Write, max: 7, flags: vmaGrowsDown | vmaStack,
	}
	if exec {
		v.prot |= platform.Exec
	}
	if err := mm.anonymous(v); err != nil {
		return guest.Range{}, err
	}
	return v.Range, mm.add(v, 0)
}
