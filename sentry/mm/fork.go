package mm

import (
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

// Fork returns a copy of mm with one user (dup_mm). Memory files are frozen:
// neither side writes to them again while the other has them.
func (mm *MM) Fork() (*MM, error) {
	child, err := New(mm.host)
	if err != nil {
		return nil, err
	}
	mm.mu.Lock()
	err = mm.forkTo(child)
	mm.unlock()
	if err != nil {
		child.DecUsers()
		return nil, err
	}
	return child, nil
}

func (mm *MM) forkTo(child *MM) error {
	mm.sweep()
	child.mu.LockBelow() // nobody else has it yet
	defer child.unlock()
	// What the copies of both sides will lie in: a fault that finds no file to
	// be had is SIGBUS, a fork an errno.
	if _, err := child.ownFile(); err != nil {
		return err
	}
	fresh, err := mm.host.Memory.New("guest")
	if err != nil {
		return err
	}
	defer fresh.Dec()
	if err := mm.freeze(fresh); err != nil {
		return err
	}
	child.brkStart, child.brk, child.base = mm.brkStart, mm.brk, mm.base
	child.limits = mm.limits
	child.layout = mm.layout
	if child.layout.Exe != nil {
		child.layout.Exe.Inc()
	}
	for _, v := range mm.vmas {
		if v.flags&vmaDontFork != 0 {
			continue
		}
		c := *v
		c.flags &^= vmaLocked
		if v.flags&vmaWipeOnFork != 0 && v.private() {
			if err := child.anonymous(&c); err != nil {
				return err
			}
		}
		if c.back != nil && c.private() && c.prot&platform.Exec != 0 {
			child.inheritRoom(mm, &c)
		}
		child.hold(&c)
		child.vmas = append(child.vmas, &c)
		child.size += c.Len()
		if c.prot != 0 && (c.mem != nil || c.back != nil) {
			if err := child.show(&c); err != nil {
				return err
			}
		}
	}
	child.displaced = mm.displaced
	return nil
}

// freeze makes all private memory read-only until it is copied. New memory will
// lie in fresh.
func (mm *MM) freeze(fresh *memfile.File) error {
	frozen := map[*memfile.File]bool{}
	var run guest.Range // what is to be protected alike
	var prot platform.Prot
	flush := func() {
		if run.Len() > 0 {
			mm.as.Protect(run, prot)
		}
		run = guest.Range{}
	}
	for _, v := range mm.vmas {
		if v.mem == nil || !v.private() || v.flags&(vmaDontFork|vmaWipeOnFork) != 0 {
			continue
		}
		if !frozen[v.mem] {
			if err := v.mem.Freeze(); err != nil {
				return err
			}
			frozen[v.mem] = true
		}
		if v.cow {
			continue
		}
		v.cow = true
		if v.prot&platform.Write == 0 {
			continue
		}
		if run.End != v.Start || prot != v.hostProt() {
			flush()
			run.Start, prot = v.Start, v.hostProt()
		}
		run.End = v.End
	}
	flush()
	// What stays out of the fork must not lie in a frozen file.
	var apart []*vma
	for _, v := range mm.vmas {
		if v.mem != nil && v.private() && frozen[v.mem] && v.flags&(vmaDontFork|vmaWipeOnFork) != 0 {
			v.cow = true
			mm.as.Protect(v.Range, v.hostProt())
			apart = append(apart, v)
		}
	}
	if frozen[mm.own] {
		mm.setOwn(fresh)
		mm.next = topOffset
	}
	mm.as.Flush()
	for _, v := range apart {
		if err := mm.setApart(v, frozen); err != nil {
			return err
		}
	}
	return nil
}

// setApart moves what v shows, which nobody writes to now, to a file that no fork
// shares. Once it is there it stays.
func (mm *MM) setApart(v *vma, frozen map[*memfile.File]bool) error {
	if mm.aside == nil || frozen[mm.aside] || mm.asideNext > memfile.MaxSize-2*topOffset {
		f, err := mm.host.Memory.New("apart")
		if err != nil {
			return err
		}
		mm.holdMem(f)
		mm.dropMem(mm.aside)
		mm.aside, mm.asideNext = f, topOffset
		f.Dec() // held by mems now
	}
	off := mm.asideNext
	if err := mm.aside.CopyData(off, v.mem, v.off, v.Len()); err != nil {
		return err
	}
	mm.asideNext += v.Len()
	if v.mem.Refs.Refs() == 1 { // else others have it already
		v.mem.Punch(v.off, v.Len())
	}
	mm.holdMem(mm.aside)
	mm.dropMem(v.mem)
	v.mem, v.off, v.cow = mm.aside, off, false
	mm.displaced++
	if v.prot == 0 {
		return nil
	}
	return mm.show(v)
}
