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
	data := make([]byte, 16, 16+8*len(filter))
	le.PutUint16(data, uint16(len(filter))) // struct sock_fprog
	le.PutUint64(data[8:], dataBase+16)
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
		{1, 6, uint64(dataOff), dataBase, dataBase, uint64(len(data)), dataSize, page},
		{0x6474e551, 6, 0, 0, 0, 0, 0, 16}, // PT_GNU_STACK: not executable
	})
	img := make([]byte, dataOff+len(data))
	copy(img, b.Bytes())
	copy(img[textOff:], text)
	copy(img[dataOff:], data)
	return img
}
