package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
	"glovebox/sentry/vfs"
)

// memories is the calls of memfd_create(2).
var memories = family{
	sysno.MemfdCreate: call2(memfdCreate).except("MFD_HUGETLB is ENOMEM"),
}

// maxMemfdName is how long the name of such a file can be: NAME_MAX less
// "memfd:".
const maxMemfdName = linux.NAME_MAX - 6

// memfdCreate is memfd_create(2).
func memfdCreate(t *kernel.Task, name Path, flags Flags) (uintptr, error) {
	const known = linux.MFD_CLOEXEC | linux.MFD_ALLOW_SEALING | linux.MFD_HUGETLB | linux.MFD_NOEXEC_SEAL | linux.MFD_EXEC
	const either = linux.MFD_EXEC | linux.MFD_NOEXEC_SEAL
	if flags&^known != 0 || flags&either == either {
		return 0, linux.EINVAL
	}
	s, err := copyInString(t.Mem(), name.Guest(), maxMemfdName+1)
	switch {
	case err == linux.ENAMETOOLONG:
		return 0, linux.EINVAL
	case err != nil:
		return 0, err
	case flags&linux.MFD_HUGETLB != 0:
		return 0, linux.ENOMEM // the pool of huge pages is empty
	}
	mode, seals := uint32(0o777), uint32(linux.F_SEAL_SEAL)
	if flags&(linux.MFD_ALLOW_SEALING|linux.MFD_NOEXEC_SEAL) != 0 {
		seals = 0
	}
	if flags&linux.MFD_NOEXEC_SEAL != 0 {
		mode, seals = 0o666, linux.F_SEAL_EXEC
	}
	c := vfsCtx(t)
	if c.VFS.Memory == nil {
		return 0, linux.ENOSYS
	}
	inode := c.VFS.Memory(mode, c.Creds.FSUID, c.Creds.FSGID, seals)
	f, err := vfs.NewUnlinkedFile(c, "/memfd:"+s+" (deleted)", inode, linux.O_RDWR|linux.O_LARGEFILE)
	if err != nil {
		return 0, err
	}
	var fd vfs.FDFlags
	if flags&linux.MFD_CLOEXEC != 0 {
		fd = vfs.CloseOnExec
	}
	return addFile(t, f, fd)
}

// A sealer is a file whose content can be sealed.
type sealer interface {
	AddSeals(seals uint32) error
	Seals() uint32
}

// sealAccess bounds what a shared mapping of f may do: EPERM for one that is to
// be written against seals. A mapping that cannot be written now never can be
// if f can still be sealed, because F_SEAL_WRITE asks only those that can.
func sealAccess(o *mm.MapOpts, f *vfs.File) error {
	const noWrites = linux.F_SEAL_WRITE | linux.F_SEAL_FUTURE_WRITE
	s, ok := f.Ops().(sealer)
	if !ok || o.Flags&linux.MAP_SHARED == 0 {
		return nil
	}
	seals := s.Seals()
	switch {
	case o.Prot&platform.Write == 0 && (seals&linux.F_SEAL_SEAL == 0 || seals&noWrites != 0):
		o.MaxProt = platform.Read | platform.Exec
	case seals&noWrites != 0:
		return linux.EPERM
	}
	return nil
}

// seals is F_ADD_SEALS and F_GET_SEALS: EINVAL for what cannot be sealed.
func seals(f *vfs.File, cmd Uint, arg LFlags) (uintptr, error) {
	s, ok := f.Ops().(sealer)
	switch {
	case !ok, cmd == linux.F_ADD_SEALS && arg>>32 != 0:
		return 0, linux.EINVAL
	case cmd == linux.F_GET_SEALS:
		return uintptr(s.Seals()), nil
	case !f.Writable():
		return 0, linux.EPERM
	}
	return 0, s.AddSeals(uint32(arg))
}
