package systrap

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// templateELF returns the program that is the template process: the stub's
// text, and a data segment that holds the seccomp filter and a stack.
func templateELF(filter []bpf.RawInstruction) []byte {
	le := binary.LittleEndian
	text := stubText()
	data := make([]byte, filterAt, filterAt+8*len(filter))
	le.PutUint16(data, uint16(len(filter))) // struct sock_fprog
	le.PutUint64(data[8:], dataBase+filterAt)
	putMM(data[dataMM:], uint64(len(text)))
	for _, ins := range filter {
		data = le.AppendUint16(data, ins.Op)
		data = append(data, ins.Jt, ins.Jf)
		data = le.AppendUint32(data, ins.K)
	}

	type ehdr struct {
		Ident                      [16]byte
		Type, Machine              uint16
		Version                    uint32
		Entry, Phoff, Shoff        uint64
		Flags                      uint32
		Ehsize, Phentsize, Phnum   uint16
		Shentsize, Shnum, Shstrndx uint16
	}
	type phdr struct {
		Type, Flags                             uint32
		Off, Vaddr, Paddr, Filesz, Memsz, Align uint64
	}
	const (
		page    = 4096
		textOff = page
	)
	dataOff := textOff + (len(text)+page-1)/page*page
	var b bytes.Buffer
	binary.Write(&b, le, ehdr{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1},
		Type:  2, Machine: 62, Version: 1, Entry: textBase,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 3, Shentsize: 64,
	})
	binary.Write(&b, le, []phdr{
		{1, 5, textOff, textBase, textBase, uint64(len(text)), uint64(len(text)), page},
		{1, 6, uint64(dataOff), dataBase, dataBase, uint64(len(data)), dataSize + argsSize, page},
		{0x6474e551, 6, 0, 0, 0, 0, 0, 16}, // PT_GNU_STACK: not executable
	})
	img := make([]byte, dataOff+len(data))
	copy(img, b.Bytes())
	copy(img[textOff:], text)
	copy(img[dataOff:], data)
	return img
}

// putMM writes the struct prctl_mm_map by which the host shows a page of a stub's as its
// arguments: PR_SET_MM_MAP of prctl(2). The page is a title as of setproctitle(3), as
// what would be the end of the arguments is not zero (get_mm_cmdline in fs/proc/base.c).
// A guest that takes its stub over can write there as well as any program can to its own.
func putMM(b []byte, text uint64) {
	for i, v := range []uint64{
		textBase, textBase + text, argsBase, argsBase, argsBase, argsBase, argsBase, // code, data, brk, stack
		argsBase, argsBase + 1, argsBase + 1, argsBase + argsSize, // arguments, environment
		0, 0xffffffff << 32, // no auxiliary vector; no other program
	} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
}
