package vfs

import (
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
)

// A Ctx is on whose behalf the file system acts: of one task, for the length
// of one call.
type Ctx struct {
	Creds *auth.Creds
	// VFS is the mount namespace that paths are looked up in.
	VFS *VFS
	// Root and Cwd are where absolute and relative paths start.
	Root, Cwd Path
	// Umask is applied to new files.
	Umask uint32
	// FileLimit is RLIMIT_FSIZE in bytes.
	FileLimit uint64
	// TGID is the thread group id, for locks and SIGIO.
	TGID int32
	// Heap counts the bytes that the Sentry keeps for the caller (memory of its
	// control group); nil for nobody.
	Heap *atomic.Int64
	// Task is the *kernel.Task, for file systems above the kernel; nil for
	// the Sentry's own work.
	Task any
}

// FileOps is what stands behind an open file (struct file_operations). Its
// methods may be called at once by several tasks. None blocks for a guest's
// sake: what is not ready returns EAGAIN, and the caller waits on Queue until
// Ready says otherwise. Embed NoFile for what a file does not do.
type FileOps interface {
	// Read fills b from offset off; -1 for a file without offsets. 0 is the
	// end of the file.
	Read(c *Ctx, b *guest.Buf, off int64) (int64, error)
	// Write drains b to offset off; -1 for a file without offsets.
	Write(c *Ctx, b *guest.Buf, off int64) (int64, error)
	// Ready returns the events that are true now, as poll(2).
	Ready() wait.Mask
	// Queue is told when Ready may have changed; nil if it never changes.
	Queue() *wait.Queue
	// Ioctl is ioctl(2); arguments are read from and written to mem.
	Ioctl(c *Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error)
	// Release is called once, when the last reference to the file is gone.
	Release()
}

// NoFile answers every call of FileOps as a file that can do nothing: EINVAL
// for reading and writing, ENOTTY for ioctl, always ready.
type NoFile struct{}

func (NoFile) Read(*Ctx, *guest.Buf, int64) (int64, error)  { return 0, linux.EINVAL }
func (NoFile) Write(*Ctx, *guest.Buf, int64) (int64, error) { return 0, linux.EINVAL }
func (NoFile) Ready() wait.Mask                             { return wait.In | wait.Out | wait.RdNorm | wait.WrNorm }
func (NoFile) Queue() *wait.Queue                           { return nil }
func (NoFile) Ioctl(*Ctx, guest.Memory, uint32, uint64) (uintptr, error) {
	return 0, linux.ENOTTY
}
func (NoFile) Release() {}
