package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// DieWithParent makes the end of the thread that started this process its end.
func DieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_PDEATHSIG: %w", err)
	}
	return nil
}

// SetDumpable gives the process back its own files in /proc, which a change
// of credentials made root's, and writes no core file.
func SetDumpable() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("RLIMIT_CORE: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_DUMPABLE: %w", err)
	}
	return nil
}

// Spare returns an open file that is for nothing but to be closed when the
// process is out of descriptors; nil, which can be closed too, where it is.
func Spare() *os.File {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "spare")
}
