// Package signalfd is reading signals from a descriptor (signalfd(2)).
package signalfd

import (
	"encoding/binary"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

const unblockable = 1<<(linux.SIGKILL-1) | 1<<(linux.SIGSTOP-1)

// A SignalFD implements vfs.FileOps. Reading and polling look at the signals of
// the task that does so, as in Linux; epoll(7) at those of the task that made
// the file.
type SignalFD struct {
	vfs.NoFile
	maker *kernel.Task // immutable
	set   atomic.Uint64
}

// New returns a file that reads the signals in set, made by t.
func New(t *kernel.Task, set linux.Sigset) *SignalFD {
	s := &SignalFD{maker: t}
	s.set.Store(uint64(set &^ unblockable))
	return s
}

// SetMask changes which signals are read.
func (s *SignalFD) SetMask(set linux.Sigset) {
	s.set.Store(uint64(set &^ unblockable))
	s.Queue().Notify(readable)
}

// Mask returns which signals are read.
func (s *SignalFD) Mask() linux.Sigset { return linux.Sigset(s.set.Load()) }

// Read implements vfs.FileOps.
func (s *SignalFD) Read(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	t, ok := c.Task.(*kernel.Task)
	if !ok || b.Len() < linux.SizeOfSignalfdSiginfo {
		return 0, linux.EINVAL
	}
	var total int64
	for b.Len() >= linux.SizeOfSignalfdSiginfo {
		info, ok := t.DequeueSignal(s.Mask())
		if !ok {
			break
		}
		out := convert(info)
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

// ReadyFor is Ready as t sees it.
func (s *SignalFD) ReadyFor(t *kernel.Task) wait.Mask {
	if t.PendingIn(s.Mask()) {
		return readable
	}
	return 0
}

// QueueFor is Queue for t.
func (s *SignalFD) QueueFor(t *kernel.Task) *wait.Queue { return t.Group().SignalEvents() }

// Ready implements vfs.FileOps.
func (s *SignalFD) Ready() wait.Mask { return s.ReadyFor(s.maker) }

// Queue implements vfs.FileOps.
func (s *SignalFD) Queue() *wait.Queue { return s.QueueFor(s.maker) }

const readable = wait.In | wait.RdNorm

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
