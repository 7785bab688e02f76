package vdso

import (
	"bytes"
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/lib/asmtext"
)

const (
	pageSize  = 4096
	imageSize = 2 * pageSize // headers and tables, then text
	textAt    = pageSize
	// paramsAt is where the parameters are mapped, from the image's start.
	paramsAt = imageSize
)

// symbols are what the image exports (vdso(7)), and which of the text's entry
// points each is.
var symbols = []struct {
	name  string
	entry int
}{
	{"__vdso_clock_gettime", 0},
	{"clock_gettime", 0},
	{"__vdso_gettimeofday", 1},
	{"gettimeofday", 1},
	{"__vdso_time", 2},
	{"time", 2},
}

const (
	soname  = "linux-vdso.so.1"
	version = "LINUX_2.6"
)

// image returns the shared object: one segment that holds everything.
func image() []byte {
	le := binary.LittleEndian
	img := make([]byte, imageSize)
	body := asmtext.Bytes(textAddr())
	// Each entry point: lea params(%rip),%r8; jmp to its jump.
	const stubSize, entries = 16, 3
	bodyAt := textAt + stubSize*entries
	for i := range entries {
		at := textAt + stubSize*i
		b := append(img[at:at], 0x4c, 0x8d, 0x05)
		b = le.AppendUint32(b, uint32(paramsAt-(at+7)))
		b = append(b, 0xe9)
		le.AppendUint32(b, uint32(bodyAt+16*i-(at+12)))
	}
	copy(img[bodyAt:], body)

	var strs []byte
	str := func(s string) uint32 {
		n := len(strs)
		strs = append(append(strs, s...), 0)
		return uint32(n)
	}
	str("")
	sonameAt, versionAt := str(soname), str(version)
	var syms []byte
	syms = append(syms, make([]byte, 24)...) // the null symbol
	for _, s := range symbols {
		syms = le.AppendUint32(syms, str(s.name))
		syms = append(syms, 1<<4|2, 0) // STB_GLOBAL, STT_FUNC
		syms = le.AppendUint16(syms, 1)
		syms = le.AppendUint64(syms, uint64(textAt+stubSize*s.entry))
		syms = le.AppendUint64(syms, stubSize)
	}
	n := len(symbols) + 1
	// A hash table of one bucket: a chain of all symbols.
	hash := []uint32{1, uint32(n), 1, 0}
	for i := 1; i < n; i++ {
		hash = append(hash, uint32((i+1)%n))
	}
	var hashes []byte
	for _, v := range hash {
		hashes = le.AppendUint32(hashes, v)
	}
	// Version 1 is the file itself, 2 is LINUX_2.6.
	versym := le.AppendUint16(nil, 0)
	for range symbols {
		versym = le.AppendUint16(versym, 2)
	}
	var verdef []byte
	for i, name := range []uint32{sonameAt, versionAt} {
		next, flags := uint32(28), uint16(1) // VER_FLG_BASE
		hash := elfHash(soname)
		if i == 1 {
			next, flags, hash = 0, 0, elfHash(version)
		}
		for _, v := range []uint16{1, flags, uint16(i + 1), 1} {
			verdef = le.AppendUint16(verdef, v)
		}
		for _, v := range []uint32{hash, 20, next, name, 0} {
			verdef = le.AppendUint32(verdef, v)
		}
	}

	const headers = 64 + 2*56
	at := headers
	place := func(b []byte) uint64 {
		at = (at + 7) &^ 7
		copy(img[at:textAt], b)
		at += len(b)
		return uint64(at - len(b))
	}
	hashAt, symAt, strAt := place(hashes), place(syms), place(strs)
	versymAt, verdefAt := place(versym), place(verdef)
	const (
		dtHash, dtStrtab, dtSymtab, dtStrsz, dtSyment, dtSoname = 4, 5, 6, 10, 11, 14
		dtVersym, dtVerdef, dtVerdefnum                         = 0x6ffffff0, 0x6ffffffc, 0x6ffffffd
	)
	var dyn []byte
	for _, d := range [][2]uint64{
		{dtSoname, uint64(sonameAt)}, {dtHash, hashAt}, {dtStrtab, strAt}, {dtSymtab, symAt},
		{dtStrsz, uint64(len(strs))}, {dtSyment, 24}, {dtVersym, versymAt}, {dtVerdef, verdefAt},
		{dtVerdefnum, 2}, {0, 0},
	} {
		dyn = le.AppendUint64(le.AppendUint64(dyn, d[0]), d[1])
	}
	dynAt := place(dyn)
	if at > textAt || bodyAt+len(body) > imageSize {
		panic("vdso: the image is too small")
	}

	var h bytes.Buffer
	binary.Write(&h, le, linux.ElfHeader{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1},
		Type:  linux.ET_DYN, Machine: 62, Version: 1, Phoff: 64,
		Ehsize: 64, Phentsize: 56, Phnum: 2, Shentsize: 64,
	})
	binary.Write(&h, le, []linux.ElfPhdr{
		{Type: linux.PT_LOAD, Flags: linux.PF_R | linux.PF_X, Filesz: imageSize, Memsz: imageSize, Align: pageSize},
		{Type: 2, Flags: linux.PF_R, Offset: dynAt, Vaddr: dynAt, Paddr: dynAt, Filesz: uint64(len(dyn)), Memsz: uint64(len(dyn)), Align: 8},
	})
	copy(img, h.Bytes())
	return img
}

// elfHash is the System V ABI's hash function.
func elfHash(name string) (h uint32) {
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		g := h & 0xf0000000
		h ^= g>>24 ^ g
	}
	return h
}
