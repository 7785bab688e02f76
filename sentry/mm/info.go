package mm

import (
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// A VMA is a mapping as /proc/PID/maps shows it.
type VMA struct {
	guest.Range
	Prot       platform.Prot
	Shared     bool
	Locked     bool
	GrowsDown  bool
	Offset     uint64 // in the file
	Path       string // of the file, or [heap], [stack]
	Dev, Inode uint64
}

// VMAs calls f with each mapping until it returns false.
func (mm *MM) VMAs(f func(VMA) bool) {
	for _, v := range mm.list() {
		if !f(v) {
			return
		}
	}
}

// list returns the mappings, with those that look alike made one. Files are
// asked for their names once mm is unlocked: they may ask a server.
func (mm *MM) list() []VMA {
	list, files := mm.collect()
	for i, f := range files {
		if f != nil {
			list[i].Path, list[i].Dev, list[i].Inode = f.MapName()
			f.Dec()
		}
	}
	return list
}

// collect returns the mappings without names of files, and the files, each with
// a reference.
func (mm *MM) collect() (list []VMA, files []FileRef) {
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	list = make([]VMA, 0, len(mm.vmas))
	var last *vma
	for _, v := range mm.vmas {
		if last != nil && last.End == v.Start && last.prot == v.prot && last.flags == v.flags && last.file == v.file &&
			(v.file == nil || last.fileOff+last.Len() == v.fileOff) {
			list[len(list)-1].End = v.End
			last = v
			continue
		}
		if v.file != nil {
			v.file.Inc()
		}
		list, files = append(list, v.show()), append(files, v.file)
		last = v
	}
	return list, files
}

func (v *vma) show() VMA {
	s := VMA{
		Range: v.Range, Prot: v.prot, Shared: !v.private(),
		Locked: v.flags&vmaLocked != 0, GrowsDown: v.flags&vmaGrowsDown != 0,
	}
	switch {
	case v.file != nil:
		s.Offset = v.fileOff
	case v.flags&vmaHeap != 0:
		s.Path = "[heap]"
	case v.flags&vmaStack != 0:
		s.Path = "[stack]"
	}
	return s
}

// Usage is the size of an address space in bytes. What files of the host are
// resident is not known, and not counted.
type Usage struct{ Virtual, Resident, Shared, Text, Data, Stack, Locked uint64 }

// Usage returns mm's size.
func (mm *MM) Usage() (u Usage) {
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	for _, v := range mm.vmas {
		n := v.Len()
		u.Virtual += n
		switch {
		case v.prot&platform.Exec != 0:
			u.Text += n
		case v.flags&vmaGrowsDown != 0:
			u.Stack += n
		case v.private() && v.prot&platform.Write != 0:
			u.Data += n
		}
	}
	for f := range mm.mems {
		u.Resident += f.Resident()
	}
	u.Resident = min(u.Resident, u.Virtual)
	u.Locked = mm.locked
	return u
}

// Brks returns where the heap begins and ends.
func (mm *MM) Brks() (start, end guest.Addr) {
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	return mm.brkStart, mm.brk
}
