#include "textflag.h"

// runsc_entry is where the kernel enters the program: the Makefile names it to
// the linker. It notes which standard streams are closed, before Go's runtime
// opens /dev/null in their places, and goes on as every Go program does. The
// stack and DX are the runtime's; nothing else has a meaning yet (x86-64 psABI,
// 3.4.1).
TEXT runsc_entry(SB),NOSPLIT|NOFRAME,$0
	XORL	BX, BX		// bit n: descriptor n is closed
	XORL	DI, DI
next:
	MOVL	$72, AX		// fcntl
	MOVL	$1, SI		// F_GETFD
	SYSCALL
	TESTQ	AX, AX
	JGE	open
	BTSL	DI, BX
open:
	INCL	DI
	CMPL	DI, $3
	JLT	next
	MOVL	BX, ·closedStreams(SB)
	JMP	_rt0_amd64_linux(SB)
