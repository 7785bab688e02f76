// Package signalfd is reading signals from a descriptor (signalfd(2)).
package signalfd

import (
	"encoding/binary"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A Source is a task whose signals are read; kernel's task implements it. Both
// methods may be called by any goroutine and do not block.
type Source interface {
	// TakeSignal dequeues a pending signal of the task or its process that
	// is in set.
	TakeSignal(set uint64) (info linux.Siginfo, ok bool)
	// SignalPending reports whether TakeSignal would find one.
	SignalPending(set uint64) bool
	// SignalQueue is told In when a signal comes to the task or its process.
	SignalQueue() *wait.Queue
}

const unblockable = 1<<(linux.SIGKILL-1) | 1<<(linux.SIGSTOP-1)

// A SignalFD implements vfs.FileOps. Reading takes signals of the reader, as
// in Linux; polling looks at those of the task that made it.
type SignalFD struct {
	vfs.NoFile
	src Source // immutable
	set atomic.Uint64
}

// New returns a file that reads the signals in set.
func New(src Source, set uint64) *SignalFD {
	s := &SignalFD{src: src}
	s.set.Store(set &^ unblockable)
	return s
}

// SetMask changes which signals are read.
func (s *SignalFD) SetMask(set uint64) {
	s.set.Store(set &^ unblockable)
	if q := s.src.SignalQueue(); q != nil {
		q.Notify(wait.In | wait.RdNorm)
	}
}

// Mask returns which signals are read.
func (s *SignalFD) Mask() uint64 { return s.set.Load() }

// Read implements vfs.FileOps.
func (s *SignalFD) Read(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	src := s.src
	if c != nil {
		if t, ok := c.Task.(Source); ok {
			src = t
		}
	}
	if b.Len() < linux.SizeOfSignalfdSiginfo {
		return 0, linux.EINVAL
	}
	var total int64
	for b.Len() >= linux.SizeOfSignalfdSiginfo {
		info, ok := src.TakeSignal(s.set.Load())
		if !ok {
			break
		}
		out := convert(&info)
		n, err := b.CopyOut(out[:])
		if err != nil {
			if total == 0 {
				return 0, err
			}
			break
		}
		total += int64(n)
	}
	if total == 0 {
		return 0, linux.EAGAIN
	}
	return total, nil
}

// Ready implements vfs.FileOps.
func (s *SignalFD) Ready() wait.Mask {
	if s.src.SignalPending(s.set.Load()) {
		return wait.In | wait.RdNorm
	}
	return 0
}

// Queue implements vfs.FileOps.
func (s *SignalFD) Queue() *wait.Queue { return s.src.SignalQueue() }

// convert makes a struct signalfd_siginfo (signalfd_copyinfo in fs/signalfd.c).
func convert(i *linux.Siginfo) (out [linux.SizeOfSignalfdSiginfo]byte) {
	le := binary.LittleEndian
	f := i.Fields[:]
	put := func(at int, v uint32) { le.PutUint32(out[at:], v) }
	put(0, uint32(i.Signo))
	put(4, uint32(i.Errno))
	put(8, uint32(i.Code))
	switch {
	case i.Code == linux.SI_TIMER:
		put(24, le.Uint32(f[0:]))                // tid
		put(32, le.Uint32(f[4:]))                // overrun
		le.PutUint64(out[48:], le.Uint64(f[8:])) // ptr
		put(44, le.Uint32(f[8:]))                // int
		return out
	case i.Signo == linux.SIGCHLD && i.Code > 0:
		put(12, le.Uint32(f[0:]))
		put(16, le.Uint32(f[4:]))
		put(40, le.Uint32(f[8:]))  // status
		copy(out[56:72], f[16:32]) // utime, stime
		return out
	case i.Signo == linux.SIGIO && i.Code > 0:
		put(28, le.Uint32(f[0:])) // band
		put(20, le.Uint32(f[8:])) // fd
		return out
	case i.Code > 0 && i.Code != linux.SI_KERNEL:
		copy(out[72:80], f[0:8]) // addr
		return out
	}
	put(12, le.Uint32(f[0:])) // pid
	put(16, le.Uint32(f[4:])) // uid
	put(44, le.Uint32(f[8:])) // int
	copy(out[48:56], f[8:16]) // ptr
	return out
}
