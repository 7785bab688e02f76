package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// processes is the calls that make, end and name processes.
var processes = family{
	sysno.Clone:         call5(clone).except(fewNamespaces),
	sysno.Clone3:        call2(clone3).except(fewNamespaces + ", CLONE_INTO_CGROUP too"),
	sysno.Fork:          call0(fork),
	sysno.Vfork:         call0(vfork),
	sysno.Exit:          call1(exit),
	sysno.ExitGroup:     call1(exitGroup),
	sysno.Getpid:        call0(getpid),
	sysno.Gettid:        call0(gettid),
	sysno.Getppid:       call0(getppid),
	sysno.SetTidAddress: call1(setTidAddress),
	sysno.Getpgrp:       call0(getpgrp),
	sysno.Getpgid:       call1(getpgid),
	sysno.Setpgid:       call2(setpgid),
	sysno.Getsid:        call1(getsid),
	sysno.Setsid:        call0(setsid),
}

// clone is clone(2).
func clone(t *kernel.Task, flags LFlags, stack, parentTID, childTID Addr, tls LFlags) (uintptr, error) {
	f := uint64(uint32(flags))
	a := kernel.CloneArgs{
		Flags: f &^ linux.CSIGNAL, ExitSignal: int(f & linux.CSIGNAL),
		Stack: uint64(stack), TLS: uint64(tls),
		ParentTID: parentTID.Guest(), ChildTID: childTID.Guest(), PidFD: parentTID.Guest(),
	}
	if f&(linux.CLONE_PIDFD|linux.CLONE_PARENT_SETTID) == linux.CLONE_PIDFD|linux.CLONE_PARENT_SETTID {
		return 0, linux.EINVAL // both would be stored in one place
	}
	return startClone(t, &a)
}

func startClone(t *kernel.Task, a *kernel.CloneArgs) (uintptr, error) {
	a.InstallPidFD = installPidFD
	if a.Flags&(linux.CLONE_PIDFD|linux.CLONE_THREAD) == linux.CLONE_PIDFD|linux.CLONE_THREAD {
		return 0, linux.EINVAL
	}
	if a.Flags&linux.CLONE_SETTLS != 0 && a.TLS >= taskSizeMax {
		return 0, linux.EPERM
	}
	tid, err := t.Clone(a)
	return uintptr(tid), err
}

const (
	// taskSizeMax is TASK_SIZE_MAX: user addresses are below it.
	taskSizeMax = 1<<47 - guest.PageSize
	// maxPIDNSLevel is MAX_PID_NS_LEVEL.
	maxPIDNSLevel = 32
	// clone3Flags are what clone3 takes beyond clone's.
	clone3Flags = math.MaxUint32 | linux.CLONE_CLEAR_SIGHAND | linux.CLONE_INTO_CGROUP
)

// clone3 is clone3(2).
func clone3(t *kernel.Task, args Addr, size Size) (uintptr, error) {
	var c linux.CloneArgs
	if size > guest.PageSize {
		return 0, linux.E2BIG
	}
	if size < linux.CLONE_ARGS_SIZE_VER0 {
		return 0, linux.EINVAL
	}
	if err := copyInSized(t, args, uint64(size), &c); err != nil {
		return 0, err
	}
	setTID, err := checkClone3(t, &c, uint64(size))
	if err != nil {
		return 0, err
	}
	a := kernel.CloneArgs{
		Flags: c.Flags, ExitSignal: int(c.ExitSignal), TLS: c.TLS, SetTID: setTID,
		ParentTID: guest.Addr(c.ParentTID), ChildTID: guest.Addr(c.ChildTID), PidFD: guest.Addr(c.PidFD),
	}
	if c.Stack != 0 {
		a.Stack = c.Stack + c.StackSize
	}
	return startClone(t, &a)
}

// checkClone3 is copy_clone_args_from_user and clone3_args_valid.
func checkClone3(t *kernel.Task, c *linux.CloneArgs, size uint64) (setTID int32, err error) {
	switch {
	case c.SetTIDSize > maxPIDNSLevel, (c.SetTID == 0) != (c.SetTIDSize == 0):
		return 0, linux.EINVAL
	case c.ExitSignal > linux.NSIG:
		return 0, linux.EINVAL
	case c.Flags&linux.CLONE_INTO_CGROUP != 0 && (c.Cgroup > math.MaxInt32 || size < linux.CLONE_ARGS_SIZE_VER2):
		return 0, linux.EINVAL
	}
	var tids [maxPIDNSLevel]int32
	for i := range c.SetTIDSize {
		if err := copyIn(t, Addr(c.SetTID+4*i), &tids[i]); err != nil {
			return 0, err
		}
	}
	const both = linux.CLONE_SIGHAND | linux.CLONE_CLEAR_SIGHAND
	switch {
	case c.Flags&^uint64(clone3Flags) != 0,
		c.Flags&(linux.CLONE_DETACHED|linux.CSIGNAL&^linux.CLONE_NEWTIME) != 0,
		c.Flags&both == both,
		c.Flags&(linux.CLONE_THREAD|linux.CLONE_PARENT) != 0 && c.ExitSignal != 0,
		(c.Stack == 0) != (c.StackSize == 0):
		return 0, linux.EINVAL
	case c.Stack != 0 && (c.StackSize > taskSizeMax || c.Stack > taskSizeMax-c.StackSize):
		return 0, linux.EINVAL
	case c.Flags&linux.CLONE_INTO_CGROUP != 0:
		return 0, linux.EINVAL // as a kernel before 5.7
	}
	if c.SetTIDSize == 0 {
		return 0, nil
	}
	if c.SetTIDSize > 1 || tids[0] < 1 {
		return 0, linux.EINVAL
	}
	if cr := t.Creds(); !cr.Has(auth.CapCheckpointRestore) && !cr.Has(auth.CapSysAdmin) {
		return 0, linux.EPERM
	}
	return tids[0], nil
}

// fork is fork(2).
func fork(t *kernel.Task) (uintptr, error) {
	return startClone(t, &kernel.CloneArgs{ExitSignal: linux.SIGCHLD})
}

// vfork is vfork(2).
func vfork(t *kernel.Task) (uintptr, error) {
	return startClone(t, &kernel.CloneArgs{
		Flags: linux.CLONE_VFORK | linux.CLONE_VM, ExitSignal: linux.SIGCHLD,
	})
}

// exit is exit(2).
func exit(t *kernel.Task, code Int) (uintptr, error) { return 0, t.Exit(int32(code)) }

// exitGroup is exit_group(2).
func exitGroup(t *kernel.Task, code Int) (uintptr, error) { return 0, t.ExitGroup(int32(code)) }

// getpid is getpid(2).
func getpid(t *kernel.Task) (uintptr, error) { return uintptr(t.Group().ID()), nil }

// gettid is gettid(2).
func gettid(t *kernel.Task) (uintptr, error) { return uintptr(t.TID()), nil }

// getppid is getppid(2).
func getppid(t *kernel.Task) (uintptr, error) { return uintptr(t.Group().ParentID()), nil }

// setTidAddress is set_tid_address(2).
func setTidAddress(t *kernel.Task, a Addr) (uintptr, error) {
	t.SetClearTID(a.Guest())
	return uintptr(t.TID()), nil
}

// getpgrp is getpgrp(2).
func getpgrp(t *kernel.Task) (uintptr, error) {
	pgid, _ := t.Group().IDs()
	return uintptr(pgid), nil
}

// taskOrSelf returns the task pid, t for 0; nil if there is none.
func taskOrSelf(t *kernel.Task, pid PID) *kernel.Task {
	if pid == 0 {
		return t
	}
	return t.Group().Namespace().Task(int32(pid))
}

// getpgid is getpgid(2).
func getpgid(t *kernel.Task, pid PID) (uintptr, error) {
	of := taskOrSelf(t, pid)
	if of == nil {
		return 0, linux.ESRCH
	}
	pgid, _ := of.Group().IDs()
	return uintptr(pgid), nil
}

// setpgid is setpgid(2).
func setpgid(t *kernel.Task, pid, pgid PID) (uintptr, error) {
	return 0, t.Setpgid(int32(pid), int32(pgid))
}

// getsid is getsid(2).
func getsid(t *kernel.Task, pid PID) (uintptr, error) {
	of := taskOrSelf(t, pid)
	if of == nil {
		return 0, linux.ESRCH
	}
	_, sid := of.Group().IDs()
	return uintptr(sid), nil
}

// setsid is setsid(2).
func setsid(t *kernel.Task) (uintptr, error) {
	sid, err := t.Setsid()
	return uintptr(sid), err
}
