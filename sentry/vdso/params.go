package vdso

// Offsets in the parameter page, of 64-bit words but for the first.
const (
	pSeq   = 0x00 // odd while the rest changes
	pTSC   = 0x08
	pLimit = 0x10
	pMult  = 0x18
	pMono  = 0x20 // seconds, nanoseconds
	pReal  = 0x30
)

const second = 1_000_000_000

// A page is the parameter page. Guests only read it.
type page []byte

// publish stores l. Only one goroutine does at a time.
func (p page) publish(l line) {
	seq := p.u32(pSeq)
	n := seq.Load()
	seq.Store(n + 1)
	words := map[int]uint64{
		pTSC: l.base.tsc, pLimit: l.limit, pMult: l.mult,
		pMono: uint64(l.base.mono / second), pMono + 8: uint64(l.base.mono % second),
		pReal: uint64(l.base.real / second), pReal + 8: uint64(l.base.real % second),
	}
	for off, v := range words {
		p.u64(off).Store(v)
	}
	seq.Store(n + 2)
}
