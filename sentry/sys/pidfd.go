package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// pidfds is the calls on descriptors of processes (pidfd_open(2)).
var pidfds = family{
	sysno.PidfdOpen:       call2(pidfdOpen),
	sysno.PidfdSendSignal: call4(pidfdSendSignal),
	sysno.PidfdGetfd:      call3(pidfdGetfd),
}

// A pidFile is what stands behind a pidfd.
type pidFile struct {
	vfs.NoFile
	group *kernel.ThreadGroup
}

// Ready implements vfs.FileOps: readable once the process has ended.
func (p *pidFile) Ready() wait.Mask {
	switch {
	case p.group.Reaped():
		return wait.In | wait.RdNorm | wait.Hup
	case p.group.Zombie():
		return wait.In | wait.RdNorm
	}
	return 0
}

// Queue implements vfs.FileOps.
func (p *pidFile) Queue() *wait.Queue { return p.group.ExitEvents() }

// addPidFD gives t a descriptor for tg; flags may hold O_NONBLOCK.
func addPidFD(t *kernel.Task, tg *kernel.ThreadGroup, flags uint32) (uintptr, error) {
	f := vfs.NewAnonFile("anon_inode:[pidfd]", &pidFile{group: tg}, linux.O_RDWR|flags)
	return addFile(t, f, vfs.CloseOnExec)
}

// installPidFD is CLONE_PIDFD.
func installPidFD(t, child *kernel.Task) (fd int32, undo func(), err error) {
	n, err := addPidFD(t, child.Group(), 0)
	// What close says of a descriptor that nobody has seen does not matter.
	return int32(n), func() { _ = fdsOf(t).Close(int32(n)) }, err
}

// groupOfFD returns the process of a pidfd and its file's flags: EBADF if fd is
// not one.
func groupOfFD(t *kernel.Task, fd FD) (*kernel.ThreadGroup, uint32, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return nil, 0, err
	}
	defer f.Dec()
	p, ok := f.Ops().(*pidFile)
	if !ok {
		return nil, 0, linux.EBADF
	}
	return p.group, f.Flags(), nil
}

// pidfdOpen is pidfd_open(2).
func pidfdOpen(t *kernel.Task, pid PID, flags Flags) (uintptr, error) {
	if flags&^linux.O_NONBLOCK != 0 || pid <= 0 {
		return 0, linux.EINVAL
	}
	ns := t.Group().Namespace()
	tg := ns.Group(int32(pid))
	switch {
	case tg == nil && ns.Task(int32(pid)) != nil:
		return 0, linux.EINVAL // a thread that leads nothing
	case tg == nil:
		return 0, linux.ESRCH
	}
	return addPidFD(t, tg, uint32(flags))
}

// pidfdSendSignal is pidfd_send_signal(2).
func pidfdSendSignal(t *kernel.Task, fd FD, signo Signal, info Addr, flags Flags) (uintptr, error) {
	if flags != 0 {
		return 0, linux.EINVAL
	}
	tg, _, err := groupOfFD(t, fd)
	if err != nil {
		return 0, err
	}
	if tg.Namespace() != t.Group().Namespace() {
		return 0, linux.EINVAL // it was passed on (access_pidfd_pidns)
	}
	i := sentBy(t, signo, linux.SI_USER)
	if info != 0 {
		if err := copyIn(t, info, i); err != nil {
			return 0, err
		}
		if i.Signo != int32(signo) {
			return 0, linux.EINVAL
		}
		if tg != t.Group() && !maySay(t, -1, i) {
			return 0, linux.EPERM
		}
	}
	return 0, t.SignalGroup(tg, int(signo), i)
}

// pidfdGetfd is pidfd_getfd(2).
func pidfdGetfd(t *kernel.Task, fd, theirs FD, flags Flags) (uintptr, error) {
	if flags != 0 {
		return 0, linux.EINVAL
	}
	tg, _, err := groupOfFD(t, fd)
	if err != nil {
		return 0, err
	}
	if tg.Zombie() {
		return 0, linux.ESRCH
	}
	leader := tg.Leader()
	if !t.MayPtrace(leader) {
		return 0, linux.EPERM
	}
	files := leader.SharedFiles()
	if files.FDs == nil {
		return 0, linux.ESRCH
	}
	defer files.FDs.Dec()
	defer files.FS.Dec()
	f, err := files.FDs.Get(int32(theirs))
	if err != nil {
		return 0, err
	}
	return addFile(t, f, vfs.CloseOnExec)
}
