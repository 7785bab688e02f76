#include "textflag.h"
#include "layout.h"

#define SYS_write 1
#define SYS_close 3
#define SYS_mmap 9
#define SYS_munmap 11
#define SYS_rt_sigaction 13
#define SYS_rt_sigprocmask 14
#define SYS_rt_sigreturn 15
#define SYS_dup2 33
#define SYS_recvmsg 47
#define SYS_getpid 39
#define SYS_clone 56
#define SYS_exit 60
#define SYS_getuid 102
#define SYS_getgid 104
#define SYS_geteuid 107
#define SYS_getegid 108
#define SYS_getppid 110
#define SYS_sigaltstack 131
#define SYS_prctl 157
#define SYS_gettid 186
#define SYS_futex 202
#define SYS_exit_group 231
#define SYS_seccomp 317
#define SYS_close_range 436

// stub is the text of the template and of every stub process. It runs at
// TEXT_BASE there, never here, so it refers to nothing outside itself. Its
// entry points are 16 bytes apart; it ends with sixteen bytes of 0xf1.
//
// Everything it reads from a slot was written by the Sentry or by a guest
// that took the stub over. It checks nothing: the seccomp filter holds.
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0
	JMP	template
	PCALIGN	$16
	JMP	handler
	PCALIGN	$16
	JMP	enter
	PCALIGN	$16
	JMP	entered
	PCALIGN	$16
	JMP	leaving
	PCALIGN	$16
	JMP	left
	PCALIGN	$16
	JMP	post
	PCALIGN	$16

	// The handler of every signal, on the slot's alternate stack with all
	// signals blocked. SI is the siginfo, DX the ucontext. A kick that finds
	// the thread between enter and leaving is noted and looked at there.
handler:
	MOVQ	SP, BX
	ANDQ	$SLOT_MASK, BX
	CMPL	0(SI), $KICK
	JNE	frame
	MOVQ	UC_RIP(DX), AX
	SHRQ	$20, AX
	CMPQ	AX, $(TEXT_BASE>>20)
	JNE	frame
	CMPL	S_STATE(BX), $0
	JEQ	frame
	MOVL	$1, S_KICKED(BX)
	MOVQ	DX, SP
	MOVL	$SYS_rt_sigreturn, AX
	SYSCALL
	UNDEF
frame:
	MOVQ	DX, S_UC(BX)
	MOVQ	SI, S_INFO(BX)
	MOVL	$0, S_STATE(BX)
	JMP	post

	// A rewritten call: CX is where it returns to, R11 free, as after a
	// syscall instruction; the flags are the guest's until they are pushed.
	// The extended state stays in the processor.
enter:
	MOVQ	S_SELF(GS), R11
	MOVL	$1, S_STATE(R11)
entered:
	MOVQ	SP, S_GSP(R11)
	LEAQ	(S_GEFL+8)(R11), SP
	PUSHFQ
	MOVQ	BX, S_GBX(R11)
	MOVQ	R11, BX
	MOVQ	CX, S_GIP(BX)
	MOVQ	AX, S_GAX(BX)
	MOVQ	DI, S_GDI(BX)
	MOVQ	SI, S_GSI(BX)
	MOVQ	DX, S_GDX(BX)
	MOVQ	R8, S_GR8(BX)
	MOVQ	R9, S_GR9(BX)
	MOVQ	R10, S_GR10(BX)
	MOVQ	R12, S_GR12(BX)
	MOVQ	R13, S_GR13(BX)
	MOVQ	R14, S_GR14(BX)
	MOVQ	R15, S_GR15(BX)
	MOVQ	BP, S_GBP(BX)

	// What the Sentry left to be answered here.
	CMPL	AX, $SYS_getpid
	JLT	post
	CMPL	S_CACHED(BX), $0
	JEQ	post
	CMPL	AX, $SYS_gettid
	JHI	post
	LEAQ	S_LOCAL(BX), CX
	CMPL	AX, $SYS_getpid
	JEQ	local
	ADDQ	$4, CX
	CMPL	AX, $SYS_gettid
	JEQ	local
	ADDQ	$4, CX
	CMPL	AX, $SYS_getppid
	JEQ	local
	ADDQ	$4, CX
	CMPL	AX, $SYS_getuid
	JEQ	local
	ADDQ	$4, CX
	CMPL	AX, $SYS_geteuid
	JEQ	local
	ADDQ	$4, CX
	CMPL	AX, $SYS_getgid
	JEQ	local
	ADDQ	$4, CX
	CMPL	AX, $SYS_getegid
	JNE	post
local:
	MOVL	(CX), AX
	MOVQ	AX, S_GAX(BX)
	MOVL	$CMD_RETURN, S_CMD(BX)
	JMP	leaving

	// Hand over: 0, the state is in a signal frame, or 2, it is in the slot.
post:
	MOVL	S_STATE(BX), AX
	SHLL	$1, AX
give:
	XCHGL	AX, S_TURN(BX) // the Sentry's turn; a full barrier
	CMPL	S_PARKED(BX), $0
	JEQ	spin
	MOVQ	$CTL_BASE, R8
	MOVL	S_INDEX(BX), AX
	ANDL	$BELL_MASK, AX
	LOCK
	BTSL	AX, A_BITS(R8)
	MOVL	$FD_BELL, DI
	LEAQ	S_ONE(BX), SI
	MOVL	$8, DX
	MOVL	$SYS_write, AX
	SYSCALL
	// The Sentry may need this processor to come.
	JMP	doze

spin:
	MOVL	S_SPIN(BX), CX
	LEAL	-64(CX), DX
spinning:
	MOVL	S_TURN(BX), AX
	CMPL	AX, $TURN_STUB
	JEQ	answered
	CMPL	AX, $TURN_IDLE
	JEQ	doze
	PAUSE
	DECL	CX
	CMPL	CX, DX
	JEQ	where
	TESTL	CX, CX
	JGT	spinning
	JMP	doze
where:
	// To spin on the processor that the Sentry needs is in vain.
	MOVL	$CPU_SEG, AX
	LSLL	AX, AX
	MOVL	AX, S_STUBCPU(BX)
	CMPL	S_CPU(BX), AX
	JNE	spinning
doze:
	MOVL	$CPU_SEG, AX
	LSLL	AX, AX
	MOVL	AX, S_STUBCPU(BX)
	MOVL	$1, AX
	XCHGL	AX, S_SLEEP(BX)
sleep:
	MOVL	S_TURN(BX), DX
	CMPL	DX, $TURN_STUB
	JEQ	awake
	MOVQ	BX, DI
	XORL	SI, SI // FUTEX_WAIT
	XORL	R10, R10
	MOVL	$SYS_futex, AX
	SYSCALL
	JMP	sleep
awake:
	MOVL	$0, S_SLEEP(BX)

answered:
	// Batches of one address space run in the order of their numbers.
	MOVQ	$CTL_BASE, R15
	MOVL	S_MYSEQ(BX), R12
	TESTL	R12, R12
	JEQ	run
	LEAL	-1(R12), R13
	MOVL	$1000, CX
before:
	MOVL	A_DONESEQ(R15), AX
	CMPL	AX, R13
	JEQ	run
	PAUSE
	DECL	CX
	JGT	before
	LOCK
	INCL	A_WAITERS(R15)
	LEAQ	A_DONESEQ(R15), DI
	XORL	SI, SI
	MOVL	AX, DX
	XORL	R10, R10
	MOVL	$SYS_futex, AX
	SYSCALL
	LOCK
	DECL	A_WAITERS(R15)
	JMP	before

run:
	MOVL	S_NOPS(BX), R13
	LEAQ	S_OPS(BX), R14
op:
	TESTL	R13, R13
	JEQ	ran
	MOVQ	8(R14), DI
	MOVQ	16(R14), SI
	MOVQ	24(R14), DX
	MOVQ	32(R14), R10
	MOVQ	40(R14), R8
	MOVQ	48(R14), R9
	MOVL	56(R14), CX
	TESTL	$1, CX // the fifth argument is an index of A_FDS
	JEQ	notfd4
	ANDL	$63, R8
	MOVL	A_FDS(R15)(R8*4), R8
notfd4:
	TESTL	$2, CX // so is the first
	JEQ	notfd0
	ANDL	$63, DI
	MOVL	A_FDS(R15)(DI*4), DI
notfd0:
	MOVQ	$24, S_MSGCTLLEN(BX)
	MOVQ	(R14), AX
	TESTL	$8, CX // clone
	JEQ	notclone
	// The new thread may run late, when the slot of the old one holds other
	// operations: it looks at registers only.
	SYSCALL
	TESTQ	AX, AX
	JEQ	thread
	JMP	notrecv
notclone:
	SYSCALL
	MOVL	56(R14), CX
	TESTL	$20, CX
	JEQ	notrecv
	TESTL	$4, CX // recvmsg: remember the descriptor
	JEQ	name
	MOVL	S_CMSGFD(BX), DX
	SHRL	$8, CX
	ANDL	$63, CX
	MOVL	DX, A_FDS(R15)(CX*4)
	JMP	notrecv
name:
	MOVQ	$ARGS_BASE, CX
	MOVQ	24(R14), DX
	MOVQ	DX, (CX)
	MOVQ	32(R14), DX
	MOVQ	DX, 8(CX)
notrecv:
	MOVQ	AX, (R14)
	ADDQ	$64, R14
	DECL	R13
	JMP	op

ran:
	TESTL	R12, R12
	JEQ	settled
	XCHGL	R12, A_DONESEQ(R15)
	CMPL	A_WAITERS(R15), $0
	JEQ	settled
	LEAQ	A_DONESEQ(R15), DI
	MOVL	$1, SI
	MOVL	$0x7fffffff, DX
	MOVL	$SYS_futex, AX
	SYSCALL

settled:
	// Changes that others were given to make come first.
	MOVL	$1000, CX
after:
	MOVL	A_DONESEQ(R15), AX
	MOVL	AX, DX
	SUBL	S_NEEDSEQ(BX), DX
	JPL	resume
	PAUSE
	DECL	CX
	JGT	after
	LOCK
	INCL	A_WAITERS(R15)
	LEAQ	A_DONESEQ(R15), DI
	XORL	SI, SI
	MOVL	AX, DX
	XORL	R10, R10
	MOVL	$SYS_futex, AX
	SYSCALL
	LOCK
	DECL	A_WAITERS(R15)
	JMP	after

resume:
	MOVL	S_CMD(BX), AX
	CMPL	AX, $CMD_RETURN
	JEQ	return
	CMPL	AX, $CMD_REGS
	JEQ	leaving
	CMPL	AX, $CMD_POST
	JEQ	post
	CMPL	AX, $CMD_EXIT
	JEQ	exit
	CMPL	AX, $CMD_SPILL
	JEQ	spill
	CMPL	AX, $CMD_REGSFP
	JEQ	reload
	MOVQ	S_RESUME(BX), SP
	MOVL	$SYS_rt_sigreturn, AX
	SYSCALL
	UNDEF
spill:
	MOVL	S_XLO(BX), AX
	MOVL	S_XHI(BX), DX
	XSAVE64	S_XS(BX)
	JMP	post
reload:
	MOVL	S_XLO(BX), AX
	MOVL	S_XHI(BX), DX
	XRSTOR64	S_XS(BX)
	JMP	leaving
return:
	MOVQ	S_RESUME(BX), AX
	MOVQ	AX, S_GAX(BX)

	// From here on a kick interrupts the guest: its registers are those in
	// the slot, whatever has been loaded.
leaving:
	MOVL	$0, S_STATE(BX)
	CMPL	S_KICKED(BX), $0
	JNE	kicked
	MOVQ	S_GAX(BX), AX
	MOVQ	S_GDI(BX), DI
	MOVQ	S_GSI(BX), SI
	MOVQ	S_GDX(BX), DX
	MOVQ	S_GR8(BX), R8
	MOVQ	S_GR9(BX), R9
	MOVQ	S_GR10(BX), R10
	MOVQ	S_GR12(BX), R12
	MOVQ	S_GR13(BX), R13
	MOVQ	S_GR14(BX), R14
	MOVQ	S_GR15(BX), R15
	MOVQ	S_GBP(BX), BP
	CMPL	S_CMD(BX), $CMD_RETURN
	JNE	all
	LEAQ	S_GEFL(BX), SP
	POPFQ
	MOVQ	S_GIP(BX), CX
	MOVQ	S_GEFL(BX), R11
	MOVQ	S_GSP(BX), SP
	MOVQ	S_GBX(BX), BX
	JMP	CX
all:
	MOVQ	S_GCX(BX), CX
	MOVQ	S_GR11(BX), R11
	LEAQ	S_IRET(BX), SP
	MOVQ	S_GBX(BX), BX
	IRETQ
kicked:
	MOVL	$0, S_KICKED(BX)
	MOVL	$1, S_STATE(BX)
left:
	MOVL	$3, AX
	JMP	give

exit:
	XORL	AX, AX
	XCHGL	AX, S_TURN(BX) // the slot may be used again
	XORL	DI, DI
	MOVL	$SYS_exit, AX
	SYSCALL
	UNDEF

thread:
	// A new thread, on the stack that the Sentry chose.
	LEAQ	-1(SP), BX
	ANDQ	$SLOT_MASK, BX
	LEAQ	S_SS(BX), DI
	XORL	SI, SI
	MOVL	$SYS_sigaltstack, AX
	SYSCALL
	JMP	doze

	// The template: descriptor 3 is its socket.
template:
	MOVQ	$(DATA_BASE+DATA_TOP), SP
	MOVQ	$0x10000, DI
	MOVQ	$(TEXT_BASE-0x10000), SI
	MOVL	$SYS_munmap, AX
	SYSCALL
	MOVQ	$AFTER_CTL, DI
	MOVQ	$(USER_TOP-AFTER_CTL), SI
	MOVL	$SYS_munmap, AX
	SYSCALL
	MOVL	$38, DI // PR_SET_NO_NEW_PRIVS
	MOVL	$1, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$SYS_prctl, AX
	SYSCALL
	MOVQ	$ARGS_BASE, CX
	MOVQ	$0x0029736275747328, AX // "(stubs)"
	MOVQ	AX, (CX)
	MOVL	$35, DI // PR_SET_MM, which some hosts refuse: they show a name only
	MOVL	$14, SI // PR_SET_MM_MAP
	MOVQ	$(DATA_BASE+DATA_MM), DX
	MOVL	$104, R10
	XORL	R8, R8
	MOVL	$SYS_prctl, AX
	SYSCALL

	SUBQ	$256, SP
	MOVQ	$-1, AX
	MOVQ	AX, 24(SP) // sa_mask
	MOVL	$2, DI     // SIG_SETMASK
	LEAQ	24(SP), SI
	XORL	DX, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ	$(TEXT_BASE+16), AX
	MOVQ	AX, 0(SP)  // sa_handler
	MOVQ	$0x0c000004, CX // SA_SIGINFO|SA_ONSTACK|SA_RESTORER
	MOVQ	CX, 8(SP)
	MOVQ	AX, 16(SP) // sa_restorer: never used
	// SIGILL SIGTRAP SIGBUS SIGFPE SIGUSR1 SIGSEGV SIGSYS
	MOVL	$0xdb0, R12
	XORL	BX, BX
sigs:
	BTL	BX, R12
	JCC	nosig
	MOVL	BX, DI
	MOVQ	SP, SI
	XORL	DX, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigaction, AX
	SYSCALL
nosig:
	INCL	BX
	CMPL	BX, $32
	JLT	sigs
	MOVL	$31, DI // SIGSYS
	MOVQ	SP, SI
	XORL	DX, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigaction, AX
	SYSCALL

	// Say that all is set up, then make a stub for every request.
	MOVL	$0, 128(SP)
	JMP	report
serve:
	// struct msghdr at 0, iovec at 64, data at 80, control at 96.
	XORL	AX, AX
	MOVQ	AX, 0(SP)
	MOVQ	AX, 8(SP)
	LEAQ	64(SP), CX
	MOVQ	CX, 16(SP)
	MOVQ	$1, 24(SP)
	LEAQ	96(SP), CX
	MOVQ	CX, 32(SP)
	MOVQ	$32, 40(SP)
	MOVQ	AX, 48(SP)
	LEAQ	80(SP), CX
	MOVQ	CX, 64(SP)
	MOVQ	$8, 72(SP)
	MOVL	$3, DI
	MOVQ	SP, SI
	XORL	DX, DX
	MOVL	$SYS_recvmsg, AX
	SYSCALL
	CMPQ	AX, $-4 // EINTR
	JEQ	serve
	TESTQ	AX, AX
	JLE	gone
	MOVL	112(SP), R12 // the control file
	MOVL	116(SP), R13 // the stub's socket
	MOVL	120(SP), R14 // its doorbell
	MOVL	$0x8011, DI // CLONE_PARENT|SIGCHLD
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVL	AX, 128(SP)
	MOVL	R12, DI
	MOVL	$SYS_close, AX
	SYSCALL
	MOVL	R13, DI
	MOVL	$SYS_close, AX
	SYSCALL
	MOVL	R14, DI
	MOVL	$SYS_close, AX
	SYSCALL
report:
	MOVL	$3, DI
	LEAQ	128(SP), SI
	MOVL	$4, DX
	MOVL	$SYS_write, AX
	SYSCALL
	TESTQ	AX, AX
	JGT	serve
gone:
	XORL	DI, DI
	MOVL	$SYS_exit_group, AX
	SYSCALL
	UNDEF

child:
	// The page becomes the stub's own here, where nobody waits.
	MOVQ	$ARGS_BASE, CX
	MOVQ	$0x000029656c646928, AX // "(idle)"
	MOVQ	AX, (CX)
	MOVL	$1, DI // PR_SET_PDEATHSIG
	MOVL	$9, SI
	MOVL	$SYS_prctl, AX
	SYSCALL
	MOVQ	$CTL_BASE, DI
	MOVQ	$CTL_SIZE, SI
	MOVL	$3, DX
	MOVL	$0x11, R10
	MOVL	R12, R8
	XORL	R9, R9
	MOVL	$SYS_mmap, AX
	SYSCALL
	MOVQ	$CTL_BASE, BX
	CMPQ	AX, BX
	JNE	gone
	MOVL	R13, DI
	MOVL	$FD_SOCK, SI
	MOVL	$SYS_dup2, AX
	SYSCALL
	MOVL	R14, DI
	MOVL	$FD_BELL, SI
	MOVL	$SYS_dup2, AX
	SYSCALL
	MOVL	$2, DI
	MOVL	$-1, SI
	XORL	DX, DX
	MOVL	$SYS_close_range, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	gone
	LEAQ	S_SS(BX), DI
	XORL	SI, SI
	MOVL	$SYS_sigaltstack, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	gone
	// A kick is only noted from here on: S_STATE is 1.
	XORL	AX, AX
	MOVQ	AX, 24(SP)
	MOVL	$2, DI // SIG_SETMASK
	LEAQ	24(SP), SI
	XORL	DX, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL
	MOVL	$1, DI // SECCOMP_SET_MODE_FILTER
	XORL	SI, SI
	MOVQ	$(DATA_BASE+DATA_FPROG), DX
	MOVL	$SYS_seccomp, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	gone
	LEAQ	0x8000(BX), SP
	MOVQ	$DATA_BASE, DI
	MOVQ	$DATA_SIZE, SI
	MOVL	$SYS_munmap, AX
	SYSCALL
	JMP	doze

	PCALIGN	$16
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1
	BYTE	$0xf1; BYTE $0xf1; BYTE $0xf1; BYTE $0xf1

// func stubAddr() uintptr
TEXT ·stubAddr(SB), NOSPLIT, $0-8
	LEAQ	·stub(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func pause(n uint32)
TEXT ·pause(SB), NOSPLIT, $0-4
	MOVL	n+0(FP), CX
again:
	PAUSE
	DECL	CX
	JGT	again
	RET

// func processor() uint32
TEXT ·processor(SB), NOSPLIT, $0-4
	MOVL	$CPU_SEG, AX
	LSLL	AX, AX
	MOVL	AX, ret+0(FP)
	RET

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL	leaf+0(FP), AX
	MOVL	sub+4(FP), CX
	CPUID
	MOVL	AX, a+8(FP)
	MOVL	BX, b+12(FP)
	MOVL	CX, c+16(FP)
	MOVL	DX, d+20(FP)
	RET

// func xgetbv() uint64
TEXT ·xgetbv(SB), NOSPLIT, $0-8
	XORL	CX, CX
	BYTE	$0x0f; BYTE $0x01; BYTE $0xd0 // XGETBV
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
