package sys

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// Events that end a wait for data or for room.
const (
	readEvents  = wait.In | wait.RdNorm | wait.RdHup | wait.Pri
	writeEvents = wait.Out | wait.WrNorm | wait.WrBand
)

// A perTask file is ready or not for each task: a signalfd.
type perTask interface {
	ReadyFor(t *kernel.Task) wait.Mask
	QueueFor(t *kernel.Task) *wait.Queue
}

// readyFor returns the events of f that t sees.
func readyFor(t *kernel.Task, f *vfs.File) wait.Mask {
	if p, ok := f.Ops().(perTask); ok {
		return p.ReadyFor(t)
	}
	return f.Ready()
}

// queueFor returns what tells t that they may have changed.
func queueFor(t *kernel.Task, f *vfs.File) *wait.Queue {
	if p, ok := f.Ops().(perTask); ok {
		return p.QueueFor(t)
	}
	return f.Queue()
}

// recvDeadline is until when a read of f waits (SO_RCVTIMEO).
func recvDeadline(f *vfs.File) int64 {
	if s, ok := f.Ops().(socket.Socket); ok {
		return deadlineOf(s.Common().RecvTimeoutNS.Load())
	}
	return kernel.Forever
}

// sendDeadline is until when a write to f waits (SO_SNDTIMEO).
func sendDeadline(f *vfs.File) int64 {
	if s, ok := f.Ops().(socket.Socket); ok {
		return deadlineOf(s.Common().SendTimeoutNS.Load())
	}
	return kernel.Forever
}

func deadlineOf(timeoutNS int64) int64 {
	if timeoutNS == 0 {
		return kernel.Forever
	}
	return kernel.Deadline(timeoutNS)
}

// signalsPipe reports whether EPIPE from f comes with SIGPIPE: pipes and stream
// sockets.
func signalsPipe(f *vfs.File) bool {
	s, ok := f.Ops().(socket.Socket)
	return !ok || s.Common().Type == linux.SOCK_STREAM
}
