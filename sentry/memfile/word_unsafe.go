package memfile

import (
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// word returns the word at off of a mapping.
func word(mem []byte, off uint64) *atomic.Uint32 {
	_ = mem[off+3]
	// In bounds; aligned because the caller's address is and mem is a page.
	return (*atomic.Uint32)(unsafe.Pointer(&mem[off]))
}

// ForeignWord calls fn with the aligned word at off of a file that others can
// truncate at any time: EFAULT if they did.
func ForeignWord(fd int, off uint64, write bool, fn func(*atomic.Uint32)) (err error) {
	const page = 4096
	prot := unix.PROT_READ
	if write {
		prot |= unix.PROT_WRITE
	}
	mem, err := unix.Mmap(fd, int64(off&^(page-1)), page, prot, unix.MAP_SHARED)
	if err != nil {
		return linux.EFAULT
	}
	defer unix.Munmap(mem)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = linux.EFAULT
		}
	}()
	fn(word(mem, off%page))
	return nil
}
