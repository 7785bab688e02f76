package sys

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// scratch is memory that a task's calls use one after the other, so that the
// hot ones allocate nothing. Nothing in it outlives a call.
type scratch struct {
	ctx  vfs.Ctx
	buf  guest.Buf
	segs []guest.Seg
	send socket.Outgoing
	recv socket.Incoming
	stat linux.Stat
	iov  [linux.UIO_FASTIOV]linux.IOVec
	poll pollSet
	// events is what epoll_wait(2) collects in.
	events []linux.EpollEvent
	out    [4096]byte
	path   [linux.PATH_MAX]byte
}

// scratchOf returns t's scratch. Task goroutine only.
func scratchOf(t *kernel.Task) *scratch {
	s, ok := t.Scratch.(*scratch)
	if !ok {
		s = new(scratch)
		t.Scratch = s
	}
	return s
}

// addrLimit is where guest addresses end (TASK_SIZE_MAX).
const addrLimit = 1<<47 - guest.PageSize

// checkRange is access_ok: the n bytes at a can be guest memory at all.
func checkRange(a Addr, n uint64) error {
	if n > addrLimit || uint64(a) > addrLimit-n {
		return linux.EFAULT
	}
	return nil
}

// single returns the buffer of a read or write of n bytes at a. It is good
// until the next.
func single(t *kernel.Task, a Addr, n Size) (*guest.Buf, error) {
	if err := checkRange(a, uint64(n)); err != nil {
		return nil, err
	}
	s := scratchOf(t)
	s.buf = guest.NewBuf(t.Mem(), a.Guest(), int(min(n, linux.MAX_RW_COUNT)))
	return &s.buf, nil
}

// vector returns the buffer of count struct iovec at a (import_iovec).
func vector(t *kernel.Task, a Addr, count uint64) (*guest.Buf, error) {
	if count > linux.UIO_MAXIOV {
		return nil, linux.EINVAL
	}
	s := scratchOf(t)
	s.segs = s.segs[:0]
	left := uint64(linux.MAX_RW_COUNT)
	for count > 0 {
		n := min(count, uint64(len(s.iov)))
		if err := copyInSlice(t, a, s.iov[:n]); err != nil {
			return nil, err
		}
		for _, v := range s.iov[:n] {
			if int64(v.Len) < 0 {
				return nil, linux.EINVAL
			}
			if err := checkRange(Addr(v.Base), v.Len); err != nil {
				return nil, err
			}
			m := min(v.Len, left)
			left -= m
			s.segs = append(s.segs, guest.Seg{Addr: guest.Addr(v.Base), Len: int(m)})
		}
		a += Addr(n * sizeOfIOVec)
		count -= n
	}
	s.buf = guest.NewVec(t.Mem(), s.segs)
	return &s.buf, nil
}

const sizeOfIOVec = 16

// copyInSlice reads the elements of v at a.
func copyInSlice[T any](t *kernel.Task, a Addr, v []T) error {
	if len(v) == 0 {
		return nil
	}
	_, err := t.Mem().CopyIn(a.Guest(), linux.SliceBytes(v))
	return err
}

// copyOutSlice writes the elements of v at a.
func copyOutSlice[T any](t *kernel.Task, a Addr, v []T) error {
	if len(v) == 0 {
		return nil
	}
	_, err := t.Mem().CopyOut(a.Guest(), linux.SliceBytes(v))
	return err
}
