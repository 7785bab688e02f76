package kernel

import (
	"encoding/binary"

	"glovebox/abi/linux"
)

// Info is what a signal says (siginfo_t).
type Info = linux.Siginfo

var le = binary.LittleEndian

// Offsets in Info.Fields (include/uapi/asm-generic/siginfo.h).
const (
	infoPID     = 0 // kill, rt, chld
	infoUID     = 4
	infoValue   = 8 // rt
	infoStatus  = 8 // chld
	infoUtime   = 16
	infoStime   = 24
	infoTimerID = 0 // timer
	infoOverrun = 4
	infoAddr    = 0 // fault
)

// KillInfo is the information of a signal that a process sent: code is
// SI_USER, SI_TKILL or SI_QUEUE.
func KillInfo(signo int, code, pid int32, uid uint32) *Info {
	i := &Info{Signo: int32(signo), Code: code}
	le.PutUint32(i.Fields[infoPID:], uint32(pid))
	le.PutUint32(i.Fields[infoUID:], uid)
	return i
}

// KernelInfo is the information of a signal that the kernel sends (SI_KERNEL).
func KernelInfo(signo int) *Info { return &Info{Signo: int32(signo), Code: linux.SI_KERNEL} }

// FaultInfo is the information of a processor fault at addr.
func FaultInfo(signo int, code int32, addr uint64) *Info {
	i := &Info{Signo: int32(signo), Code: code}
	le.PutUint64(i.Fields[infoAddr:], addr)
	return i
}

// MessageInfo is the information of mq_notify(3)'s signal about a message that the
// process pid sent.
func MessageInfo(signo int, pid int32, uid uint32, value uint64) *Info {
	i := KillInfo(signo, linux.SI_MESGQ, pid, uid)
	le.PutUint64(i.Fields[infoValue:], value)
	return i
}

func childInfo(code, pid int32, uid uint32, status int32, utime, stime int64) *Info {
	i := KillInfo(linux.SIGCHLD, code, pid, uid)
	le.PutUint32(i.Fields[infoStatus:], uint32(status))
	le.PutUint64(i.Fields[infoUtime:], uint64(utime))
	le.PutUint64(i.Fields[infoStime:], uint64(stime))
	return i
}

func timerInfo(signo int, id int32, value uint64) *Info {
	i := &Info{Signo: int32(signo), Code: linux.SI_TIMER}
	le.PutUint32(i.Fields[infoTimerID:], uint32(id))
	le.PutUint64(i.Fields[infoValue:], value)
	return i
}

// bit is the set of just one signal.
func bit(signo int) linux.Sigset { return 1 << (signo - 1) }

// Sets of signals (kernel/signal.c).
const (
	unblockable = linux.Sigset(1<<(linux.SIGKILL-1) | 1<<(linux.SIGSTOP-1))
	stopSignals = linux.Sigset(1<<(linux.SIGSTOP-1) | 1<<(linux.SIGTSTP-1) |
		1<<(linux.SIGTTIN-1) | 1<<(linux.SIGTTOU-1))
	ignoredByDefault = linux.Sigset(1<<(linux.SIGCONT-1) | 1<<(linux.SIGCHLD-1) |
		1<<(linux.SIGWINCH-1) | 1<<(linux.SIGURG-1))
	dumping = linux.Sigset(1<<(linux.SIGQUIT-1) | 1<<(linux.SIGILL-1) | 1<<(linux.SIGTRAP-1) |
		1<<(linux.SIGABRT-1) | 1<<(linux.SIGFPE-1) | 1<<(linux.SIGSEGV-1) | 1<<(linux.SIGBUS-1) |
		1<<(linux.SIGSYS-1) | 1<<(linux.SIGXCPU-1) | 1<<(linux.SIGXFSZ-1))
	synchronous = linux.Sigset(1<<(linux.SIGSEGV-1) | 1<<(linux.SIGBUS-1) | 1<<(linux.SIGILL-1) |
		1<<(linux.SIGTRAP-1) | 1<<(linux.SIGFPE-1) | 1<<(linux.SIGSYS-1))
)

func has(s linux.Sigset, signo int) bool { return s&bit(signo) != 0 }

// validSignal reports whether signo names a signal.
func validSignal(signo int) bool { return signo >= 1 && signo <= linux.NSIG }
