package loader

import (
	"bytes"
	"math"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
)

const (
	ehdrSize = 64
	phdrSize = 56
	// maxPhdrs is how many program headers fit in 64 KiB (load_elf_phdrs).
	maxPhdrs = 65536 / phdrSize
	pathMax  = 4096
	// taskSize is the end of the addresses that a guest can use.
	taskSize = 1<<47 - guest.PageSize
)

// An image is what the headers of an ELF file say, checked.
type image struct {
	header linux.ElfHeader
	loads  []linux.ElfPhdr // PT_LOAD, of some size
	// lo and hi are the range of all loads, by page.
	lo, hi uint64
	// phdrs is the address of the headers if a load holds them, else 0.
	phdrs uint64
	// align is what the load address of an ET_DYN file must be a multiple of.
	align uint64
	// interp is where the interpreter's path lies in the file.
	interpOff, interpLen uint64
	execStack            bool
}

// parse reads the headers of an ELF file that starts with head: ENOEXEC if it
// is not one that we can run.
func parse(f mm.FileRef, head []byte) (im image, err error) {
	h := &im.header
	if len(head) < ehdrSize {
		return im, linux.ENOEXEC
	}
	copy(linux.Bytes(h), head)
	switch {
	case !bytes.HasPrefix(h.Ident[:], []byte(linux.ELFMAG)),
		h.Ident[linux.EI_CLASS] != linux.ELFCLASS64,
		h.Ident[linux.EI_DATA] != linux.ELFDATA2LSB,
		h.Type != linux.ET_EXEC && h.Type != linux.ET_DYN,
		h.Machine != linux.EM_X86_64,
		h.Phentsize != phdrSize,
		h.Phnum < 1 || h.Phnum > maxPhdrs:
		return im, linux.ENOEXEC
	}
	b := make([]byte, int(h.Phnum)*phdrSize)
	if readFull(f, b, h.Phoff) != nil {
		return im, linux.ENOEXEC
	}
	im.align = guest.PageSize
	for ; len(b) > 0; b = b[phdrSize:] {
		var p linux.ElfPhdr
		copy(linux.Bytes(&p), b)
		if err := im.add(&p); err != nil {
			return im, err
		}
	}
	if len(im.loads) == 0 || im.lo >= im.hi {
		return im, linux.EINVAL
	}
	return im, nil
}

// add takes in one program header.
func (im *image) add(p *linux.ElfPhdr) error {
	switch p.Type {
	case linux.PT_GNU_STACK:
		im.execStack = p.Flags&linux.PF_X != 0
	case linux.PT_INTERP:
		if im.interpLen != 0 {
			return nil // the first counts
		}
		if p.Filesz < 2 || p.Filesz > pathMax {
			return linux.ENOEXEC
		}
		im.interpOff, im.interpLen = p.Offset, p.Filesz
	case linux.PT_LOAD:
		return im.addLoad(p)
	}
	return nil
}

func (im *image) addLoad(p *linux.ElfPhdr) error {
	const mask = guest.PageSize - 1
	switch {
	case p.Memsz == 0:
		return nil
	case p.Filesz > p.Memsz, p.Memsz > taskSize, p.Vaddr > taskSize-p.Memsz:
		return linux.EINVAL
	case p.Offset&mask != p.Vaddr&mask && p.Filesz != 0:
		return linux.EINVAL
	case p.Filesz != 0 && p.Offset > math.MaxInt64-p.Filesz-guest.PageSize:
		return linux.EINVAL
	}
	lo, hi := p.Vaddr&^mask, (p.Vaddr+p.Memsz+mask)&^mask
	if len(im.loads) == 0 {
		im.lo, im.hi = lo, hi
	}
	im.lo, im.hi = min(im.lo, lo), max(im.hi, hi)
	if p.Offset <= im.header.Phoff && im.header.Phoff-p.Offset < p.Filesz {
		im.phdrs = im.header.Phoff - p.Offset + p.Vaddr
	}
	// Alignments that are no power of two are ignored (maximum_alignment).
	if p.Align&(p.Align-1) == 0 && p.Align <= 1<<30 {
		im.align = max(im.align, p.Align)
	}
	im.loads = append(im.loads, *p)
	return nil
}

// interpreter reads the path of the interpreter, "" if there is none.
func (im *image) interpreter(f mm.FileRef) (string, error) {
	if im.interpLen == 0 {
		return "", nil
	}
	b := make([]byte, im.interpLen)
	if err := readFull(f, b, im.interpOff); err != nil {
		return "", err
	}
	if b[len(b)-1] != 0 {
		return "", linux.ENOEXEC
	}
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s), nil
}

func prot(p *linux.ElfPhdr) (r platform.Prot) {
	if p.Flags&linux.PF_R != 0 {
		r |= platform.Read
	}
	if p.Flags&linux.PF_W != 0 {
		r |= platform.Write
	}
	if p.Flags&linux.PF_X != 0 {
		r |= platform.Exec
	}
	return r
}
