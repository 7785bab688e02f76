package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
	"glovebox/sentry/vfs"
)

// mappings is the calls that change an address space.
var mappings = family{
	sysno.Mmap:                 call6(mmap).except("MAP_HUGETLB has no huge pages; MAP_SYNC"),
	sysno.Munmap:               call2(munmap),
	sysno.Mprotect:             call3(mprotect),
	sysno.PkeyMprotect:         refuse(linux.EINVAL, "there are no protection keys"),
	sysno.PkeyAlloc:            refuse(linux.ENOSPC, "there are no protection keys"),
	sysno.PkeyFree:             refuse(linux.EINVAL, "there are no protection keys"),
	sysno.Mremap:               call5(mremap).except("MREMAP_DONTUNMAP"),
	sysno.RemapFilePages:       refuse(linux.EINVAL, "nonlinear mappings are gone from Linux, too"),
	sysno.Brk:                  call1(brk),
	sysno.Madvise:              call3(madvise).except("MADV_HWPOISON, MADV_COLLAPSE and samepage merging"),
	sysno.Mincore:              call3(mincore).except("what is mapped is taken to be resident"),
	sysno.Msync:                call3(msync),
	sysno.Mlock:                call2(mlock).except("accounted, not pinned"),
	sysno.Mlock2:               call3(mlock2).except("accounted, not pinned"),
	sysno.Munlock:              call2(munlock),
	sysno.Mlockall:             call1(mlockall).except("accounted, not pinned"),
	sysno.Munlockall:           call0(munlockall),
	sysno.Mbind:                refuse(linux.ENOSYS, "built without CONFIG_NUMA"),
	sysno.SetMempolicy:         refuse(linux.ENOSYS, "built without CONFIG_NUMA"),
	sysno.GetMempolicy:         refuse(linux.ENOSYS, "built without CONFIG_NUMA"),
	sysno.MigratePages:         refuse(linux.ENOSYS, "built without CONFIG_NUMA"),
	sysno.MovePages:            refuse(linux.ENOSYS, "built without CONFIG_NUMA"),
	sysno.SetMempolicyHomeNode: refuse(linux.ENOSYS, "built without CONFIG_NUMA"),
	sysno.Userfaultfd:          refuse(linux.ENOSYS, "built without CONFIG_USERFAULTFD"),
	sysno.MemfdSecret:          refuse(linux.ENOSYS, "built without CONFIG_SECRETMEM"),
	sysno.ProcessMadvise:       refuse(linux.ENOSYS, "built without it"),
	sysno.ProcessMrelease:      refuse(linux.ENOSYS, "built without it"),
	sysno.MapShadowStack:       refuse(linux.EOPNOTSUPP, "there are no shadow stacks"),
	sysno.Mseal:                refuse(linux.ENOSYS, "built without it"),
}

const protAll = linux.PROT_READ | linux.PROT_WRITE | linux.PROT_EXEC

// mmap is mmap(2).
func mmap(t *kernel.Task, a Addr, n Size, prot Flags, flags Flags, fd FD, off Size) (uintptr, error) {
	if off%guest.PageSize != 0 {
		return 0, linux.EINVAL
	}
	o := mm.MapOpts{
		Addr: a.Guest(), Length: uint64(n), Prot: platform.Prot(prot & protAll),
		Flags: uint32(flags), Offset: uint64(off),
	}
	switch flags & linux.MAP_TYPE {
	case linux.MAP_SHARED, linux.MAP_PRIVATE:
	case linux.MAP_SHARED_VALIDATE:
		if flags&linux.MAP_SYNC != 0 {
			return 0, linux.EOPNOTSUPP
		}
	default:
		return 0, linux.EINVAL
	}
	if flags&linux.MAP_TYPE == linux.MAP_SHARED_VALIDATE {
		o.Flags = o.Flags&^linux.MAP_TYPE | linux.MAP_SHARED
	}
	if flags&linux.MAP_HUGETLB != 0 {
		return 0, linux.ENOMEM // the pool of huge pages is empty
	}
	if flags&linux.MAP_ANONYMOUS == 0 {
		f, err := getFile(t, fd)
		if err != nil {
			return 0, err
		}
		defer f.Dec()
		if err := mapAccess(&o, f.Flags()&linux.O_ACCMODE); err != nil {
			return 0, err
		}
		if err := sealAccess(&o, f); err != nil {
			return 0, err
		}
		if o.File = f; isZero(ioCtx(t), f) {
			// Memory without a file (mmap_zero).
			o.File, o.Offset = nil, 0
			o.Flags |= linux.MAP_ANONYMOUS
		}
	} else {
		o.Offset = 0
	}
	v, err := t.Mem().Mmap(o)
	return uintptr(v), err
}

// isZero reports whether f is /dev/zero.
func isZero(c *vfs.Ctx, f *vfs.File) bool {
	if f.Path().IsZero() || f.Path().Inode().Kind() != linux.S_IFCHR {
		return false
	}
	a, err := f.Path().Inode().Attr(c)
	return err == nil && a.RDev == vfs.MakeDev(1, 5)
}

// mapAccess checks how the file is open, and bounds what mprotect(2) may do.
func mapAccess(o *mm.MapOpts, mode uint32) error {
	if mode == linux.O_WRONLY {
		return linux.EACCES
	}
	if o.Flags&linux.MAP_SHARED != 0 && mode != linux.O_RDWR {
		if o.Prot&platform.Write != 0 {
			return linux.EACCES
		}
		o.MaxProt = platform.Read | platform.Exec
	}
	return nil
}

// munmap is munmap(2).
func munmap(t *kernel.Task, a Addr, n Size) (uintptr, error) {
	return 0, t.Mem().Munmap(a.Guest(), uint64(n))
}

// mprotect is mprotect(2).
func mprotect(t *kernel.Task, a Addr, n Size, prot Flags) (uintptr, error) {
	if prot&^(protAll|linux.PROT_SEM|linux.PROT_GROWSDOWN|linux.PROT_GROWSUP) != 0 ||
		prot&linux.PROT_GROWSUP != 0 {
		return 0, linux.EINVAL
	}
	return 0, t.Mem().Mprotect(a.Guest(), uint64(n), platform.Prot(prot&protAll))
}

// mremap is mremap(2).
func mremap(t *kernel.Task, a Addr, oldLen, newLen Size, flags Flags, to Addr) (uintptr, error) {
	v, err := t.Mem().Mremap(a.Guest(), uint64(oldLen), uint64(newLen), uint32(flags), to.Guest())
	return uintptr(v), err
}

// brk is brk(2), as the kernel has it: the new end, or the old one.
func brk(t *kernel.Task, a Addr) (uintptr, error) {
	return uintptr(t.Mem().Brk(a.Guest())), nil
}

// madvise is madvise(2).
func madvise(t *kernel.Task, a Addr, n Size, advice Int) (uintptr, error) {
	return 0, t.Mem().Madvise(a.Guest(), uint64(n), int32(advice))
}

// mincore is mincore(2).
func mincore(t *kernel.Task, a Addr, n Size, vec Addr) (uintptr, error) {
	if a%guest.PageSize != 0 {
		return 0, linux.EINVAL
	}
	pages, err := t.Mem().Mincore(a.Guest(), uint64(n))
	if err != nil {
		return 0, err
	}
	var ones [1024]byte
	for i := range ones {
		ones[i] = 1
	}
	for at := vec.Guest(); pages > 0; {
		k := min(pages, len(ones))
		if _, err := t.Mem().CopyOut(at, ones[:k]); err != nil {
			return 0, err
		}
		pages -= k
		at += guest.Addr(k)
	}
	return 0, nil
}

// msync is msync(2): shared mappings are the file itself.
func msync(t *kernel.Task, a Addr, n Size, flags Flags) (uintptr, error) {
	if flags&^(linux.MS_ASYNC|linux.MS_SYNC|linux.MS_INVALIDATE) != 0 ||
		flags&linux.MS_ASYNC != 0 && flags&linux.MS_SYNC != 0 || a%guest.PageSize != 0 {
		return 0, linux.EINVAL
	}
	_, err := t.Mem().Mincore(a.Guest(), uint64(n))
	return 0, err
}

// pagesOf returns the whole pages that n bytes at a are in. A length near 2^64 is none at all.
func pagesOf(a Addr, n Size) (guest.Addr, uint64) {
	start := a.Guest().RoundDown()
	size, _ := (a.Guest() - start + guest.Addr(n)).RoundUp()
	return start, uint64(size)
}

// mlock is mlock(2).
func mlock(t *kernel.Task, a Addr, length Size) (uintptr, error) {
	start, n := pagesOf(a, length)
	limit := t.Group().Limits().Cur(linux.RLIMIT_MEMLOCK)
	if !t.Creds().Has(auth.CapIpcLock) {
		switch {
		case limit == 0:
			return 0, linux.EPERM
		case n > limit || t.Mem().Locked()+n > limit:
			return 0, linux.ENOMEM
		}
	}
	return 0, t.Mem().Mlock(start, n, true)
}

// mlock2 is mlock2(2).
func mlock2(t *kernel.Task, a Addr, n Size, flags Flags) (uintptr, error) {
	if flags&^linux.MLOCK_ONFAULT != 0 {
		return 0, linux.EINVAL
	}
	return mlock(t, a, n)
}

// munlock is munlock(2).
func munlock(t *kernel.Task, a Addr, n Size) (uintptr, error) {
	start, size := pagesOf(a, n)
	return 0, t.Mem().Mlock(start, size, false)
}

// mlockall is mlockall(2).
func mlockall(t *kernel.Task, flags Flags) (uintptr, error) {
	if flags&^(linux.MCL_CURRENT|linux.MCL_FUTURE|linux.MCL_ONFAULT) != 0 ||
		flags&(linux.MCL_CURRENT|linux.MCL_FUTURE) == 0 {
		return 0, linux.EINVAL
	}
	if !t.Creds().Has(auth.CapIpcLock) {
		limit := t.Group().Limits().Cur(linux.RLIMIT_MEMLOCK)
		if limit == 0 {
			return 0, linux.EPERM
		}
		if flags&linux.MCL_CURRENT != 0 && t.Mem().Usage().Virtual > limit {
			return 0, linux.ENOMEM
		}
	}
	t.Mem().MlockAll(flags&linux.MCL_CURRENT != 0, flags&linux.MCL_FUTURE != 0)
	return 0, nil
}

// munlockall is munlockall(2).
func munlockall(t *kernel.Task) (uintptr, error) {
	t.Mem().MlockAll(false, false)
	return 0, nil
}
