package sandbox

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/boot"
)

// crashSize is how much of a dying process's last words are kept; its last bytes
// are for the status of one that ends in order.
const (
	crashSize = boot.StatusAt + boot.StatusSize
)

// A crashLog is the standard error of a process that is not supposed to say
// anything: Go's runtime writes there why it dies. It cannot grow, so a
// process that was taken over cannot fill the host's memory with it.
type crashLog struct{ fd int }

func newCrashLog(name string) (crashLog, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return crashLog{-1}, fmt.Errorf("memfd_create: %w", err)
	}
	if err = unix.Ftruncate(fd, crashSize); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS,
			unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		unix.Close(fd)
		return crashLog{-1}, fmt.Errorf("crash log: %w", err)
	}
	return crashLog{fd}, nil
}

// text returns what was written.
func (l crashLog) text() string {
	if l.fd < 0 {
		return ""
	}
	b := make([]byte, boot.StatusAt)
	n, err := unix.Pread(l.fd, b, 0)
	if err != nil {
		return ""
	}
	return string(bytes.TrimRight(b[:n], "\x00"))
}

func (l crashLog) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
	}
}
