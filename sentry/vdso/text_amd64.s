#include "textflag.h"

// Offsets in the parameter page; params.go says the same for Go.
#define P_SEQ   0x00
#define P_TSC   0x08
#define P_LIMIT 0x10
#define P_MULT  0x18
#define P_MONO  0x20
#define P_REAL  0x30

#define SECOND 1000000000

// text is what guests execute. Every exported function loads the address of
// the parameters into R8 and jumps to one of the jumps at the start. They obey
// the C calling convention and use no stack. R11 says which function it is, R10
// which clock.
TEXT ·text(SB), NOSPLIT|NOFRAME, $0
	JMP	gettime
	PCALIGN	$16
	JMP	timeofday
	PCALIGN	$16
	JMP	seconds
	PCALIGN	$16

	// int clock_gettime(clockid_t DI, struct timespec *SI)
gettime:
	XORL	R11, R11
	MOVL	$P_REAL, R10
	CMPL	DI, $0  // CLOCK_REALTIME
	JEQ	read
	CMPL	DI, $11 // CLOCK_TAI
	JEQ	read
	MOVL	$P_MONO, R10
	CMPL	DI, $1  // CLOCK_MONOTONIC
	JEQ	read
	CMPL	DI, $7  // CLOCK_BOOTTIME
	JEQ	read
	CMPL	DI, $4  // CLOCK_MONOTONIC_RAW
	JEQ	read
	JMP	ask

	// int gettimeofday(struct timeval *DI, struct timezone *SI)
timeofday:
	MOVL	$1, R11
	MOVL	$P_REAL, R10
	JMP	read

	// time_t time(time_t *DI)
seconds:
	MOVL	$2, R11
	MOVL	$P_REAL, R10

read:
	MOVL	P_SEQ(R8), R9
	TESTL	$1, R9
	JEQ	stable
	PAUSE
	JMP	read
stable:
	LFENCE
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	SUBQ	P_TSC(R8), AX
	CMPQ	AX, P_LIMIT(R8) // none is valid if it is 0
	JCC	invalid
	MULQ	P_MULT(R8)
	SHRQ	$32, DX, AX
	MOVQ	0(R8)(R10*1), CX
	ADDQ	8(R8)(R10*1), AX
	CMPL	R9, P_SEQ(R8)
	JNE	read
carry:
	CMPQ	AX, $SECOND
	JCS	carried
	SUBQ	$SECOND, AX
	INCQ	CX
	JMP	carry
carried:
	CMPL	R11, $1
	JEQ	microseconds
	JHI	justSeconds
	MOVQ	CX, 0(SI)
	MOVQ	AX, 8(SI)
	XORL	AX, AX
	RET
microseconds:
	TESTQ	SI, SI
	JEQ	nozone
	MOVQ	$0, 0(SI)
nozone:
	TESTQ	DI, DI
	JEQ	done
	XORL	DX, DX
	MOVL	$1000, R9
	DIVQ	R9
	MOVQ	CX, 0(DI)
	MOVQ	AX, 8(DI)
done:
	XORL	AX, AX
	RET
justSeconds:
	TESTQ	DI, DI
	JEQ	nowhere
	MOVQ	CX, 0(DI)
nowhere:
	MOVQ	CX, AX
	RET

	// The Sentry knows, and makes the parameters valid again. The calls are
	// such as systrap can rewrite.
invalid:
	CMPL	R11, $1
	JEQ	asktimeofday
	JHI	askseconds
ask:
	MOVL	$228, AX // clock_gettime
	SYSCALL
	RET
asktimeofday:
	MOVL	$96, AX // gettimeofday
	SYSCALL
	RET
askseconds:
	MOVL	$201, AX // time
	SYSCALL
	RET
	PCALIGN	$16
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1

// func textAddr() uintptr
TEXT ·textAddr(SB), NOSPLIT, $0-8
	LEAQ	·text(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func ticks() uint64
TEXT ·ticks(SB), NOSPLIT, $0-8
	LFENCE
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
