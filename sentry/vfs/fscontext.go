package vfs

import (
	"glovebox/lib/ref"
	"glovebox/sentry/lock"
)

// An FSContext is where a task's paths start, and its umask (struct
// fs_struct), counted by the tasks that share it. It keeps both mounts busy.
type FSContext struct {
	refs ref.Count

	mu        lock.RWMutex[lock.FSContext]
	root, cwd Path   // guarded by mu
	umask     uint32 // guarded by mu
}

// NewFSContext returns a context with one reference.
func NewFSContext(root, cwd Path, umask uint32) *FSContext {
	root.hold()
	cwd.hold()
	return &FSContext{root: root, cwd: cwd, umask: umask & 0o777}
}

// Inc adds a reference.
func (x *FSContext) Inc() { x.refs.Inc() }

// Shared reports whether there is more than one.
func (x *FSContext) Shared() bool { return x.refs.Refs() > 1 }

// Dec drops one.
func (x *FSContext) Dec() {
	if x.refs.Dec() {
		x.root.drop()
		x.cwd.drop()
	}
}

// Copy returns a copy with one reference.
func (x *FSContext) Copy() *FSContext {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return NewFSContext(x.root, x.cwd, x.umask)
}

// Get returns all three.
func (x *FSContext) Get() (root, cwd Path, umask uint32) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.root, x.cwd, x.umask
}

// SetCwd is chdir(2).
func (x *FSContext) SetCwd(p Path) {
	p.hold()
	x.mu.Lock()
	old := x.cwd
	x.cwd = p
	x.mu.Unlock()
	old.drop()
}

// SetRoot is chroot(2).
func (x *FSContext) SetRoot(p Path) {
	p.hold()
	x.mu.Lock()
	old := x.root
	x.root = p
	x.mu.Unlock()
	old.drop()
}

// SetUmask is umask(2): it returns the old one.
func (x *FSContext) SetUmask(mask uint32) uint32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.umask
	x.umask = mask & 0o777
	return old
}
