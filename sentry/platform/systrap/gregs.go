package systrap

import (
	"encoding/binary"

	"glovebox/sentry/arch"
)

// storeGregs writes r as the gregs of a signal frame.
func storeGregs(p []byte, r *arch.Regs) {
	p = p[:8*gregCount]
	put := func(i int, v uint64) { binary.NativeEndian.PutUint64(p[8*i:], v) }
	put(gR8, r.R8)
	put(gR9, r.R9)
	put(gR10, r.R10)
	put(gR11, r.R11)
	put(gR12, r.R12)
	put(gR13, r.R13)
	put(gR14, r.R14)
	put(gR15, r.R15)
	put(gRDI, r.RDI)
	put(gRSI, r.RSI)
	put(gRBP, r.RBP)
	put(gRBX, r.RBX)
	put(gRDX, r.RDX)
	put(gRAX, r.RAX)
	put(gRCX, r.RCX)
	put(gRSP, r.RSP)
	put(gRIP, r.RIP)
	put(gEFL, r.EFLAGS)
	put(gCSGSFS, arch.UserCS|arch.UserSS<<48)
}

// loadGregs reads what storeGregs writes, and what the kernel says of a fault
// beside it. p is hostile, and read once.
func loadGregs(r *arch.Regs, p []byte) (errcode, trapNo uint64) {
	var g [gregCount]uint64
	for i := range g {
		g[i] = binary.NativeEndian.Uint64(p[8*i:])
	}
	r.R8, r.R9, r.R10, r.R11 = g[gR8], g[gR9], g[gR10], g[gR11]
	r.R12, r.R13, r.R14, r.R15 = g[gR12], g[gR13], g[gR14], g[gR15]
	r.RDI, r.RSI, r.RBP, r.RBX = g[gRDI], g[gRSI], g[gRBP], g[gRBX]
	r.RDX, r.RAX, r.RCX, r.RSP = g[gRDX], g[gRAX], g[gRCX], g[gRSP]
	r.RIP, r.EFLAGS = g[gRIP], g[gEFL]
	r.CS, r.SS = arch.UserCS, arch.UserSS
	r.OrigRAX = arch.NoCall
	return g[gERR], g[gTRAPNO]
}
