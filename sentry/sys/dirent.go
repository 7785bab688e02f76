package sys

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// directories is the calls that read directories.
var directories = family{
	sysno.Getdents:   call3(getdents),
	sysno.Getdents64: call3(getdents64),
}

// maxDirents is how much one call returns at most, whatever the guest's buffer
// holds.
const maxDirents = 32 << 10

// getdents64 is getdents64(2).
func getdents64(t *kernel.Task, fd FD, to Addr, n Uint) (uintptr, error) {
	return readDir(t, fd, to, n, appendDirent64)
}

// getdents is getdents(2).
func getdents(t *kernel.Task, fd FD, to Addr, n Uint) (uintptr, error) {
	return readDir(t, fd, to, n, appendDirent)
}

// readDir is iterate_dir. An entry that does not fit is EINVAL only if it is
// the first. A fault does not move the directory's offset back: the guest has
// lost what it gave no room for.
func readDir(t *kernel.Task, fd FD, to Addr, n Uint, add func([]byte, *vfs.Dirent) []byte) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	limit := int(min(n, maxDirents))
	b := scratchOf(t).out[:0]
	full := false
	err = f.ReadDir(vfsCtx(t), func(e vfs.Dirent) bool {
		was := len(b)
		b = add(b, &e)
		if len(b) > limit {
			b, full = b[:was], true
		}
		return !full
	})
	switch {
	case len(b) > 0:
		_, err = t.Mem().CopyOut(to.Guest(), b)
	case err == nil && full:
		err = linux.EINVAL
	}
	return uintptr(len(b)), err
}

// appendDirent64 appends a struct linux_dirent64.
func appendDirent64(b []byte, e *vfs.Dirent) []byte {
	const name = 19
	size := (name + len(e.Name) + 1 + 7) &^ 7
	at := len(b)
	b = binary.NativeEndian.AppendUint64(b, e.Ino)
	b = binary.NativeEndian.AppendUint64(b, uint64(e.Next))
	b = binary.NativeEndian.AppendUint16(b, uint16(size))
	b = append(b, e.Type)
	b = append(b, e.Name...)
	return append(b, make([]byte, at+size-len(b))...)
}

// appendDirent appends a struct linux_dirent, whose last byte is the type.
func appendDirent(b []byte, e *vfs.Dirent) []byte {
	const name = 18
	size := (name + len(e.Name) + 2 + 7) &^ 7
	at := len(b)
	b = binary.NativeEndian.AppendUint64(b, e.Ino)
	b = binary.NativeEndian.AppendUint64(b, uint64(e.Next))
	b = binary.NativeEndian.AppendUint16(b, uint16(size))
	b = append(b, e.Name...)
	b = append(b, make([]byte, at+size-len(b))...)
	b[len(b)-1] = e.Type
	return b
}
