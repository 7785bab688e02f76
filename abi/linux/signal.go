package linux

import "structs"

// A Sigset is a set of signals: bit n-1 is signal n (sigset_t of the kernel).
type Sigset uint64

// Signals (signal(7)).
const (
	SIGHUP    = 1
	SIGINT    = 2
	SIGQUIT   = 3
	SIGILL    = 4
	SIGTRAP   = 5
	SIGABRT   = 6
	SIGBUS    = 7
	SIGFPE    = 8
	SIGKILL   = 9
	SIGUSR1   = 10
	SIGSEGV   = 11
	SIGUSR2   = 12
	SIGPIPE   = 13
	SIGALRM   = 14
	SIGTERM   = 15
	SIGSTKFLT = 16
	SIGCHLD   = 17
	SIGCONT   = 18
	SIGSTOP   = 19
	SIGTSTP   = 20
	SIGTTIN   = 21
	SIGTTOU   = 22
	SIGURG    = 23
	SIGXCPU   = 24
	SIGXFSZ   = 25
	SIGVTALRM = 26
	SIGPROF   = 27
	SIGWINCH  = 28
	SIGIO     = 29
	SIGPWR    = 30
	SIGSYS    = 31
	SIGRTMIN  = 32
	NSIG      = 64
)

// Actions and flags of sigaction(2).
const (
	SIG_DFL = 0
	SIG_IGN = 1

	SA_NOCLDSTOP      = 0x1
	SA_NOCLDWAIT      = 0x2
	SA_SIGINFO        = 0x4
	SA_UNSUPPORTED    = 0x400
	SA_EXPOSE_TAGBITS = 0x800
	SA_RESTORER       = 0x04000000
	SA_ONSTACK        = 0x08000000
	SA_RESTART        = 0x10000000
	SA_NODEFER        = 0x40000000
	SA_RESETHAND      = 0x80000000
)

// How of sigprocmask(2).
const (
	SIG_BLOCK   = 0
	SIG_UNBLOCK = 1
	SIG_SETMASK = 2
)

// Flags of sigaltstack(2).
const (
	SS_ONSTACK     = 1
	SS_DISABLE     = 2
	SS_AUTODISARM  = 1 << 31
	MINSIGSTKSZ    = 2048
	SigactionSize  = 32
	SigsetSize     = 8
	SiginfoSize    = 128
	SigeventSize   = 64
	SIGEV_SIGNAL   = 0
	SIGEV_NONE     = 1
	SIGEV_THREAD   = 2
	SIGEV_THREADID = 4
)

// Values of si_code (sigaction(2)).
const (
	SI_USER    = 0
	SI_KERNEL  = 0x80
	SI_QUEUE   = -1
	SI_TIMER   = -2
	SI_MESGQ   = -3
	SI_ASYNCIO = -4
	SI_SIGIO   = -5
	SI_TKILL   = -6

	CLD_EXITED    = 1
	CLD_KILLED    = 2
	CLD_DUMPED    = 3
	CLD_TRAPPED   = 4
	CLD_STOPPED   = 5
	CLD_CONTINUED = 6

	SEGV_MAPERR = 1
	SEGV_ACCERR = 2
	BUS_ADRALN  = 1
	BUS_ADRERR  = 2
	ILL_ILLOPN  = 2
	FPE_INTDIV  = 1
	TRAP_BRKPT  = 1
	TRAP_TRACE  = 2
)

// Sigaction is struct kernel_sigaction of x86-64.
type Sigaction struct {
	_        structs.HostLayout
	Handler  uint64
	Flags    uint64
	Restorer uint64
	Mask     Sigset
}

// Siginfo is siginfo_t; Fields depends on Code (sigaction(2)).
type Siginfo struct {
	_      structs.HostLayout
	Signo  int32
	Errno  int32
	Code   int32
	_      int32
	Fields [112]byte
}

// Stack is stack_t (sigaltstack(2)).
type Stack struct {
	_     structs.HostLayout
	SP    uint64
	Flags uint32
	_     uint32
	Size  uint64
}

// Sigevent is struct sigevent.
type Sigevent struct {
	_      structs.HostLayout
	Value  uint64
	Signo  int32
	Notify int32
	TID    int32
	_      [44]byte
}
