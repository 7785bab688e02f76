package host

import (
	"slices"

	"golang.org/x/sys/unix"
)

// goferRules is the gofer's table: beneath its root it may do to files what a
// guest may ask for. Calls that take a whole path are left out where one with
// a directory's descriptor exists.
var goferRules = slices.Concat(runtimeRules, socketRules, []rule{
	allow(unix.SYS_GETRLIMIT),
	allow(unix.SYS_OPENAT),
	allow(unix.SYS_OPENAT2),
	allow(unix.SYS_NEWFSTATAT),
	allow(unix.SYS_STATX),
	allow(unix.SYS_FSTATFS),
	allow(unix.SYS_READLINKAT),
	allow(unix.SYS_GETDENTS64),
	allow(unix.SYS_FACCESSAT),
	allow(unix.SYS_FACCESSAT2),

	allow(unix.SYS_PREAD64),
	allow(unix.SYS_PWRITE64),
	allow(unix.SYS_PREADV),
	allow(unix.SYS_PWRITEV),
	allow(unix.SYS_FTRUNCATE),
	allow(unix.SYS_FALLOCATE),
	allow(unix.SYS_FSYNC),
	allow(unix.SYS_FDATASYNC),
	allow(unix.SYS_COPY_FILE_RANGE),
	allow(unix.SYS_FLOCK),

	allow(unix.SYS_MKDIRAT),
	allow(unix.SYS_MKNODAT),
	allow(unix.SYS_SYMLINKAT),
	allow(unix.SYS_LINKAT),
	allow(unix.SYS_UNLINKAT),
	allow(unix.SYS_RENAMEAT),
	allow(unix.SYS_RENAMEAT2),
	allow(unix.SYS_FCHMOD),
	allow(unix.SYS_FCHMODAT),
	allow(unix.SYS_FCHMODAT2),
	allow(unix.SYS_FCHOWN),
	allow(unix.SYS_FCHOWNAT),
	allow(unix.SYS_UTIMENSAT),
	allow(unix.SYS_UMASK),

	allow(unix.SYS_FGETXATTR),
	allow(unix.SYS_FSETXATTR),
	allow(unix.SYS_FLISTXATTR),
	allow(unix.SYS_FREMOVEXATTR),
	// A symbolic link or device cannot be opened: /proc/self/fd/N names it.
	allow(unix.SYS_GETXATTR),
	allow(unix.SYS_SETXATTR),
	allow(unix.SYS_LISTXATTR),
	allow(unix.SYS_REMOVEXATTR),
	allow(unix.SYS_LGETXATTR),
	allow(unix.SYS_LSETXATTR),
	allow(unix.SYS_LLISTXATTR),
	allow(unix.SYS_LREMOVEXATTR),

	// A file is made in the name of the guest's user. Threads change their
	// own, so these are the raw calls (setfsuid(2)).
	allow(unix.SYS_SETFSUID),
	allow(unix.SYS_SETFSGID),
	allow(unix.SYS_SETGROUPS),

	// Shared memory for hot 9P calls.
	allow(unix.SYS_MEMFD_CREATE),
	// Unix sockets of the host, where --host-uds asks for them.
	allow(unix.SYS_SOCKET).when(equal32(0, unix.AF_UNIX)),
	allow(unix.SYS_CONNECT),
})
