package mm

import (
	"slices"
	"sort"

	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

type vmaFlags uint8

const (
	vmaShared vmaFlags = 1 << iota
	vmaGrowsDown
	vmaDontFork
	vmaWipeOnFork
	vmaLocked
	vmaStack
	vmaHeap
	vmaDontDump
)

// A vma is addresses that are mapped alike, from one place. /proc/PID/maps
// shows neighbours that differ only in that place as one.
type vma struct {
	guest.Range
	prot  platform.Prot
	max   platform.Prot // what mprotect(2) may give
	flags vmaFlags

	// The file that the guest mapped, and its offset at Start; nil if
	// anonymous.
	file    FileRef
	fileOff uint64

	// What is behind the addresses, at most one of them: the MM's own or
	// shared memory, or a file of the host. Neither: a page beyond a file's
	// end, whose use is SIGBUS.
	mem  *memfile.File
	back Backing
	off  uint64 // at Start

	// cow: a write goes to a copy, so the host maps it read-only.
	cow bool
}

// hostProt is the protection that the host's mapping has.
func (v *vma) hostProt() platform.Prot {
	if v.cow {
		return v.prot &^ platform.Write
	}
	return v.prot
}

// private reports whether what v holds is its MM's alone, but for forks.
func (v *vma) private() bool { return v.flags&vmaShared == 0 }

// backed returns where the pages of the file behind v end, at most v.End. The
// host would not know: a memory file is larger than what it holds.
func (v *vma) backed() guest.Addr {
	size, err := v.back.Size()
	if err != nil {
		return v.End
	}
	size = (size + guest.PageSize - 1) &^ (guest.PageSize - 1)
	return v.Start + guest.Addr(min(uint64(max(size-int64(v.off), 0)), v.Len()))
}

// joins reports whether o, which starts where v ends, continues it.
func (v *vma) joins(o *vma) bool {
	n := v.Len()
	return v.End == o.Start && v.prot == o.prot && v.max == o.max && v.flags == o.flags && v.cow == o.cow &&
		v.file == o.file && (v.file == nil || v.fileOff+n == o.fileOff) &&
		v.mem == o.mem && sameBacking(v.back, o.back) && v.off+n == o.off
}

func sameBacking(a, b Backing) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.ID() == b.ID()
}

// from returns a copy of v's part r, with references of its own.
func (mm *MM) part(v *vma, r guest.Range) *vma {
	c := *v
	c.Range = r
	d := uint64(r.Start - v.Start)
	c.fileOff += d
	c.off += d
	mm.hold(&c)
	return &c
}

// hold takes v's references.
func (mm *MM) hold(v *vma) {
	if v.file != nil {
		v.file.Inc()
	}
	if v.back != nil {
		v.back.Inc()
	}
	mm.holdMem(v.mem)
}

// drop gives v's references back.
func (mm *MM) drop(v *vma) {
	if v.file != nil {
		mm.closing = append(mm.closing, v.file)
	}
	if v.back != nil {
		v.back.Release()
	}
	mm.dropMem(v.mem)
}

// holdMem counts one more vma on f; the first holds the file.
func (mm *MM) holdMem(f *memfile.File) {
	if f == nil {
		return
	}
	n, held := mm.mems[f]
	mm.mems[f] = n + 1
	if !held {
		f.Refs.Inc()
	}
}

func (mm *MM) dropMem(f *memfile.File) {
	if f == nil {
		return
	}
	if mm.mems[f]--; mm.mems[f] > 0 {
		return
	}
	mm.as.Forget(f)
	if f.Refs.Refs() > 1 && mm.users.Load() > 0 {
		// Another address space holds the frozen file and must not write to
		// it while this stub may keep a mapping: forgotten by sweep.
		return
	}
	delete(mm.mems, f)
	delete(mm.unpunched, f)
	f.Dec()
}

// sweep drops files without vmas that only mm holds still.
func (mm *MM) sweep() {
	for f, n := range mm.mems {
		if n == 0 && f.Refs.Refs() == 1 {
			delete(mm.mems, f)
			f.Dec()
		}
	}
}

// find returns the index of the first vma that ends after a.
func (mm *MM) find(a guest.Addr) int {
	return sort.Search(len(mm.vmas), func(i int) bool { return mm.vmas[i].End > a })
}

// at returns the vma that holds a, or nil.
func (mm *MM) at(a guest.Addr) *vma {
	if i := mm.find(a); i < len(mm.vmas) && mm.vmas[i].Start <= a {
		return mm.vmas[i]
	}
	return nil
}

// split makes a the start of a vma if it lies in one, and returns the index of
// the first vma that starts at a or later.
func (mm *MM) split(a guest.Addr) int {
	i := mm.find(a)
	if i == len(mm.vmas) || mm.vmas[i].Start >= a {
		return i
	}
	v := mm.vmas[i]
	rest := mm.part(v, guest.Range{Start: a, End: v.End})
	v.End = a
	mm.vmas = slices.Insert(mm.vmas, i+1, rest)
	return i + 1
}

// isolate splits so that r starts and ends at vmas' edges, and returns their
// indices.
func (mm *MM) isolate(r guest.Range) (from, to int) {
	from = mm.split(r.Start)
	to = mm.split(r.End)
	return from, to
}

// insert adds v, whose range is free and whose references become mm's.
func (mm *MM) insert(v *vma) {
	mm.takeRooms(v.Range)
	i := mm.find(v.Start)
	mm.vmas = slices.Insert(mm.vmas, i, v)
	mm.size += v.Len()
	if v.mem != nil && v.private() && v.off != uint64(v.Start) {
		mm.displaced++
	}
	mm.merge(i, i+1)
}

// merge joins neighbours among the vmas from index from-1 to index to.
func (mm *MM) merge(from, to int) {
	for i := min(to, len(mm.vmas)-1); i >= max(from, 1); i-- {
		a, b := mm.vmas[i-1], mm.vmas[i]
		if !a.joins(b) {
			continue
		}
		a.End = b.End
		mm.drop(b)
		mm.vmas = slices.Delete(mm.vmas, i, i+1)
	}
}

// holes reports whether some of r is not mapped.
func (mm *MM) holes(r guest.Range) bool {
	at := r.Start
	for i := mm.find(at); at < r.End; i++ {
		if i == len(mm.vmas) || mm.vmas[i].Start > at {
			return true
		}
		at = mm.vmas[i].End
	}
	return false
}
