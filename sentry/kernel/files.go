package kernel

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// Files is what a task can name files by.
type Files struct {
	FDs *vfs.FDTable
	FS  *vfs.FSContext
	VFS *vfs.VFS // the mount namespace
	Net socket.Namespace
}

// files holds a task's Files. The task's goroutine writes them under mu, a
// leaf, and reads them without.
type files struct {
	mu sync.Mutex
	v  Files
}

// clone returns what a child gets (CLONE_FILES, CLONE_FS).
func (f *files) clone(flags uint64) Files {
	v := f.v
	if v.FDs != nil {
		if flags&linux.CLONE_FILES != 0 {
			v.FDs.Inc()
		} else {
			v.FDs = v.FDs.Copy()
		}
	}
	if v.FS != nil {
		if flags&linux.CLONE_FS != 0 {
			v.FS.Inc()
		} else {
			v.FS = v.FS.Copy()
		}
	}
	if v.VFS != nil {
		v.VFS.Inc()
	}
	if v.Net != nil {
		v.Net.Inc()
	}
	return v
}

// set replaces f, and drops what it held.
func (f *files) set(v Files) {
	f.mu.Lock()
	old := f.v
	f.v = v
	f.mu.Unlock()
	if old.FDs != nil && old.FDs != v.FDs {
		old.FDs.Dec()
	}
	if old.FS != nil && old.FS != v.FS {
		old.FS.Dec()
	}
	if old.VFS != nil && old.VFS != v.VFS {
		old.VFS.Dec()
	}
	if old.Net != nil && old.Net != v.Net {
		old.Net.Dec()
	}
}

// Files returns t's descriptors and paths. Task goroutine only.
func (t *Task) Files() Files { return t.files.v }

// SharedFiles returns them with references for another goroutine, which drops
// them; empty for an exiting task.
func (t *Task) SharedFiles() Files {
	t.files.mu.Lock()
	defer t.files.mu.Unlock()
	if v := t.files.v; v.FDs != nil && v.FS != nil {
		v.FDs.Inc()
		v.FS.Inc()
		return v
	}
	return Files{}
}

// UnshareFiles gives t descriptors of its own (unshare(2), exec).
func (t *Task) UnshareFiles() {
	if v := t.files.v; v.FDs != nil && v.FDs.Shared() {
		v.FDs = v.FDs.Copy()
		t.files.set(v)
	}
}

// UnshareFS gives t paths of its own.
func (t *Task) UnshareFS() {
	if v := t.files.v; v.FS != nil {
		v.FS = v.FS.Copy()
		t.files.set(v)
	}
}

// execFiles closes what exec closes.
func (t *Task) execFiles() {
	t.UnshareFiles()
	if fds := t.files.v.FDs; fds != nil {
		fds.CloseOnExec()
	}
}
