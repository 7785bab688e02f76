package linux

import "structs"

// Values of elf(5) that a loader of x86-64 programs needs.
const (
	ELFMAG       = "\x7fELF"
	EI_CLASS     = 4
	EI_DATA      = 5
	EI_VERSION   = 6
	ELFCLASS64   = 2
	ELFDATA2LSB  = 1
	EV_CURRENT   = 1
	ET_EXEC      = 2
	ET_DYN       = 3
	EM_X86_64    = 62
	PT_LOAD      = 1
	PT_INTERP    = 3
	PT_PHDR      = 6
	PT_GNU_STACK = 0x6474e551
	PF_X         = 1
	PF_W         = 2
	PF_R         = 4
)

// ElfHeader is Elf64_Ehdr.
type ElfHeader struct {
	_         structs.HostLayout
	Ident     [16]byte
	Type      uint16
	Machine   uint16
	Version   uint32
	Entry     uint64
	Phoff     uint64
	Shoff     uint64
	Flags     uint32
	Ehsize    uint16
	Phentsize uint16
	Phnum     uint16
	Shentsize uint16
	Shnum     uint16
	Shstrndx  uint16
}

// ElfPhdr is Elf64_Phdr.
type ElfPhdr struct {
	_      structs.HostLayout
	Type   uint32
	Flags  uint32
	Offset uint64
	Vaddr  uint64
	Paddr  uint64
	Filesz uint64
	Memsz  uint64
	Align  uint64
}

// Auxiliary vector entries (getauxval(3)).
const (
	AT_NULL              = 0
	AT_PHDR              = 3
	AT_PHENT             = 4
	AT_PHNUM             = 5
	AT_PAGESZ            = 6
	AT_BASE              = 7
	AT_FLAGS             = 8
	AT_ENTRY             = 9
	AT_UID               = 11
	AT_EUID              = 12
	AT_GID               = 13
	AT_EGID              = 14
	AT_PLATFORM          = 15
	AT_HWCAP             = 16
	AT_CLKTCK            = 17
	AT_SECURE            = 23
	AT_RANDOM            = 25
	AT_HWCAP2            = 26
	AT_RSEQ_FEATURE_SIZE = 27
	AT_RSEQ_ALIGN        = 28
	AT_EXECFN            = 31
	AT_SYSINFO_EHDR      = 33
	AT_MINSIGSTKSZ       = 51
)
