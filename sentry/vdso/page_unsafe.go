package vdso

import (
	"sync/atomic"
	"unsafe"
)

//lint:ignore U1000 assembly, of which the address is taken
func text()

func textAddr() uintptr
func ticks() uint64

// u32 returns the word at off, a constant in the page.
func (p page) u32(off int) *atomic.Uint32 {
	_ = p[off+3]
	// In bounds, and aligned because the mapping and the offsets are.
	return (*atomic.Uint32)(unsafe.Pointer(&p[off]))
}

// u64 returns the double word at off.
func (p page) u64(off int) *atomic.Uint64 {
	_ = p[off+7]
	return (*atomic.Uint64)(unsafe.Pointer(&p[off]))
}
