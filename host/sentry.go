package host

import (
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// threadFlags is what Go's runtime clones a thread with (runtime/os_linux.go):
// no new process can come of it.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES |
	unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD

// futexOps masks FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME away.
const futexOps = 0x7f

// runtimeRules is what Go's runtime and its poller need in every process.
var runtimeRules = []rule{
	// Hot calls with conditions first: the kernel cannot remember those.
	allow(unix.SYS_FUTEX).
		when(masked32(1, futexOps, 0)). // FUTEX_WAIT
		when(masked32(1, futexOps, 1)). // FUTEX_WAKE
		when(masked32(1, futexOps, 9)), // FUTEX_WAIT_BITSET
	// New memory is never executable: no JIT, no injected code.
	allow(unix.SYS_MMAP).when(without(2, unix.PROT_EXEC)),
	allow(unix.SYS_MPROTECT).when(without(2, unix.PROT_EXEC)),
	allow(unix.SYS_MUNMAP),
	allow(unix.SYS_MADVISE),
	allow(unix.SYS_MINCORE),

	// Without cgo the thread's TLS comes along.
	allow(unix.SYS_CLONE).in(0, threadFlags, threadFlags|unix.CLONE_SETTLS),
	allow(unix.SYS_EXIT),
	allow(unix.SYS_EXIT_GROUP),
	allow(unix.SYS_GETPID),
	allow(unix.SYS_GETTID),
	allow(unix.SYS_GETUID),
	allow(unix.SYS_GETEUID),
	allow(unix.SYS_GETGID),
	allow(unix.SYS_GETEGID),
	allow(unix.SYS_TGKILL),
	allow(unix.SYS_SCHED_YIELD),
	allow(unix.SYS_SCHED_GETAFFINITY),
	allow(unix.SYS_RESTART_SYSCALL),

	allow(unix.SYS_RT_SIGACTION),
	allow(unix.SYS_RT_SIGPROCMASK),
	allow(unix.SYS_RT_SIGRETURN),
	allow(unix.SYS_SIGALTSTACK),

	allow(unix.SYS_NANOSLEEP),
	allow(unix.SYS_CLOCK_NANOSLEEP),
	allow(unix.SYS_CLOCK_GETTIME),
	allow(unix.SYS_CLOCK_GETRES),
	allow(unix.SYS_GETTIMEOFDAY),
	// The profiler's per-thread timers.
	allow(unix.SYS_SETITIMER),
	allow(unix.SYS_TIMER_CREATE),
	allow(unix.SYS_TIMER_SETTIME),
	allow(unix.SYS_TIMER_DELETE),
	allow(unix.SYS_GETRANDOM),

	allow(unix.SYS_EPOLL_CREATE1),
	allow(unix.SYS_EPOLL_CTL),
	allow(unix.SYS_EPOLL_PWAIT),
	allow(unix.SYS_EVENTFD2),
	allow(unix.SYS_PIPE2),
	allow(unix.SYS_READ),
	allow(unix.SYS_WRITE),
	allow(unix.SYS_CLOSE),
	allow(unix.SYS_FSTAT),
	allow(unix.SYS_LSEEK),
	allow(unix.SYS_DUP3),
	allow(unix.SYS_FCNTL).in(1,
		unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC,
		unix.F_ADD_SEALS, unix.F_GET_SEALS),
	// os.File and the crash printer look whether output is a terminal.
	allow(unix.SYS_PPOLL),
	allow(unix.SYS_POLL),
}

// socketRules serve 9P and the control socket, which are open already.
var socketRules = []rule{
	allow(unix.SYS_READV),
	allow(unix.SYS_WRITEV),
	allow(unix.SYS_RECVMSG),
	allow(unix.SYS_SENDMSG),
	allow(unix.SYS_RECVFROM),
	allow(unix.SYS_SENDTO),
	allow(unix.SYS_SHUTDOWN),
	allow(unix.SYS_GETSOCKNAME),
	allow(unix.SYS_GETPEERNAME),
	allow(unix.SYS_GETSOCKOPT).
		when(equal32(1, unix.SOL_SOCKET)),
	allow(unix.SYS_SOCKETPAIR).
		when(equal32(0, unix.AF_UNIX)),
}

// ReopenFD is the descriptor below which the Sentry reopens its memory files:
// /proc/self/fd, as KeepReopen leaves it.
const ReopenFD = 1000

// KeepReopen makes ReopenMemory work after SealSentry. procFD is the root of a procfs
// of the caller's pid namespace.
func KeepReopen(procFD int) error {
	fd, err := unix.Openat(procFD, "self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /proc/self/fd: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Dup3(fd, ReopenFD, unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("descriptor %d (is the limit of open files, ulimit -Hn, too low?): %w", ReopenFD, err)
	}
	return nil
}

// ReopenMemory returns a read-only descriptor of the file behind fd.
func ReopenMemory(fd int) (int, error) {
	return unix.Openat(ReopenFD, strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// sentryRules is the Sentry's own table.
var sentryRules = slices.Concat(runtimeRules, socketRules, []rule{
	allow(unix.SYS_ACCEPT4),
	// Frames, through packet sockets that were opened for it.
	allow(unix.SYS_RECVMMSG),
	allow(unix.SYS_SENDMMSG),

	// Guest memory and donated files.
	allow(unix.SYS_PREAD64),
	allow(unix.SYS_PWRITE64),
	allow(unix.SYS_PREADV),
	allow(unix.SYS_PWRITEV),
	allow(unix.SYS_PREADV2),
	allow(unix.SYS_PWRITEV2),
	allow(unix.SYS_MEMFD_CREATE),
	allow(unix.SYS_FTRUNCATE),
	allow(unix.SYS_FALLOCATE),
	allow(unix.SYS_FSTATFS),
	allow(unix.SYS_FSYNC),
	allow(unix.SYS_FDATASYNC),
	allow(unix.SYS_SYNC_FILE_RANGE),
	allow(unix.SYS_MEMBARRIER),

	// Memory files that a fork freezes, by their own number below
	// /proc/self/fd.
	allow(unix.SYS_OPENAT).
		when(equal32(0, ReopenFD), equal32(2, unix.O_RDONLY|unix.O_CLOEXEC)),
	allow(unix.SYS_PIDFD_OPEN),

	// Stubs: kicked, killed and reaped, never made (the template does).
	allow(unix.SYS_PIDFD_SEND_SIGNAL),
	allow(unix.SYS_KILL),
	allow(unix.SYS_WAITID),
	allow(unix.SYS_WAIT4),
	// Answers to the notifications of a stub's filter; terminals of the host.
	allow(unix.SYS_IOCTL).in(1,
		unix.SECCOMP_IOCTL_NOTIF_RECV, unix.SECCOMP_IOCTL_NOTIF_SEND,
		unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unix.SECCOMP_IOCTL_NOTIF_ADDFD,
		unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		unix.TCGETS, unix.TCSETS, unix.TCSETSW, unix.TCSETSF,
		unix.TIOCGWINSZ, unix.TIOCSWINSZ, unix.TIOCINQ, unix.TIOCOUTQ,
		unix.TCSBRK, unix.TCFLSH, unix.TCXONC),
})
