package systrap

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
)

// Layout of a signal frame's FP state (arch/x86/include/uapi/asm/sigcontext.h).
const (
	fxsaveSize = 512
	swReserved = 464 // struct _fpx_sw_bytes
	fpMagic1   = 0x46505853
	fpMagic2   = 0x46505845
	mxcsrOff   = 24
)

// An xstate says how this host's kernel lays extended state out in a signal
// frame: XSAVE's standard format with the features that need no permission.
type xstate struct {
	features uint64
	size     int // bytes without the trailing magic
	mxcsr    uint32
}

// hostXstate asks the processor. AMX tile data (feature 18) is not in a frame
// unless the process asked for it by arch_prctl, which no stub may.
func hostXstate() xstate {
	const dynamic = 1 << 18
	x := xstate{features: 3, size: fxsaveSize, mxcsr: 0xffff}
	if _, _, c, _ := cpuid(1, 0); c>>27&1 == 0 { // OSXSAVE
		return x
	}
	x.features = xgetbv() &^ dynamic
	x.size = fxsaveSize + 64
	for i := uint32(2); i < 63; i++ {
		if x.features>>i&1 == 0 {
			continue
		}
		size, off, _, _ := cpuid(0xd, i)
		x.size = max(x.size, int(off+size))
	}
	return x
}

// check reports whether the host would load s.
func (x *xstate) check(s arch.FPState) error {
	if len(s) != x.size {
		return linux.EINVAL
	}
	le := binary.LittleEndian
	if le.Uint32(s[mxcsrOff:])&^x.mxcsr != 0 {
		return linux.EINVAL
	}
	if x.size == fxsaveSize {
		return nil
	}
	h := s[fxsaveSize:]
	if le.Uint64(h)&^x.features != 0 {
		return linux.EINVAL
	}
	for i := 8; i < 64; i += 8 {
		if le.Uint64(h[i:]) != 0 {
			return linux.EINVAL
		}
	}
	return nil
}

// seal fills in the software-reserved bytes of s.
func (x *xstate) seal(s []byte) {
	le := binary.LittleEndian
	clear(s[swReserved:fxsaveSize])
	if x.size == fxsaveSize {
		return
	}
	le.PutUint32(s[swReserved:], fpMagic1)
	le.PutUint32(s[swReserved+4:], uint32(x.size+4))
	le.PutUint64(s[swReserved+8:], x.features)
	le.PutUint32(s[swReserved+16:], uint32(x.size))
}

// initial returns the state of a new program.
func (x *xstate) initial() arch.FPState {
	s := make(arch.FPState, x.size)
	le := binary.LittleEndian
	le.PutUint16(s, 0x37f)
	le.PutUint32(s[mxcsrOff:], 0x1f80)
	le.PutUint32(s[mxcsrOff+4:], x.mxcsr)
	x.seal(s)
	return s
}

// FPSize is the size of a thread's extended state in bytes.
func (p *Platform) FPSize() int { return p.x.size }

// FP implements platform.Context.
func (c *Context) FP() arch.FPState {
	x := &c.p.x
	switch {
	case c.setFP && c.newFP != nil:
		return append(arch.FPState(nil), c.newFP...)
	case c.setFP || c.state == fresh:
		return x.initial()
	}
	s := make(arch.FPState, x.size)
	at := uint64(sXS)
	if c.state == framed {
		at = binary.NativeEndian.Uint64(c.slot[c.uc+ucFP:]) - c.base
		if at < frameOff || at > uint64(slotSize-x.size) {
			return x.initial()
		}
	} else {
		c.mu.Lock()
		c.hand(cmdSpill, nil)
		c.mu.Unlock()
	}
	copy(s, c.slot[at:])
	x.seal(s)
	return s
}

// SetFP implements platform.Context.
func (c *Context) SetFP(s arch.FPState) error {
	if s != nil {
		if err := c.p.x.check(s); err != nil {
			return err
		}
		s = append(arch.FPState(nil), s...)
	}
	c.newFP, c.setFP = s, true
	return nil
}
