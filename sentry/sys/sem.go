package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
)

// semaphores is the calls of System V semaphores.
var semaphores = family{
	sysno.Semget:     call3(semget),
	sysno.Semop:      call3(semop),
	sysno.Semtimedop: call4(semtimedop),
	sysno.Semctl:     call4(semctl),
}

// semget is semget(2).
func semget(t *kernel.Task, key, n Int, flags Flags) (uintptr, error) {
	id, err := t.IPC().Semget(t.IPCWho(), int32(key), int32(n), uint32(flags))
	return uintptr(id), err
}

// semop is semop(2).
func semop(t *kernel.Task, id Int, ops Addr, n Size) (uintptr, error) {
	return semtimedop(t, id, ops, n, 0)
}

// semtimedop is semtimedop(2).
func semtimedop(t *kernel.Task, id Int, ops Addr, n Size, timeout Addr) (uintptr, error) {
	deadline := kernel.Forever
	if timeout != 0 {
		d, err := copyInDuration(t, timeout)
		if err != nil {
			return 0, err
		}
		deadline = kernel.Deadline(d)
	}
	switch {
	case n < 1 || id < 0:
		return 0, linux.EINVAL
	case n > Size(t.IPC().Limits().SemOPM):
		return 0, linux.E2BIG
	}
	list := make([]linux.Sembuf, n)
	if err := copyInSlice(t, ops, list); err != nil {
		return 0, err
	}
	x, err := t.IPC().Semop(t.IPCWho(), int32(id), list, t.SemUndo())
	if err != nil {
		return 0, err
	}
	defer x.Stop()
	e := t.NewWaiter(wait.In)
	x.Queue().Register(e)
	defer x.Queue().Unregister(e)
	for {
		again, err := x.Try()
		if err != nil {
			return 0, err
		}
		if !again {
			x.Finish()
			return 0, nil
		}
		switch t.Block(deadline) {
		case nil:
		case linux.ETIMEDOUT:
			return 0, linux.EAGAIN
		default:
			return 0, linux.EINTR // never restarted (signal(7))
		}
	}
}

// semctl is semctl(2).
func semctl(t *kernel.Task, id, num, cmd Int, arg LFlags) (uintptr, error) {
	if id < 0 {
		return 0, linux.EINVAL
	}
	ns, w, to := t.IPC(), t.IPCWho(), Addr(arg)
	switch cmd {
	case linux.IPC_INFO, linux.SEM_INFO:
		l := ns.Limits()
		mns, opm := int32(l.SemMNS), int32(l.SemOPM)
		i := linux.Seminfo{
			Map: mns, MNI: int32(l.SemMNI), MNS: mns, MNU: mns, MSL: int32(l.SemMSL),
			OPM: opm, UME: opm, USZ: 20, VMX: linux.SEMVMX, AEM: linux.SEMVMX,
		}
		sets, sems, highest := ns.SemInfo()
		if cmd == linux.SEM_INFO {
			i.USZ, i.AEM = sets, sems
		}
		return highest, copyOut(t, to, &i)
	case linux.IPC_STAT, linux.SEM_STAT, linux.SEM_STAT_ANY:
		d, id, err := ns.SemStat(w, int32(id), int(cmd))
		if err != nil {
			return 0, err
		}
		if cmd == linux.IPC_STAT {
			id = 0
		}
		return uintptr(id), copyOut(t, to, &d)
	case linux.IPC_SET:
		var d linux.SemidDS
		if err := copyIn(t, to, &d); err != nil {
			return 0, err
		}
		return 0, ns.SemSet(w, int32(id), &d.Perm)
	case linux.IPC_RMID:
		return 0, ns.SemRemove(w, int32(id))
	case linux.GETVAL, linux.GETPID, linux.GETNCNT, linux.GETZCNT:
		v, err := ns.SemGet(w, int32(id), int32(num), int(cmd))
		return uintptr(v), err
	case linux.SETVAL:
		if v := int32(arg); v < 0 || v > linux.SEMVMX {
			return 0, linux.ERANGE
		}
		return 0, ns.SemSetValues(w, int32(id), int32(num), []uint16{uint16(arg)})
	case linux.GETALL:
		vals, err := ns.SemValues(w, int32(id))
		if err != nil {
			return 0, err
		}
		return 0, copyOutSlice(t, to, vals)
	case linux.SETALL:
		n, err := ns.SemCount(int32(id))
		if err != nil {
			return 0, err
		}
		vals := make([]uint16, n)
		if err := copyInSlice(t, to, vals); err != nil {
			return 0, err
		}
		return 0, ns.SemSetValues(w, int32(id), 0, vals)
	}
	return 0, linux.EINVAL
}
