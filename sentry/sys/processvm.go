package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// foreignMemory is the calls on the memory of other processes.
var foreignMemory = family{
	sysno.ProcessVmReadv:  call6(processVMReadv),
	sysno.ProcessVmWritev: call6(processVMWritev),
}

// processVMReadv is process_vm_readv(2).
func processVMReadv(t *kernel.Task, pid PID, local Addr, nl Size, remote Addr, nr Size, flags LFlags) (uintptr, error) {
	return moveMemory(t, pid, local, nl, remote, nr, flags, func(mine, theirs *guest.Buf, p []byte) (int, error) {
		n, err := theirs.CopyIn(p)
		m, err2 := mine.CopyOut(p[:n])
		if err2 != nil {
			err = err2
		}
		return m, err
	})
}

// processVMWritev is process_vm_writev(2).
func processVMWritev(t *kernel.Task, pid PID, local Addr, nl Size, remote Addr, nr Size, flags LFlags) (uintptr, error) {
	return moveMemory(t, pid, local, nl, remote, nr, flags, func(mine, theirs *guest.Buf, p []byte) (int, error) {
		n, err := mine.CopyIn(p)
		m, err2 := theirs.CopyOut(p[:n])
		if err2 != nil {
			err = err2
		}
		return m, err
	})
}

// moveMemory moves bytes piece by piece between t's memory and that of the task
// pid (process_vm_rw). What moved before an error counts.
func moveMemory(t *kernel.Task, pid PID, local Addr, nl Size, remote Addr, nr Size, flags LFlags,
	move func(mine, theirs *guest.Buf, p []byte) (int, error)) (uintptr, error) {
	if flags != 0 || nl > linux.UIO_MAXIOV || nr > linux.UIO_MAXIOV {
		return 0, linux.EINVAL
	}
	mySegs, err := copyInSegs(t, local, nl)
	if err != nil {
		return 0, err
	}
	mine := guest.NewVec(t.Mem(), mySegs)
	theirSegs, err := copyInSegs(t, remote, nr)
	if err != nil {
		return 0, err
	}
	of := t.Group().Namespace().Task(int32(pid))
	if of == nil {
		return 0, linux.ESRCH
	}
	if !t.MayPtrace(of) {
		return 0, linux.EPERM
	}
	m := of.SharedMem()
	if m == nil {
		return 0, linux.ESRCH
	}
	defer m.DecUsers()
	theirs := guest.NewVec(m, theirSegs)
	var buf [16 << 10]byte
	done := 0
	for mine.Len() > 0 && theirs.Len() > 0 {
		n, err := move(&mine, &theirs, buf[:min(len(buf), mine.Len(), theirs.Len())])
		done += n
		if err != nil {
			if done > 0 {
				break
			}
			return 0, err
		}
	}
	return uintptr(done), nil
}

// copyInSegs reads n struct iovec at a.
func copyInSegs(t *kernel.Task, a Addr, n Size) ([]guest.Seg, error) {
	iov := make([]linux.IOVec, n)
	if err := copyInSlice(t, a, iov); err != nil {
		return nil, err
	}
	segs := make([]guest.Seg, n)
	left := uint64(linux.MAX_RW_COUNT)
	for i, v := range iov {
		if int64(v.Len) < 0 {
			return nil, linux.EINVAL
		}
		m := min(v.Len, left)
		left -= m
		segs[i] = guest.Seg{Addr: guest.Addr(v.Base), Len: int(m)}
	}
	return segs, nil
}
