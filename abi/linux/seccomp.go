package linux

import "structs"

// Values of seccomp(2).
const (
	SECCOMP_MODE_DISABLED = 0
	SECCOMP_MODE_STRICT   = 1
	SECCOMP_MODE_FILTER   = 2

	SECCOMP_SET_MODE_STRICT  = 0
	SECCOMP_SET_MODE_FILTER  = 1
	SECCOMP_GET_ACTION_AVAIL = 2

	SECCOMP_FILTER_FLAG_TSYNC       = 1
	SECCOMP_FILTER_FLAG_LOG         = 2
	SECCOMP_FILTER_FLAG_SPEC_ALLOW  = 4
	SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 16

	SECCOMP_RET_KILL_PROCESS = 0x80000000
	SECCOMP_RET_KILL_THREAD  = 0
	SECCOMP_RET_TRAP         = 0x00030000
	SECCOMP_RET_ERRNO        = 0x00050000
	SECCOMP_RET_USER_NOTIF   = 0x7fc00000
	SECCOMP_RET_TRACE        = 0x7ff00000
	SECCOMP_RET_LOG          = 0x7ffc0000
	SECCOMP_RET_ALLOW        = 0x7fff0000
	SECCOMP_RET_ACTION_FULL  = 0xffff0000
	SECCOMP_RET_DATA         = 0x0000ffff

	AUDIT_ARCH_X86_64 = 0xc000003e
	SYS_SECCOMP       = 1 // si_code of SIGSYS
)

// SockFprog is struct sock_fprog.
type SockFprog struct {
	_      structs.HostLayout
	Len    uint16
	_      [6]byte
	Filter uint64
}

// SockFilter is struct sock_filter.
type SockFilter struct {
	_    structs.HostLayout
	Code uint16
	JT   uint8
	JF   uint8
	K    uint32
}
