package arch

import (
	"encoding/binary"
	"structs"
	"unsafe"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

// Flags of ucontext (arch/x86/include/uapi/asm/ucontext.h).
const (
	ucFPXstate        = 1
	ucSigcontextSS    = 2
	ucStrictRestoreSS = 4
	redZone           = 128
	fpXstateMagic1    = 0x46505853
	fpXstateMagic2    = 0x46505845
	fpSwReserved      = 464
	fpLegacySize      = 512
	fpMaxSize         = 64 << 10 // more than any processor's XSAVE area
	eflagsTF          = 1 << 8
	eflagsDF          = 1 << 10
	eflagsRF          = 1 << 16
	eflagsFix         = 0x40000 | 0x10000 | 0xcd5 | eflagsTF // what sigreturn may set (FIX_EFLAGS)
	eflagsFixed       = 0x202                                // IF and the bit that is always set
	sigframeAlign     = 16
	fpAlign           = 64
	minSigStackExtra  = redZone + fpAlign + sigframeAlign
)

// Sigcontext is struct sigcontext of x86-64.
type Sigcontext struct {
	_                                           structs.HostLayout
	R8, R9, R10, R11, R12, R13, R14, R15        uint64
	RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP uint64
	EFLAGS                                      uint64
	CS, GS, FS, SS                              uint16
	Err, TrapNo, OldMask, CR2                   uint64
	FPState                                     uint64
	_                                           [8]uint64
}

// Ucontext is struct ucontext of x86-64.
type Ucontext struct {
	_        structs.HostLayout
	Flags    uint64
	Link     uint64
	Stack    linux.Stack
	Mcontext Sigcontext
	Mask     linux.Sigset
}

// SignalFrame is struct rt_sigframe of x86-64.
type SignalFrame struct {
	_        structs.HostLayout
	PretCode uint64
	UC       Ucontext
	Info     linux.Siginfo
}

const frameSize = uint64(unsafe.Sizeof(SignalFrame{}))

// A Delivery is one signal about to run its handler.
type Delivery struct {
	Action linux.Sigaction
	Info   linux.Siginfo
	Mask   linux.Sigset // to restore after the handler
	// Alt is the alternate stack as sigaltstack(2) would show it now.
	Alt linux.Stack
	// Of the last fault of the thread.
	TrapNo uint32
	Err    uint32
	CR2    guest.Addr
	FP     FPState
}

// PushSignal builds the frame of d on the stack and points r at its handler
// (arch/x86/kernel/signal_64.c). The caller loads the initial FP state. EFAULT
// means that the stack cannot hold it: r is unchanged.
func PushSignal(r *Regs, m guest.Memory, d *Delivery) error {
	sp := r.RSP - redZone
	onAlt := d.Alt.Flags&linux.SS_ONSTACK != 0
	if d.Action.Flags&linux.SA_ONSTACK != 0 && d.Alt.Flags&(linux.SS_ONSTACK|linux.SS_DISABLE) == 0 {
		sp = d.Alt.SP + d.Alt.Size
		onAlt = true
	}
	var fpAddr uint64
	if d.FP != nil {
		sp = (sp - uint64(len(d.FP)) - 4) &^ (fpAlign - 1)
		fpAddr = sp
	}
	sp = (sp-frameSize)&^(sigframeAlign-1) - 8
	// A frame that would leave the alternate stack is an overflow of it.
	if onAlt && (sp <= d.Alt.SP || sp-d.Alt.SP > d.Alt.Size) {
		return linux.EFAULT
	}
	if d.Action.Flags&linux.SA_RESTORER == 0 {
		return linux.EFAULT
	}
	f := SignalFrame{PretCode: d.Action.Restorer, Info: d.Info}
	f.UC.Flags = ucSigcontextSS | ucStrictRestoreSS
	f.UC.Stack = d.Alt
	f.UC.Stack.Flags &^= linux.SS_ONSTACK
	f.UC.Mask = d.Mask
	f.UC.Mcontext = Sigcontext{
		R8: r.R8, R9: r.R9, R10: r.R10, R11: r.R11, R12: r.R12, R13: r.R13, R14: r.R14, R15: r.R15,
		RDI: r.RDI, RSI: r.RSI, RBP: r.RBP, RBX: r.RBX, RDX: r.RDX, RAX: r.RAX, RCX: r.RCX,
		RSP: r.RSP, RIP: r.RIP, EFLAGS: r.EFLAGS, CS: uint16(r.CS), SS: uint16(r.SS),
		Err: uint64(d.Err), TrapNo: uint64(d.TrapNo), OldMask: uint64(d.Mask), CR2: uint64(d.CR2),
		FPState: fpAddr,
	}
	if d.FP != nil {
		f.UC.Flags |= ucFPXstate
		if _, err := m.CopyOut(guest.Addr(fpAddr), d.FP); err != nil {
			return err
		}
		var magic [4]byte
		binary.LittleEndian.PutUint32(magic[:], fpXstateMagic2)
		if _, err := m.CopyOut(guest.Addr(fpAddr)+guest.Addr(len(d.FP)), magic[:]); err != nil {
			return err
		}
	}
	if _, err := m.CopyOut(guest.Addr(sp), linux.Bytes(&f)); err != nil {
		return err
	}
	r.RDI = uint64(d.Info.Signo)
	r.RSI = sp + uint64(unsafe.Offsetof(f.Info))
	r.RDX = sp + uint64(unsafe.Offsetof(f.UC))
	r.RAX = 0
	r.RSP = sp
	r.RIP = d.Action.Handler
	r.EFLAGS &^= eflagsTF | eflagsDF | eflagsRF
	r.CS, r.SS = UserCS, UserSS
	r.OrigRAX = NoCall
	return nil
}

// PopSignal restores what PushSignal saved: registers into r, and returns the
// mask, the alternate stack and the FP state. The guest may have written
// anything there.
func PopSignal(r *Regs, m guest.Memory) (mask linux.Sigset, alt linux.Stack, fp FPState, err error) {
	// The handler's ret popped PretCode.
	at := guest.Addr(r.RSP - 8)
	var f SignalFrame
	body := linux.Bytes(&f)[:unsafe.Offsetof(f.Info)]
	if _, err := m.CopyIn(at, body); err != nil {
		return 0, alt, nil, err
	}
	c := &f.UC.Mcontext
	if c.FPState != 0 {
		if fp, err = readFP(m, guest.Addr(c.FPState)); err != nil {
			return 0, alt, nil, err
		}
	}
	r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15 = c.R8, c.R9, c.R10, c.R11, c.R12, c.R13, c.R14, c.R15
	r.RDI, r.RSI, r.RBP, r.RBX, r.RDX, r.RAX, r.RCX = c.RDI, c.RSI, c.RBP, c.RBX, c.RDX, c.RAX, c.RCX
	r.RSP, r.RIP = c.RSP, c.RIP
	r.EFLAGS = r.EFLAGS&^eflagsFix | c.EFLAGS&eflagsFix | eflagsFixed
	r.CS, r.SS = UserCS, UserSS
	r.OrigRAX = NoCall
	return f.UC.Mask, f.UC.Stack, fp, nil
}

// readFP reads the extended state at a: as long as its software-reserved bytes
// say and the trailing magic confirms, else the legacy part (fpu/signal.c).
func readFP(m guest.Memory, a guest.Addr) (FPState, error) {
	var legacy [fpLegacySize]byte
	if _, err := m.CopyIn(a, legacy[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(legacy[fpSwReserved+16:])
	if binary.LittleEndian.Uint32(legacy[fpSwReserved:]) != fpXstateMagic1 ||
		size < fpLegacySize+64 || size > fpMaxSize ||
		binary.LittleEndian.Uint32(legacy[fpSwReserved+4:]) < size {
		return legacy[:], nil
	}
	b := make([]byte, size+4)
	if _, err := m.CopyIn(a, b); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(b[size:]) != fpXstateMagic2 {
		return legacy[:], nil
	}
	// The guest may have changed the size in between: keep the one checked.
	copy(b, legacy[:])
	return b[:size], nil
}

// MinSigStack returns AT_MINSIGSTKSZ for a thread whose FP state has size
// bytes (sigaltstack(2)).
func MinSigStack(fpSize int) uint64 { return frameSize + uint64(fpSize) + 4 + minSigStackExtra }
