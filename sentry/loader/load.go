package loader

import (
	"crypto/rand"
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
)

const (
	// pieBase is where a position-independent program goes that has an
	// interpreter (ELF_ET_DYN_BASE).
	pieBase = guest.Addr(taskSize / 3 * 2 &^ (guest.PageSize - 1))
	// pieRandom and brkRandom are by how much it, and the heap, move.
	pieRandom = 1 << 40
	brkRandom = 32 << 20
)

// Load maps p into m, which is empty, and returns how its first thread begins.
func Load(m Memory, p *Program, o *Options) (Start, error) {
	im := &p.elf
	// The stack says where everything else goes.
	stackAt, err := m.MapStack(o.StackLimit, im.execStack)
	if err != nil {
		return Start{}, err
	}
	var bias guest.Addr
	switch {
	case im.header.Type == linux.ET_EXEC:
		err = im.mapAt(m, p.File, 0)
	case p.Interp != nil:
		at := (pieBase + o.random(pieRandom)) &^ guest.Addr(im.align-1)
		bias = at - guest.Addr(im.lo)
		err = im.mapAt(m, p.File, bias)
	default: // an interpreter run by itself, or a static-pie program
		bias, err = im.mapAnywhere(m, p.File)
	}
	if err != nil {
		return Start{}, err
	}
	entry := guest.Addr(im.header.Entry) + bias
	start := Start{PC: entry}
	var base guest.Addr
	if p.Interp != nil {
		if base, err = p.interpELF.mapAnywhere(m, p.Interp); err != nil {
			return Start{}, err
		}
		start.PC = base + guest.Addr(p.interpELF.header.Entry)
	}
	if uint64(start.PC) >= taskSize {
		return Start{}, linux.EINVAL
	}
	l := im.layout(bias)
	m.SetBrkStart(p.brk(bias, o))
	st := stack{program: p, options: o, layout: &l, entry: entry, base: base, phdrs: guest.Addr(im.phdrs) + bias}
	if o.MapVDSO != nil {
		if st.vdso, err = o.MapVDSO(m); err != nil {
			return Start{}, err
		}
	}
	if start.SP, err = st.build(m, stackAt); err != nil {
		return Start{}, err
	}
	p.File.Inc()
	l.Exe = p.File
	m.SetLayout(l)
	return start, nil
}

// random returns a page-aligned offset below most, 0 without randomisation.
func (o *Options) random(most uint64) guest.Addr {
	if o.NoRandomize {
		return 0
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return guest.Addr(binary.LittleEndian.Uint64(b[:]) % most).RoundDown()
}

// mapAnywhere maps the image where there is room, and returns by how much it
// was moved.
func (im *image) mapAnywhere(m Memory, f mm.FileRef) (guest.Addr, error) {
	if im.header.Type == linux.ET_EXEC {
		return 0, im.mapAt(m, f, 0)
	}
	size := im.hi - im.lo
	slack := im.align - guest.PageSize + platform.TextRoom
	at, err := m.Mmap(mm.MapOpts{Length: size + slack, Flags: linux.MAP_PRIVATE | linux.MAP_ANONYMOUS})
	if err != nil {
		return 0, err
	}
	if err := m.Munmap(at, size+slack); err != nil {
		return 0, err
	}
	// What lies below is left to the platform.
	at = (at + guest.Addr(slack)) &^ guest.Addr(im.align-1)
	bias := at - guest.Addr(im.lo)
	return bias, im.mapAt(m, f, bias)
}

// mapAt maps the image moved by bias.
func (im *image) mapAt(m Memory, f mm.FileRef, bias guest.Addr) error {
	for i := range im.loads {
		if err := mapLoad(m, f, &im.loads[i], bias); err != nil {
			return err
		}
	}
	return nil
}

// mapLoad maps one segment: the file's pages, then zeros (elf_load).
func mapLoad(m Memory, f mm.FileRef, p *linux.ElfPhdr, bias guest.Addr) error {
	const mask = guest.PageSize - 1
	start := guest.Addr(p.Vaddr) + bias
	fileEnd, end := start+guest.Addr(p.Filesz), start+guest.Addr(p.Memsz)
	if uint64(end) > taskSize || end < start {
		return linux.ENOMEM
	}
	first := start.RoundDown()
	zeros := first
	if p.Filesz != 0 {
		zeros, _ = fileEnd.RoundUp()
		_, err := m.Mmap(mm.MapOpts{
			Addr: first, Length: uint64(zeros - first), Prot: prot(p),
			Flags: linux.MAP_PRIVATE | linux.MAP_FIXED_NOREPLACE,
			File:  f, Offset: p.Offset &^ mask,
		})
		if err != nil {
			return err
		}
	}
	if p.Memsz > p.Filesz && p.Filesz != 0 && p.Flags&linux.PF_W != 0 {
		// To the end of the page, where the heap may begin.
		if _, err := m.CopyOut(fileEnd, make([]byte, zeros-fileEnd)); err != nil {
			return err
		}
	}
	last, _ := end.RoundUp()
	if last <= zeros {
		return nil
	}
	_, err := m.Mmap(mm.MapOpts{
		Addr: zeros, Length: uint64(last - zeros), Prot: prot(p),
		Flags: linux.MAP_PRIVATE | linux.MAP_ANONYMOUS | linux.MAP_FIXED_NOREPLACE,
	})
	return err
}

// brk returns where the heap starts: behind the program, but for one that lies
// among the mappings, where there may be no room.
func (p *Program) brk(bias guest.Addr, o *Options) guest.Addr {
	at := guest.Addr(p.elf.hi) + bias
	if p.elf.header.Type == linux.ET_DYN && p.Interp == nil {
		at = pieBase
	}
	return at + o.random(brkRandom)
}

// layout returns where code and data lie.
func (im *image) layout(bias guest.Addr) (l mm.Layout) {
	l.StartCode = ^guest.Addr(0)
	for i := range im.loads {
		p := &im.loads[i]
		start := guest.Addr(p.Vaddr) + bias
		end := start + guest.Addr(p.Filesz)
		if p.Flags&linux.PF_X != 0 {
			l.StartCode, l.EndCode = min(l.StartCode, start), max(l.EndCode, end)
		}
		l.StartData, l.EndData = max(l.StartData, start), max(l.EndData, end)
	}
	if l.EndCode == 0 {
		l.StartCode = 0
	}
	return l
}
