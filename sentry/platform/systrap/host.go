package systrap

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// memfd returns a file of size bytes that cannot shrink or grow.
func memfd(name string, size int64) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, err
	}
	if err = unix.Ftruncate(fd, size); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sendFDs sends fds over the socket, with one byte.
func sendFDs(sock int, flags int, fds ...int) error {
	for {
		err := unix.Sendmsg(sock, []byte{0}, unix.UnixRights(fds...), nil, flags)
		if err != unix.EINTR {
			return err
		}
	}
}

// withoutASLR runs f on a thread whose children have no randomised layout.
// The caller has locked its thread.
func withoutASLR(f func() error) error {
	const addrNoRandomize = 0x0040000
	old, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	if e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, old|addrNoRandomize, 0, 0); e != 0 {
		return e
	}
	defer unix.RawSyscall(unix.SYS_PERSONALITY, old, 0, 0)
	runtime.KeepAlive(f)
	return f()
}
