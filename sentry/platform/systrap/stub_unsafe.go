package systrap

import (
	"bytes"
	"unsafe"
)

func stubAddr() uintptr
func stub()
func pause(n uint32)
func cpuid(leaf, sub uint32) (a, b, c, d uint32)
func xgetbv() uint64

// stubText returns the bytes of the stub, which are text of this binary.
func stubText() []byte {
	// The text ends with sixteen bytes that no instruction sequence of the
	// stub contains; all of it lies in this binary's own text segment.
	const most = 16 << 10
	end := bytes.Repeat([]byte{0xf1}, 16)
	addr := stubAddr()
	p := *(**byte)(unsafe.Pointer(&addr))
	for n := 16; n < most; n++ {
		if s := unsafe.Slice(p, n); bytes.HasSuffix(s, end) {
			return bytes.Clone(s)
		}
	}
	panic("systrap: the stub has no end")
}
