package mm

import (
	"cmp"
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

// Bits of a page fault's error code.
const (
	pfWrite = 1 << 1
	pfFetch = 1 << 4
)

const (
	// cluster is how much a write to frozen memory copies, in bytes.
	cluster = 64 << 10
	// growBy is how much a stack grows at least, in bytes.
	growBy = 128 << 10
	// guardGap stays free below a stack (stack_guard_gap), in bytes.
	guardGap = 1 << 20
)

// A fault that nothing explains is retried: an operation may be pending.
type fault struct {
	at    guest.Addr
	count int
}

const (
	remapAfter  = 8
	giveUpAfter = 64
)

// HandleFault makes the page at a accessible, or says which signal the fault
// is (exc_page_fault).
func (mm *MM) HandleFault(a guest.Addr, errcode uint32, ev platform.Event) (signo, code int, ok bool) {
	mm.mu.Lock()
	defer mm.unlock()
	v := mm.at(a)
	if v == nil {
		if v = mm.grow(a); v == nil {
			return linux.SIGSEGV, linux.SEGV_MAPERR, false
		}
	}
	need := platform.Read | platform.Write | platform.Exec
	switch {
	case errcode&pfWrite != 0:
		need = platform.Write
	case errcode&pfFetch != 0:
		need = platform.Exec
	}
	if v.prot&need == 0 {
		return linux.SIGSEGV, linux.SEGV_ACCERR, false
	}
	if v.mem == nil && v.back == nil || ev.Signal == linux.SIGBUS {
		return linux.SIGBUS, linux.BUS_ADRERR, false
	}
	if v.back != nil && !v.private() && a >= v.backed() {
		return linux.SIGBUS, linux.BUS_ADRERR, false
	}
	if v.cow && need == platform.Write {
		if mm.breakCow(v, a) != nil {
			return linux.SIGBUS, linux.BUS_ADRERR, false
		}
		return 0, 0, true
	}
	if mm.again.at != a {
		mm.again = fault{at: a}
	}
	switch mm.again.count++; {
	case mm.again.count > giveUpAfter:
		return linux.SIGSEGV, linux.SEGV_MAPERR, false
	case mm.again.count > remapAfter:
		mm.show(v)
	}
	return 0, 0, true
}

// grow extends a stack down to a, and returns its vma (expand_stack).
func (mm *MM) grow(a guest.Addr) *vma {
	i := mm.find(a)
	if i == len(mm.vmas) {
		return nil
	}
	v := mm.vmas[i]
	if v.flags&vmaGrowsDown == 0 {
		return nil
	}
	low := guest.Addr(minAddr)
	if i > 0 {
		low = mm.vmas[i-1].End
		if mm.vmas[i-1].prot != 0 {
			low += guardGap
		}
	}
	if low > v.Start {
		return nil
	}
	if over := uint64(v.End - low); v.flags&vmaStack != 0 && over > mm.limits.Stack {
		low = v.End - guest.Addr(mm.limits.Stack)
	}
	start := a.RoundDown()
	if start < low || v.Start < low {
		return nil
	}
	if v.Start-low > growBy && start > v.Start-growBy {
		start = v.Start - growBy
	}
	n := &vma{Range: guest.Range{Start: start, End: v.Start}, prot: v.prot, max: v.max, flags: v.flags}
	if mm.size+n.Len() > mm.limits.AS || mm.anonymous(n) != nil || mm.add(n, 0) != nil {
		return nil
	}
	return mm.at(a)
}

// breakCow gives the cluster of v around a to the MM alone. v may be split or
// merged away.
func (mm *MM) breakCow(v *vma, a guest.Addr) error {
	if f := v.mem; f != nil && f.Refs.Refs() == 1 {
		return mm.thaw(f)
	}
	r := guest.Range{Start: a &^ (cluster - 1), End: a&^(cluster-1) + cluster}.Intersect(v.Range)
	own, err := mm.ownFile()
	if err != nil {
		return err
	}
	off := mm.offset(own, r)
	if err := mm.copyTo(own, off, v, r); err != nil {
		return err
	}
	from, to := mm.isolate(r)
	c := mm.vmas[from]
	mm.holdMem(own)
	if c.back != nil {
		c.back.Release()
	}
	mm.dropMem(c.mem)
	c.mem, c.back, c.off, c.cow = own, nil, off, false
	if off != uint64(r.Start) {
		mm.displaced++
	}
	err = mm.as.Map(r, own, off, c.prot, platform.Keep|platform.Populate)
	mm.merge(from, to)
	return err
}

// copyTo copies what r shows of v to off of own.
func (mm *MM) copyTo(own *memfile.File, off uint64, v *vma, r guest.Range) error {
	at := v.off + uint64(r.Start-v.Start)
	if v.mem != nil {
		return own.Copy(off, v.mem, at, r.Len())
	}
	fd := v.back.FD(false)
	return own.Fill(off, r.Len(), func(p []byte, pos int64) (int, error) {
		return preadFull(fd, p, int64(at)+pos)
	})
}

// thaw makes f, which no other address space holds any more, the MM's to write
// to.
func (mm *MM) thaw(f *memfile.File) error {
	f.Thaw()
	for _, v := range mm.vmas {
		if v.mem != f || !v.cow {
			continue
		}
		v.cow = false
		if v.prot&platform.Write != 0 {
			if err := mm.show(v); err != nil {
				return err
			}
		}
	}
	// It is never where new memory lies: that must be zeros, and the file's offsets
	// may be in use, or hold what was unmapped while it was shared.
	if err := mm.punchUnused(f); err != nil {
		return err
	}
	mm.merge(1, len(mm.vmas))
	return nil
}

// punchUnused gives back what of f, which nobody shares any more, lies between the
// mappings: it was unmapped while the file was shared.
func (mm *MM) punchUnused(f *memfile.File) error {
	if !mm.unpunched[f] {
		return nil
	}
	delete(mm.unpunched, f)
	var used []guest.Range // offsets
	for _, v := range mm.vmas {
		if v.mem == f {
			used = append(used, guest.Range{Start: guest.Addr(v.off), End: guest.Addr(v.off + v.Len())})
		}
	}
	slices.SortFunc(used, func(a, b guest.Range) int { return cmp.Compare(a.Start, b.Start) })
	at := guest.Addr(0)
	for _, r := range append(used, guest.Range{Start: memfile.MaxSize, End: memfile.MaxSize}) {
		if r.Start > at {
			f.Punch(uint64(at), uint64(r.Start-at))
		}
		at = max(at, r.End)
	}
	return nil
}
