package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/guest"
	"glovebox/sentry/ipc"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
)

// segments is the calls of System V shared memory.
var segments = family{
	sysno.Shmget: call3(shmget).except("SHM_HUGETLB has no huge pages"),
	sysno.Shmat:  call3(shmat),
	sysno.Shmdt:  call1(shmdt),
	sysno.Shmctl: call3(shmctl),
}

// shmget is shmget(2).
func shmget(t *kernel.Task, key Int, size Size, flags Flags) (uintptr, error) {
	id, err := t.IPC().Shmget(t.IPCWho(), int32(key), uint64(size), uint32(flags))
	return uintptr(id), err
}

// shmat is shmat(2).
func shmat(t *kernel.Task, id Int, a Addr, flags Flags) (uintptr, error) {
	o := mm.MapOpts{Addr: a.Guest(), Prot: platform.Read | platform.Write, Flags: linux.MAP_SHARED}
	mode := uint32(0o666)
	if flags&linux.SHM_RDONLY != 0 {
		o.Prot, mode = platform.Read, 0o444
	}
	if flags&linux.SHM_EXEC != 0 {
		o.Prot |= platform.Exec
		mode |= 0o111
	}
	switch off := o.Addr % guest.PageSize; {
	case off != 0 && flags&linux.SHM_RND == 0:
		return 0, linux.EINVAL
	case off != 0:
		o.Addr -= off
	}
	switch {
	case flags&linux.SHM_REMAP != 0 && o.Addr == 0:
		return 0, linux.EINVAL
	case flags&linux.SHM_REMAP != 0:
		o.Flags |= linux.MAP_FIXED
	case o.Addr != 0:
		o.Flags |= linux.MAP_FIXED_NOREPLACE
	}
	s, err := t.IPC().Shmat(t.IPCWho(), int32(id), mode)
	if err != nil {
		return 0, err
	}
	defer s.Dec() // mappings hold it now
	o.File, o.Length = s, s.Size()
	at, err := t.Mem().Mmap(o)
	if err == linux.EEXIST {
		err = linux.EINVAL
	}
	return uintptr(at), err
}

// shmdt is shmdt(2): it unmaps what is left of the attachment at a.
func shmdt(t *kernel.Task, a Addr) (uintptr, error) {
	if a%guest.PageSize != 0 {
		return 0, linux.EINVAL
	}
	var parts []guest.Range
	id := int32(-1)
	t.Mem().VMAs(func(v mm.VMA) bool {
		if !ipc.IsSegment(v.Path, v.Dev) || uint64(v.Start)-v.Offset != uint64(a) {
			return true
		}
		if id < 0 {
			id = int32(v.Inode)
		}
		if int32(v.Inode) == id {
			parts = append(parts, v.Range)
		}
		return true
	})
	if id < 0 {
		return 0, linux.EINVAL
	}
	t.IPC().Detached(t.IPCWho(), id)
	for _, r := range parts {
		if err := t.Mem().Munmap(r.Start, r.Len()); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// shmctl is shmctl(2).
func shmctl(t *kernel.Task, id, cmd Int, to Addr) (uintptr, error) {
	if id < 0 || cmd < 0 {
		return 0, linux.EINVAL
	}
	ns, w := t.IPC(), t.IPCWho()
	switch cmd {
	case linux.IPC_INFO:
		_, highest := ns.ShmInfo()
		l := ns.Limits()
		i := linux.ShmInfo64{Max: l.ShmMax, Min: 1, MNI: l.ShmMNI, Seg: l.ShmMNI, All: l.ShmAll}
		return highest, copyOut(t, to, &i)
	case linux.SHM_INFO:
		i, highest := ns.ShmInfo()
		return highest, copyOut(t, to, &i)
	case linux.IPC_STAT, linux.SHM_STAT, linux.SHM_STAT_ANY:
		d, id, err := ns.ShmStat(w, int32(id), int(cmd))
		if err != nil {
			return 0, err
		}
		if cmd == linux.IPC_STAT {
			id = 0
		}
		return uintptr(id), copyOut(t, to, &d)
	case linux.IPC_SET:
		var d linux.ShmidDS
		if err := copyIn(t, to, &d); err != nil {
			return 0, err
		}
		return 0, ns.ShmSet(w, int32(id), &d.Perm)
	case linux.IPC_RMID:
		return 0, ns.ShmRemove(w, int32(id))
	case linux.SHM_LOCK, linux.SHM_UNLOCK:
		return 0, ns.ShmLock(w, int32(id), int(cmd))
	}
	return 0, linux.EINVAL
}
