// Package loader makes programs of files: ELF images, their interpreters and
// #! scripts (execve(2), elf(5), fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c).
//
// Resolve follows #! lines to an ELF file; Load maps that file into an empty
// address space and builds the first stack. Files and strings come from the
// guest: everything read is checked, and bounded.
package loader

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
)

// An Opener opens an interpreter for execution: the path was found, and is a
// regular file that the caller may execute. The caller of Open owns a
// reference to the file. It may block.
type Opener interface {
	OpenExec(path string) (mm.FileRef, error)
}

// Memory is an address space to load into; *mm.MM is one.
type Memory interface {
	guest.Memory
	Mmap(o mm.MapOpts) (guest.Addr, error)
	Munmap(a guest.Addr, length uint64) error
	// MapStack maps a stack that may grow to limit bytes.
	MapStack(limit uint64, exec bool) (guest.Range, error)
	SetBrkStart(a guest.Addr)
	SetLayout(l mm.Layout)
}

// A Program is an ELF file with the strings that it starts with.
type Program struct {
	// File is the program, with a reference of the Program's.
	File mm.FileRef
	// Interp is the interpreter that File asks for, nil if it asks for none.
	Interp mm.FileRef
	// Name is AT_EXECFN: the path given to execve(2), of the script if it is one.
	Name string
	Args []string
	Env  []string

	elf, interpELF image
}

// Release drops the Program's references.
func (p *Program) Release() {
	p.File.Dec()
	if p.Interp != nil {
		p.Interp.Dec()
	}
}

// Options say how a program is started.
type Options struct {
	UID, EUID, GID, EGID uint32
	// Secure is AT_SECURE.
	Secure        bool
	HWCap, HWCap2 uint64
	MinSigStack   uint64
	// MapVDSO maps the vDSO and returns where; nil if there is none.
	MapVDSO func(Memory) (guest.Addr, error)
	// StackLimit is RLIMIT_STACK.
	StackLimit uint64
	// NoRandomize turns randomisation off (ADDR_NO_RANDOMIZE in personality(2)).
	NoRandomize bool
}

// A Start is how the first thread begins.
type Start struct {
	PC, SP guest.Addr
}

// readFull reads all of p at off: EIO if the file ends before that.
func readFull(f mm.FileRef, p []byte, off uint64) error {
	if off > 1<<62 {
		return linux.EINVAL
	}
	m := f.Mappable()
	if m == nil {
		return linux.ENOEXEC
	}
	n, err := m.ReadAt(p, int64(off))
	if err != nil && n < len(p) {
		if e, ok := err.(linux.Errno); ok {
			return e
		}
		return linux.EIO
	}
	if n < len(p) {
		return linux.EIO
	}
	return nil
}
