package systrap

import (
	"sync/atomic"
	"unsafe"
)

// A page is memory shared with a stub. Every word of it may change at any
// time: each is read once, then checked.
type page []byte

// u32 returns the word at off, which is a constant or checked by the caller.
func (p page) u32(off int) *atomic.Uint32 {
	_ = p[off+3]
	// In bounds, and aligned because mappings and offsets are.
	return (*atomic.Uint32)(unsafe.Pointer(&p[off]))
}

// u64 returns the double word at off.
func (p page) u64(off int) *atomic.Uint64 {
	_ = p[off+7]
	return (*atomic.Uint64)(unsafe.Pointer(&p[off]))
}
