package mm

import (
	"crypto/rand"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

const (
	// mmapRandom and stackRandom are how far the layout moves at random.
	mmapRandom  = 1 << 40
	stackRandom = 1 << 34
	// maxVMAs is vm.max_map_count.
	maxVMAs = 65530
	// eagerCopy is the size of a writable private file mapping that is copied
	// at once, in bytes; larger ones are copied as they are written to.
	eagerCopy = 256 << 10
	// minAddr is vm.mmap_min_addr.
	minAddr = 0x10000
)

// preadFull reads until p is full or the file ends.
func preadFull(fd int, p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(fd, p[done:], off+int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return done, err
		}
		done += n
	}
	return done, nil
}

// random returns a multiple of the page size below most.
func random(most uint64) guest.Addr {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return guest.Addr(binary.NativeEndian.Uint64(b[:]) % most).RoundDown()
}

// MapOpts are the arguments of mmap(2).
type MapOpts struct {
	Addr   guest.Addr
	Length uint64
	Prot   platform.Prot
	// MaxProt is what mprotect(2) may give; 0 stands for everything.
	MaxProt platform.Prot
	Flags   uint32 // MAP_*
	// File is the file to map, or nil. Mmap takes references of its own.
	File   FileRef
	Offset uint64 // in File, a multiple of the page size
}

// Mmap is mmap(2), less what the descriptor's mode and the mount say.
func (mm *MM) Mmap(o MapOpts) (guest.Addr, error) {
	size, ok := guest.Addr(o.Length).RoundUp()
	if o.Length == 0 || o.Offset%guest.PageSize != 0 {
		return 0, linux.EINVAL
	}
	if !ok || uint64(size) > topOffset {
		return 0, linux.ENOMEM
	}
	if o.Flags&linux.MAP_SHARED != 0 && o.Flags&linux.MAP_GROWSDOWN != 0 {
		return 0, linux.EINVAL
	}
	if o.Offset+uint64(size) < o.Offset || o.Offset+uint64(size) >= 1<<63 {
		return 0, linux.EOVERFLOW
	}
	src, err := openSource(&o, uint64(size))
	if err != nil {
		return 0, err
	}
	defer src.close()
	mm.mu.Lock()
	defer mm.unlock()
	r, err := mm.place(o.Addr, uint64(size), o.Flags)
	if err != nil {
		return 0, err
	}
	if o.wantsRoom() && o.Addr == 0 && o.Flags&(linux.MAP_FIXED|linux.MAP_FIXED_NOREPLACE|linux.MAP_32BIT) == 0 {
		if w, err := mm.place(0, uint64(size)+platform.TextRoom, o.Flags); err == nil {
			r = guest.Range{Start: w.Start + platform.TextRoom, End: w.End}
		}
	}
	if err := mm.admit(uint64(size), o.Prot, o.Flags); err != nil {
		return 0, err
	}
	mm.clear(r)
	if err := mm.fill(r, &o, src); err != nil {
		mm.clear(r)
		return 0, err
	}
	return r.Start, nil
}

// A source is what a new mapping shows, got before MM.mu is taken.
type source struct {
	back Backing
	size uint64 // of the file in bytes
	file Mappable
	mem  *memfile.File // shared anonymous memory
}

func openSource(o *MapOpts, length uint64) (*source, error) {
	s := &source{}
	shared := o.Flags&linux.MAP_SHARED != 0
	if o.File == nil {
		return s, nil
	}
	m := o.File.Mappable()
	if m == nil {
		return nil, linux.ENODEV
	}
	b, ok, err := m.Backing(shared && o.Prot&platform.Write != 0)
	if err != nil {
		return nil, err
	}
	s.file = m
	if !ok {
		if shared && o.Prot&platform.Write != 0 {
			return nil, linux.ENODEV
		}
		return s, nil
	}
	n, err := b.Size()
	if err != nil {
		b.Release()
		return nil, err
	}
	s.back, s.size = b, uint64(max(n, 0))
	return s, nil
}

func (s *source) close() {
	if s.back != nil {
		s.back.Release()
	}
	if s.mem != nil {
		s.mem.Dec()
	}
}

// place finds the range for a new mapping (get_unmapped_area).
func (mm *MM) place(a guest.Addr, size uint64, flags uint32) (guest.Range, error) {
	lim := mm.host.Platform.Limits()
	if flags&(linux.MAP_FIXED|linux.MAP_FIXED_NOREPLACE) != 0 {
		r, ok := mm.pages(a, size)
		if a%guest.PageSize != 0 {
			return r, linux.EINVAL
		}
		if !ok {
			return r, linux.ENOMEM
		}
		if r.Start < minAddr {
			return r, linux.EPERM
		}
		if i := mm.find(r.Start); flags&linux.MAP_FIXED_NOREPLACE != 0 && i < len(mm.vmas) && mm.vmas[i].Start < r.End {
			return r, linux.EEXIST
		}
		return r, nil
	}
	if a = a.RoundDown(); a >= minAddr {
		r, ok := mm.pages(a, size)
		if i := mm.find(a); ok && (i == len(mm.vmas) || mm.vmas[i].Start >= r.End) {
			return r, nil
		}
	}
	if flags&linux.MAP_32BIT != 0 {
		return mm.gapBelow(0x80000000, 0x40000000, size)
	}
	if r, err := mm.gapBelow(mm.base, minAddr, size); err == nil {
		return r, nil
	}
	return mm.gapBelow(lim.End, minAddr, size)
}

// holeBelow returns the highest range of size bytes without mappings in [low, high).
func (mm *MM) holeBelow(high, low guest.Addr, size uint64) (guest.Range, error) {
	end := high
	for i := mm.find(high - 1); ; i-- {
		if i < len(mm.vmas) && mm.vmas[i].Start < end {
			end = min(end, mm.vmas[i].Start)
		}
		floor := low
		if i > 0 {
			floor = max(low, mm.vmas[i-1].End)
		}
		if end < low || uint64(end) < size {
			return guest.Range{}, linux.ENOMEM
		}
		if end >= floor && uint64(end-floor) >= size {
			return guest.Range{Start: end - guest.Addr(size), End: end}, nil
		}
		if i <= 0 {
			return guest.Range{}, linux.ENOMEM
		}
	}
}

// admit checks the limits for size more bytes.
func (mm *MM) admit(size uint64, prot platform.Prot, flags uint32) error {
	if len(mm.vmas) >= maxVMAs || size > mm.limits.AS || mm.size > mm.limits.AS-size {
		return linux.ENOMEM
	}
	if flags&linux.MAP_SHARED == 0 && prot&platform.Write != 0 && mm.limits.Data != ^uint64(0) {
		if mm.dataSize()+size > mm.limits.Data {
			return linux.ENOMEM
		}
	}
	return nil
}

// dataSize is what RLIMIT_DATA counts: private writable memory but stacks.
func (mm *MM) dataSize() (n uint64) {
	for _, v := range mm.vmas {
		if v.private() && v.prot&platform.Write != 0 && v.flags&vmaGrowsDown == 0 {
			n += v.Len()
		}
	}
	return n
}

// fill maps src at r, which is free.
func (mm *MM) fill(r guest.Range, o *MapOpts, src *source) error {
	v := &vma{Range: r, prot: o.Prot, max: o.MaxProt}
	if v.max == 0 {
		v.max = platform.Read | platform.Write | platform.Exec
	}
	if o.Flags&linux.MAP_GROWSDOWN != 0 {
		v.flags |= vmaGrowsDown
	}
	if o.Flags&linux.MAP_LOCKED != 0 || mm.lockAll {
		v.flags |= vmaLocked
		mm.locked += r.Len()
	}
	populate := platform.MapFlags(0)
	if o.Flags&linux.MAP_POPULATE != 0 {
		populate = platform.Populate
	}
	if o.Flags&linux.MAP_SHARED != 0 {
		v.flags |= vmaShared
	}
	switch {
	case o.File != nil:
		v.file, v.fileOff = o.File, o.Offset
		return mm.fillFile(v, src, populate)
	case v.flags&vmaShared != 0:
		f, err := mm.host.Memory.New("shared")
		if err != nil {
			return err
		}
		v.mem = f
		defer f.Dec()
	default:
		if err := mm.anonymous(v); err != nil {
			return err
		}
	}
	return mm.add(v, populate)
}

// add inserts v with references of its own, and has the host map it.
func (mm *MM) add(v *vma, flags platform.MapFlags) error {
	mm.hold(v)
	mm.insert(v)
	if v.prot == 0 || v.mem == nil && v.back == nil {
		return nil // nothing is mapped there
	}
	// insert may have merged v away; its fields are still what is new.
	return mm.showFlags(v, flags)
}

// anonymous puts v in the MM's own file, at zeros.
func (mm *MM) anonymous(v *vma) error {
	f, err := mm.ownFile()
	if err != nil {
		return err
	}
	v.mem, v.off, v.back, v.cow = f, mm.offset(f, v.Range), nil, false
	return nil
}

// offset returns where in f private memory for r goes: at its address, unless
// something that was moved away from there by mremap(2) still uses that.
func (mm *MM) offset(f *memfile.File, r guest.Range) uint64 {
	if mm.displaced > 0 {
		for _, v := range mm.vmas {
			at := guest.Range{Start: guest.Addr(v.off), End: guest.Addr(v.off + v.Len())}
			if v.mem == f && v.off != uint64(v.Start) && at.Overlaps(r) {
				off := mm.next
				mm.next += r.Len()
				return off
			}
		}
	}
	return uint64(r.Start)
}

// fillFile maps a file at v: what is written privately is copied, at once if
// it is little; pages beyond the file's end are there to fault.
func (mm *MM) fillFile(v *vma, src *source, populate platform.MapFlags) error {
	if !v.private() {
		if src.back == nil {
			return mm.copyFile(v, src) // read-only, and nothing to map
		}
		v.back, v.off = src.back, v.fileOff
		return mm.add(v, populate)
	}
	if src.back == nil || v.prot&platform.Write != 0 && v.Len() <= eagerCopy {
		return mm.copyFile(v, src)
	}
	v.back, v.off, v.cow = src.back, v.fileOff, true
	if v.prot&platform.Exec != 0 {
		mm.makeRoom(v)
	}
	return mm.add(v, populate)
}

// copyFile maps a copy of the file's bytes at v.
func (mm *MM) copyFile(v *vma, src *source) error {
	read := func(p []byte, at int64) (int, error) { return src.file.ReadAt(p, int64(v.fileOff)+at) }
	if src.back != nil {
		fd := src.back.FD(false)
		read = func(p []byte, at int64) (int, error) { return preadFull(fd, p, int64(v.fileOff)+at) }
	}
	f, err := mm.ownFile()
	if err != nil {
		return err
	}
	off := mm.offset(f, v.Range)
	got := uint64(0)
	counted := func(p []byte, at int64) (int, error) {
		n, err := read(p, at)
		got += uint64(max(n, 0))
		return n, err
	}
	if err := f.Fill(off, v.Len(), counted); err != nil {
		return err
	}
	whole, _ := guest.Addr(got).RoundUp()
	tail := *v
	v.mem, v.off = f, off
	v.End = min(v.End, v.Start+whole)
	if v.Len() > 0 {
		if err := mm.add(v, platform.Populate); err != nil {
			return err
		}
	}
	if v.End < tail.End {
		tail.fileOff += v.Len()
		tail.Start = v.End
		return mm.add(&tail, 0)
	}
	return nil
}

// Munmap is munmap(2).
func (mm *MM) Munmap(a guest.Addr, n uint64) error {
	r, ok := mm.pages(a, n)
	if !ok || n == 0 {
		return linux.EINVAL
	}
	mm.mu.Lock()
	defer mm.unlock()
	if err := mm.maySplit(); err != nil {
		return err
	}
	mm.clear(r)
	return nil
}

// maySplit is ENOMEM if a range with two ends would make too many mappings
// (__split_vma).
func (mm *MM) maySplit() error {
	if len(mm.vmas)+2 > maxVMAs {
		return linux.ENOMEM
	}
	return nil
}

// clear unmaps r, and gives back the memory that was its alone.
func (mm *MM) clear(r guest.Range) {
	from, to := mm.isolate(r)
	if from == to {
		return
	}
	first, last := mm.vmas[from].Start, mm.vmas[to-1].End
	gone := append([]*vma(nil), mm.vmas[from:to]...)
	mm.vmas = append(mm.vmas[:from], mm.vmas[to:]...)
	for _, v := range gone {
		mm.size -= v.Len()
		if v.flags&vmaLocked != 0 {
			mm.locked -= v.Len()
		}
		if v.mem != nil && v.private() && v.mem.Refs.Refs() == 1 && mm.mems[v.mem] > 1 {
			v.mem.Punch(v.off, v.Len())
		} else if v.mem != nil && v.private() && v.mem.Refs.Refs() > 1 {
			if mm.unpunched == nil {
				mm.unpunched = map[*memfile.File]bool{}
			}
			mm.unpunched[v.mem] = true
		}
		mm.drop(v)
	}
	mm.as.Unmap(guest.Range{Start: first, End: last})
}
