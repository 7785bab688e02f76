package systrap

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futexWake wakes all who sleep on a word shared between processes (futex(2)).
func futexWake(w *atomic.Uint32) {
	const wake, all = 1, 1<<31 - 1
	unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), wake, all)
}
