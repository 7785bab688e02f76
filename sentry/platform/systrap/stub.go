package systrap

import "glovebox/lib/asmtext"

func stubAddr() uintptr

//lint:ignore U1000 assembly, of which the address is taken
func stub()
func pause(n uint32)

// processor returns what is the same for two threads on one processor.
func processor() uint32
func cpuid(leaf, sub uint32) (a, b, c, d uint32)
func xgetbv() uint64

// stubText returns the bytes of the stub.
func stubText() []byte { return asmtext.Bytes(stubAddr()) }
