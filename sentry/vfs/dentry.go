package vfs

import (
	"strings"
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/lock"
)

// maxCached is how many names a file system keeps in mind without need.
const maxCached = 32768

// A super is what all mounts of a file system share (struct super_block).
type super struct {
	fs     FileSystem
	cached atomic.Int64
}

// A Dentry is a name in a directory and what it stands for, or that it stands
// for nothing (struct dentry). Dentries belong to the garbage collector.
type Dentry struct {
	sb *super
	// inode is nil for a name that is known not to exist. Immutable.
	inode Inode

	// ops serialises lookups that miss, and changes of the names in this
	// directory. It is held while the file system works.
	ops sync.Mutex

	mu       lock.RWMutex[lock.Dentry]
	children map[string]*Dentry // guarded by mu

	// name and parent are guarded by VFS.rename; parent is nil for a root.
	name   string
	parent *Dentry
	// gone: it was unlinked. mounts counts what is mounted on it.
	gone   atomic.Bool
	mounts atomic.Int32
}

func newRoot(sb *super) *Dentry { return &Dentry{sb: sb, inode: sb.fs.Root()} }

// Inode returns what d names.
func (d *Dentry) Inode() Inode { return d.inode }

// isDir reports whether d is a directory.
func (d *Dentry) isDir() bool { return d.inode != nil && d.inode.Kind() == linux.S_IFDIR }

// cachedChild returns the child at name if it is in mind.
func (d *Dentry) cachedChild(name string) *Dentry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.children[name]
}

// child returns the dentry at name: ENOENT if there is no such file.
func (d *Dentry) child(c *Ctx, name string) (*Dentry, error) {
	if ch := d.cachedChild(name); ch != nil && d.valid(c, ch, name) {
		if ch.inode == nil {
			return nil, linux.ENOENT
		}
		return ch, nil
	}
	d.ops.Lock()
	defer d.ops.Unlock()
	return d.childLocked(c, name)
}

// valid asks a file system whose names change by themselves.
func (d *Dentry) valid(c *Ctx, ch *Dentry, name string) bool {
	r, ok := d.inode.(Revalidator)
	return !ok || ch.mounts.Load() > 0 || ch.inode != nil && r.Revalidate(c, name, ch.inode)
}

// childLocked is child with d.ops held.
func (d *Dentry) childLocked(c *Ctx, name string) (*Dentry, error) {
	dir, ok := d.inode.(Dir)
	if !ok {
		return nil, linux.ENOTDIR
	}
	if d.gone.Load() {
		return nil, linux.ENOENT
	}
	if ch := d.cachedChild(name); ch != nil && d.valid(c, ch, name) {
		if ch.inode == nil {
			return nil, linux.ENOENT
		}
		return ch, nil
	}
	inode, err := dir.Lookup(c, name)
	if err != nil {
		if _, live := d.inode.(Revalidator); err == linux.ENOENT && !live {
			d.keep(name, nil)
		}
		return nil, err
	}
	return d.keep(name, inode), nil
}

// keep remembers what name stands for. d.ops is held.
func (d *Dentry) keep(name string, inode Inode) *Dentry {
	ch := &Dentry{sb: d.sb, inode: inode, name: name, parent: d}
	d.put(name, ch)
	return ch
}

func (d *Dentry) put(name string, ch *Dentry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.children == nil {
		d.children = map[string]*Dentry{}
	}
	if _, ok := d.children[name]; !ok && d.sb.cached.Add(1) > maxCached {
		d.evictLocked()
	}
	d.children[name] = ch
}

// forget drops what is known of name.
func (d *Dentry) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.children[name]; ok {
		delete(d.children, name)
		d.sb.cached.Add(-1)
	}
}

// evictLocked forgets some leaves of a directory that has too many names. A
// dentry that is in use lives on; the name gets another one when it is looked
// up again.
func (d *Dentry) evictLocked() {
	left := 64
	for name, ch := range d.children {
		if ch.mounts.Load() > 0 || ch.isDir() {
			continue
		}
		delete(d.children, name)
		d.sb.cached.Add(-1)
		if left--; left == 0 {
			return
		}
	}
}

// isUnder reports whether d is a or lies below it. VFS.rename is held.
func (d *Dentry) isUnder(a *Dentry) bool {
	for ; d != nil; d = d.parent {
		if d == a {
			return true
		}
	}
	return false
}

// validName reports whether a file can have the name.
func validName(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || strings.IndexByte(name, '/') >= 0:
		return linux.EINVAL
	case len(name) > linux.NAME_MAX:
		return linux.ENAMETOOLONG
	}
	return nil
}
