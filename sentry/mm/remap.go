package mm

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

// Mremap is mremap(2).
func (mm *MM) Mremap(old guest.Addr, oldLen, newLen uint64, flags uint32, to guest.Addr) (guest.Addr, error) {
	fixed, move := flags&linux.MREMAP_FIXED != 0, flags&linux.MREMAP_MAYMOVE != 0
	if flags&^(linux.MREMAP_FIXED|linux.MREMAP_MAYMOVE) != 0 || fixed && !move {
		return 0, linux.EINVAL // MREMAP_DONTUNMAP as before Linux 5.7
	}
	from, ok := mm.pages(old, oldLen)
	size, ok2 := guest.Addr(newLen).RoundUp()
	if !ok || !ok2 || newLen == 0 {
		return 0, linux.EINVAL
	}
	if uint64(size) > topOffset {
		return 0, linux.ENOMEM
	}
	mm.mu.Lock()
	defer mm.unlock()
	v := mm.at(from.Start)
	if v == nil {
		return 0, linux.EFAULT
	}
	if from.Len() == 0 {
		// A second mapping of shared memory.
		if !move || v.private() {
			return 0, linux.EINVAL
		}
	} else if mm.mixed(from) {
		return 0, linux.EFAULT
	}
	if fixed {
		dst, ok := mm.pages(to, uint64(size))
		if !ok || dst.Overlaps(from) {
			return 0, linux.EINVAL
		}
		if from.Len() == 0 && from.Start >= dst.Start && from.Start < dst.End {
			return 0, linux.EFAULT // it would be unmapped first
		}
		if dst.Start < minAddr {
			return 0, linux.EPERM
		}
		if uint64(size) > from.Len() {
			if err := mm.admit(uint64(size)-from.Len(), v.prot, 0); err != nil {
				return 0, err
			}
		}
		mm.clear(dst)
		return dst.Start, mm.move(from, dst)
	}
	if uint64(size) <= from.Len() {
		if uint64(size) < from.Len() {
			mm.clear(guest.Range{Start: from.Start + size, End: from.End})
		}
		return from.Start, nil
	}
	grown := guest.Range{Start: from.End, End: from.Start + size}
	if err := mm.admit(grown.Len(), v.prot, 0); err != nil {
		return 0, err
	}
	if i := mm.find(from.End); from.Len() > 0 && grown.End <= mm.host.Platform.Limits().End &&
		(i == len(mm.vmas) || mm.vmas[i].Start >= grown.End) {
		return from.Start, mm.extend(grown)
	}
	if !move {
		return 0, linux.ENOMEM
	}
	dst, err := mm.gapBelow(mm.base, minAddr, uint64(size))
	if err != nil {
		return 0, err
	}
	return dst.Start, mm.move(from, dst)
}

// mixed reports whether r has holes or is not one mapping to the guest.
func (mm *MM) mixed(r guest.Range) bool {
	if mm.holes(r) {
		return true
	}
	first := mm.at(r.Start)
	for i := mm.find(r.Start); i < len(mm.vmas) && mm.vmas[i].Start < r.End; i++ {
		v := mm.vmas[i]
		if v.file != first.file || v.flags != first.flags || v.prot != first.prot {
			return true
		}
	}
	return false
}

// extend continues the vma that ends at r.Start over r, which is free.
func (mm *MM) extend(r guest.Range) error {
	v := mm.at(r.Start - 1)
	n := *v
	n.Range = r
	n.fileOff += v.Len()
	switch {
	case v.file == nil && v.private():
		if err := mm.anonymous(&n); err != nil {
			return err
		}
	case v.back != nil || v.mem != nil && !v.private():
		n.off += v.Len()
	default:
		// The copy of a file ends where the file did.
		n.mem, n.back = nil, nil
	}
	return mm.add(&n, 0)
}

// move maps at dst, which is free, what src shows, and unmaps that.
func (mm *MM) move(src, dst guest.Range) error {
	from, to := mm.isolate(src)
	shift := dst.Start - src.Start
	if src.Len() == 0 {
		n := *mm.at(src.Start)
		d := uint64(src.Start - n.Start)
		n.Range, n.off, n.fileOff = dst, n.off+d, n.fileOff+d
		return mm.add(&n, 0)
	}
	var moved []*vma
	for _, v := range mm.vmas[from:to] {
		if v.Start-src.Start >= guest.Addr(dst.Len()) {
			break
		}
		n := *v
		n.Start, n.End = n.Start+shift, min(n.End+shift, dst.End)
		mm.hold(&n)
		moved = append(moved, &n)
	}
	mm.take(src)
	for _, n := range moved {
		mm.insert(n)
		if err := mm.show(n); err != nil {
			return err
		}
	}
	if end := dst.Start + guest.Addr(src.Len()); end < dst.End {
		return mm.extend(guest.Range{Start: end, End: dst.End})
	}
	return nil
}

// take unmaps r, whose memory lives on elsewhere.
func (mm *MM) take(r guest.Range) {
	from, to := mm.isolate(r)
	for _, v := range mm.vmas[from:to] {
		mm.size -= v.Len()
		mm.drop(v)
	}
	mm.vmas = append(mm.vmas[:from], mm.vmas[to:]...)
	mm.as.Unmap(r)
}
