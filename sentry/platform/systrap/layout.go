package systrap

// Where things are in a stub process; layout.h says the same for the stub.
const (
	textBase = 0x7ff000000000
	dataBase = 0x7ff000100000
	dataSize = 0x10000
	dataMM   = 0x10
	// filterAt is where the filter is in the data segment.
	filterAt = 0x80
	argsBase = dataBase + dataSize
	argsSize = 0x1000
	ctlBase  = 0x7ff010000000
	ctlSize  = 0x40000000

	slotSize  = 0x8000
	slotCount = ctlSize / slotSize

	// In a slot: the frame that starts a thread or loads FP state, and the
	// alternate stack on which signals push theirs.
	frameOff = 0x1000
	stackOff = 0x4000

	sTurn    = 0x00
	sSleep   = 0x04
	sParked  = 0x08
	sSpin    = 0x0c
	sCmd     = 0x10
	sNops    = 0x14
	sTID     = 0x18
	sIndex   = 0x1c
	sMySeq   = 0x20
	sNeedSeq = 0x24
	sUC      = 0x28
	sInfo    = 0x30
	sResume  = 0x38
	sSS      = 0x40
	sState   = 0x58
	sKicked  = 0x5c
	sXLo     = 0x60
	sXHi     = 0x64
	sSelf    = 0x68
	sOne     = 0x70
	sCPU     = 0x78 // on which the Sentry and the stub were when they last handed over
	sStubCPU = 0x7c
	sCached  = 0xc0
	sLocal   = 0xc4
	sMsg     = 0x100
	sOps     = 0x200
	sGregs   = 0xb00
	sIret    = 0xbc0
	sXS      = 0x2000

	aDoneSeq = 0x80
	aWaiters = 0x84
	// Which threads rang: those whose index is that of a set bit, modulo bellBits.
	aBits    = 0xc00
	bellBits = 512
)

// noCPU is no processor's number.
const noCPU = 1<<32 - 1

// Whose turn it is (sTurn). What is the Sentry's says where the state is.
const (
	turnSentry = 0 // in a signal frame
	turnStub   = 1
	turnFast   = 2 // of a rewritten call, in the slot
	turnIdle   = 4 // the Sentry's, which takes its time
	turnKicked = 3 // in the slot, of a thread that was kicked on its way out
)

// What a stub thread does after its operations (sCmd).
const (
	cmdResume = 0 // return from the signal frame
	cmdPost   = 1
	cmdExit   = 2
	cmdSpill  = 3 // store the extended state
	cmdReturn = 4 // return from a rewritten call; the result is in sResume
	cmdRegs   = 5 // load all registers
	cmdRegsFP = 6 // and the extended state
)

// opMax is the number of operations that an answer carries.
const opMax = 32

// Flags of an operation: see the stub's text.
const (
	opFD4   = 1
	opFD0   = 2
	opRecv  = 4
	opClone = 8
	// opText: the second argument points to the third and fourth.
	opText = 16
)

// Descriptors of a stub: the socket by which it is given others, the doorbell.
const (
	fdSock = 0
	fdBell = 1
)

// fdSlots is the number of descriptors that a stub can refer to.
const fdSlots = 64

// Offsets in struct rt_sigframe's ucontext (arch/x86/include/uapi/asm/ucontext.h).
const (
	ucFlags   = 0
	ucStack   = 16
	ucGregs   = 40
	ucFP      = 224
	ucSigmask = 296
	ucSize    = 304

	// UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
	ucFlagsValue = 7
)

// Indices of gregs.
const (
	gR8 = iota
	gR9
	gR10
	gR11
	gR12
	gR13
	gR14
	gR15
	gRDI
	gRSI
	gRBP
	gRBX
	gRDX
	gRAX
	gRCX
	gRSP
	gRIP
	gEFL
	gCSGSFS
	gERR
	gTRAPNO
	gOLDMASK
	gCR2
	gregCount
)
