package systrap

import "glovebox/lib/asmtext"

func stubAddr() uintptr
func stub()
func pause(n uint32)
func cpuid(leaf, sub uint32) (a, b, c, d uint32)
func xgetbv() uint64

// stubText returns the bytes of the stub.
func stubText() []byte { return asmtext.Bytes(stubAddr()) }
