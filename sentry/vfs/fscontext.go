package vfs

import (
	"glovebox/lib/ref"
	"glovebox/sentry/lock"
)

// An FSContext is where a task's paths start, and its umask (struct
// fs_struct), counted by the tasks that share it.
type FSContext struct {
	refs ref.Count

	mu        lock.RWMutex[lock.FSContext]
	root, cwd Path   // guarded by mu
	umask     uint32 // guarded by mu
}

// NewFSContext returns a context with one reference.
func NewFSContext(root, cwd Path, umask uint32) *FSContext {
	return &FSContext{root: root, cwd: cwd, umask: umask & 0o777}
}

// Inc adds a reference.
func (x *FSContext) Inc() { x.refs.Inc() }

// Dec drops one.
func (x *FSContext) Dec() { x.refs.Dec() }

// Copy returns a copy with one reference.
func (x *FSContext) Copy() *FSContext {
	root, cwd, umask := x.Get()
	return NewFSContext(root, cwd, umask)
}

// Get returns all three.
func (x *FSContext) Get() (root, cwd Path, umask uint32) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.root, x.cwd, x.umask
}

// SetCwd is chdir(2).
func (x *FSContext) SetCwd(p Path) {
	x.mu.Lock()
	x.cwd = p
	x.mu.Unlock()
}

// SetRoot is chroot(2).
func (x *FSContext) SetRoot(p Path) {
	x.mu.Lock()
	x.root = p
	x.mu.Unlock()
}

// SetUmask is umask(2): it returns the old one.
func (x *FSContext) SetUmask(mask uint32) uint32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.umask
	x.umask = mask & 0o777
	return old
}
