// Package asmtext reads functions of this program as bytes, to run elsewhere.
package asmtext

import (
	"bytes"
	"unsafe"
)

// End is what the text of a function for Bytes ends with: no instruction
// sequence contains it.
var End = bytes.Repeat([]byte{0xf1}, 16)

// Bytes returns a copy of the assembly function at addr, up to and with End.
// It panics if there is no End within 16 KiB.
func Bytes(addr uintptr) []byte {
	const most = 16 << 10
	// addr is in this program's text, and End stands before the text does.
	p := *(**byte)(unsafe.Pointer(&addr))
	for n := len(End); n < most; n++ {
		if s := unsafe.Slice(p, n); bytes.HasSuffix(s, End) {
			return bytes.Clone(s)
		}
	}
	panic("asmtext: the function has no end")
}
