package host

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SealSentry makes the calling process incapable of any host call that is not
// in the Sentry's table, for good, in every thread. It closes procFD (-1 for
// none). What needs a process of its own (the platform's template) is made
// before.
func SealSentry(procFD int) error { return sealSentry(procFD, sentryRules) }

// SealInetSentry does the same with the table of a Sentry whose guests' sockets are
// the host's.
func SealInetSentry(procFD int) error { return sealSentry(procFD, inetRules) }

func sealSentry(procFD int, rules []rule) error {
	if procFD >= 0 {
		if err := unix.Close(procFD); err != nil {
			return fmt.Errorf("close procfs: %w", err)
		}
	}
	return seal(rules)
}

// SealGofer does the same with the gofer's table.
func SealGofer() error { return seal(goferRules) }

// seal installs the filter. A call outside of it raises SIGSYS, which Go's
// runtime reports on descriptor 2 with the stack that made the call, and dies;
// the call itself is never carried out.
func seal(rules []rule) error {
	if err := noNewPrivs(); err != nil {
		return err
	}
	prog, err := assemble(rules, unix.SECCOMP_RET_TRAP)
	if err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	// TSYNC puts every thread under the filter: seccomp(2). fprog and what it
	// points to stay alive until KeepAlive; the kernel only reads them.
	tid, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if tid != 0 {
		return fmt.Errorf("seccomp: thread %d cannot be put under the filter", tid)
	}
	return nil
}

// noNewPrivs sets PR_SET_NO_NEW_PRIVS in every thread.
func noNewPrivs() error {
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("no_new_privs: %w", errno)
	}
	return nil
}

// DropCaps leaves the process, in every thread, with the capabilities in keep
// (bit n for capability n) and none to gain: capabilities(7).
func DropCaps(keep uint64) error {
	if err := dropBounding(keep); err != nil {
		return err
	}
	return setCaps(keep)
}

// Become gives up everything that root has: the process goes on as uid and
// gid, with no capability, in every thread.
func Become(uid, gid int) error {
	// The bounding set first: it takes a capability to shrink it.
	if err := dropBounding(0); err != nil {
		return err
	}
	if err := setIDs(uid, gid); err != nil {
		return err
	}
	return setCaps(0)
}

// BecomeRoot makes every thread of a process that is nobody of its user namespace, but
// has capabilities there, root.
func BecomeRoot() error { return setIDs(0, 0) }

// setIDs makes uid and gid all that every thread is.
func setIDs(uid, gid int) error {
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	return nil
}

// dropBounding leaves only keep in the bounding set, and nothing in the ambient.
func dropBounding(keep uint64) error {
	for c := range 64 {
		if keep>>c&1 != 0 {
			continue
		}
		// The bounding set ends where the kernel's last capability does.
		v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			break
		}
		if v == 0 {
			continue
		}
		if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0, 0); errno != 0 {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, errno)
		}
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("clear ambient capabilities: %w", errno)
	}
	return nil
}

func setCaps(keep uint64) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(keep), Permitted: uint32(keep)},
		{Effective: uint32(keep >> 32), Permitted: uint32(keep >> 32)},
	}
	// Both live until the call has been made in every thread; the kernel only
	// reads them.
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&data[0])), 0)
	runtime.KeepAlive(&hdr)
	runtime.KeepAlive(&data)
	if errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}

// CapSets is the capability sets of a process, bit n for capability n.
type CapSets struct{ Bounding, Effective, Inheritable, Permitted, Ambient uint64 }

// OwnCaps returns the calling thread's capabilities.
func OwnCaps() (CapSets, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return CapSets{}, fmt.Errorf("capget: %w", err)
	}
	s := CapSets{
		Effective:   uint64(data[0].Effective) | uint64(data[1].Effective)<<32,
		Permitted:   uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32,
		Inheritable: uint64(data[0].Inheritable) | uint64(data[1].Inheritable)<<32,
	}
	for c := range 64 {
		v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			break
		}
		s.Bounding |= uint64(v) << c
		if a, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, uintptr(c), 0, 0); err == nil {
			s.Ambient |= uint64(a) << c
		}
	}
	return s, nil
}
