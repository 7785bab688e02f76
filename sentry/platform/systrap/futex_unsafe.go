package systrap

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futex is futex(2) on a word shared between processes.
func futex(w *atomic.Uint32, op int, v uint32, ts *unix.Timespec) {
	// Both pointers live until the call returns.
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), uintptr(op), uintptr(v), uintptr(unsafe.Pointer(ts)), 0, 0)
}
