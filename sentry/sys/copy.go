package sys

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// copying is the calls that copy files.
var copying = family{
	sysno.Sendfile:      call4(sendfile),
	sysno.CopyFileRange: call6(copyFileRange),
}

// bounceSize is how many bytes go from file to file at once.
const bounceSize = 64 << 10

var bounces = sync.Pool{New: func() any { return new([bounceSize]byte) }}

// sendfile is sendfile(2).
func sendfile(t *kernel.Task, out, in FD, offset Addr, n Size) (uintptr, error) {
	var off int64
	if offset != 0 {
		if err := copyIn(t, offset, &off); err != nil {
			return 0, err
		}
	}
	src, err := getFileFor(t, in, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer src.Dec()
	if !src.HasOffset() {
		if offset != 0 {
			return 0, linux.ESPIPE
		}
		return 0, linux.EINVAL
	}
	if off < 0 {
		return 0, linux.EINVAL
	}
	dst, err := getFileFor(t, out, linux.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer dst.Dec()
	if dst.Flags()&linux.O_APPEND != 0 {
		return 0, linux.EINVAL
	}
	if offset == 0 {
		off = src.Offset()
	}
	done, err := copyFile(t, src, off, min(uint64(n), linux.MAX_RW_COUNT), func(b *guest.Buf) (uintptr, error) {
		return writeFile(t, dst, b, dst.Flags())
	})
	if done == 0 {
		return 0, err
	}
	off += int64(done)
	if offset == 0 {
		_, err = src.Seek(ioCtx(t), off, linux.SEEK_SET)
	} else {
		err = copyOut(t, offset, &off)
	}
	return done, err
}

// copyFile hands n bytes of src, from off on, to put, piece by piece. It ends
// at the end of the file, at an error, or when put takes less than it is given.
func copyFile(t *kernel.Task, src *vfs.File, off int64, n uint64, put func(*guest.Buf) (uintptr, error)) (done uintptr, err error) {
	p := bounces.Get().(*[bounceSize]byte)
	defer bounces.Put(p)
	c := ioCtx(t)
	for n > 0 {
		b := guest.Local(p[:min(n, bounceSize)])
		got, err := src.Pread(c, &b, off)
		if got == 0 || err != nil && done > 0 {
			return done, err
		}
		b = guest.Local(p[:got])
		m, err := put(&b)
		done += m
		off += int64(m)
		n -= uint64(m)
		if err != nil || int64(m) < got {
			return done, err
		}
		if n > 0 && t.SignalPending() {
			return done, nil
		}
	}
	return done, nil
}

// copyFileRange is copy_file_range(2).
func copyFileRange(t *kernel.Task, in FD, inOff Addr, out FD, outOff Addr, n Size, flags Flags) (uintptr, error) {
	src, err := getFile(t, in)
	if err != nil {
		return 0, err
	}
	defer src.Dec()
	dst, err := getFile(t, out)
	if err != nil {
		return 0, err
	}
	defer dst.Dec()
	from, to := src.Offset(), dst.Offset()
	if inOff != 0 {
		if err := copyIn(t, inOff, &from); err != nil {
			return 0, err
		}
	}
	if outOff != 0 {
		if err := copyIn(t, outOff, &to); err != nil {
			return 0, err
		}
	}
	if flags != 0 {
		return 0, linux.EINVAL
	}
	if err := mayCopyRange(dst, src, from, to, uint64(n)); err != nil {
		return 0, err
	}
	done, err := copyFile(t, src, from, min(uint64(n), linux.MAX_RW_COUNT), func(b *guest.Buf) (uintptr, error) {
		m, err := pwriteFile(t, dst, b, to)
		to += int64(m)
		return m, err
	})
	if done == 0 {
		return 0, err
	}
	return done, moveOffsets(t, src, inOff, from+int64(done), dst, outOff, to)
}

// mayCopyRange is generic_copy_file_checks.
func mayCopyRange(dst, src *vfs.File, from, to int64, n uint64) error {
	for _, f := range [...]*vfs.File{src, dst} {
		if !f.Path().IsZero() && f.Path().Inode().Kind() == linux.S_IFDIR {
			return linux.EISDIR
		}
	}
	switch {
	case !isRegular(src) || !isRegular(dst):
		return linux.EINVAL
	case !src.Readable() || !dst.Writable() || dst.Flags()&linux.O_APPEND != 0:
		return linux.EBADF
	case src.Path().Mount.FileSystem() != dst.Path().Mount.FileSystem():
		return linux.EXDEV
	case from < 0 || to < 0:
		return linux.EINVAL
	}
	n = min(n, linux.MAX_RW_COUNT)
	if src.Path().Inode() == dst.Path().Inode() && uint64(from) < uint64(to)+n && uint64(to) < uint64(from)+n {
		return linux.EINVAL
	}
	return nil
}

// moveOffsets stores where a copy ended: in the guest's variables or, where it
// gave none, in the files' own offsets.
func moveOffsets(t *kernel.Task, src *vfs.File, inOff Addr, from int64, dst *vfs.File, outOff Addr, to int64) error {
	c := ioCtx(t)
	for _, v := range [...]struct {
		f   *vfs.File
		a   Addr
		off int64
	}{{src, inOff, from}, {dst, outOff, to}} {
		var err error
		if v.a != 0 {
			err = copyOut(t, v.a, &v.off)
		} else {
			_, err = v.f.Seek(c, v.off, linux.SEEK_SET)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
