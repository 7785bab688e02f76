package vfs

import (
	"sync"
	"sync/atomic"
	"weak"

	"glovebox/abi/linux"
	"glovebox/sentry/lock"
)

// A Dentry is a name in a directory and what it stands for, or that it stands
// for nothing (struct dentry). Dentries belong to the garbage collector: there
// is one for a name as long as anything holds it, be it evicted or not.
type Dentry struct {
	sb *super
	// inode is nil for a name that is known not to exist. Immutable.
	inode Inode
	place atomic.Pointer[place]
	// gone: it was unlinked. mounts counts what is mounted on it.
	gone   atomic.Bool
	mounts atomic.Int32
	// noLink: a file without a name that must not get one (O_TMPFILE with
	// O_EXCL). Set before the dentry is shared.
	noLink bool
	// used since the hand of the cache passed; slot is its place in super.ring,
	// from 1 on, 0 for none, and guarded by super.mu.
	used atomic.Bool
	slot int

	// ops serialises lookups that miss, and changes of the names in this
	// directory. It is held while the file system works.
	ops sync.Mutex

	mu       lock.RWMutex[lock.Dentry]
	children map[string]child // guarded by mu
	weak     int              // children held weakly; guarded by mu
}

// A place is where a dentry is; parent is nil for a root.
type place struct {
	parent *Dentry
	name   string
}

// A child is a dentry that is cached, or one that was evicted and may still be
// in use.
type child struct {
	d *Dentry
	w weak.Pointer[Dentry]
}

func newDentry(sb *super, parent *Dentry, name string, inode Inode) *Dentry {
	d := &Dentry{sb: sb, inode: inode}
	d.place.Store(&place{parent, name})
	return d
}

func newRoot(sb *super) *Dentry { return newDentry(sb, nil, "", sb.fs.Root()) }

// unmounted takes one off the mounts on d, which may be nil.
func (d *Dentry) unmounted() {
	if d != nil {
		d.mounts.Add(-1)
	}
}

// parent returns the directory that d is in, nil for a root.
func (d *Dentry) parent() *Dentry { return d.place.Load().parent }

// name returns d's name, "" for a root.
func (d *Dentry) name() string { return d.place.Load().name }

// Inode returns what d names.
func (d *Dentry) Inode() Inode { return d.inode }

// isDir reports whether d is a directory.
func (d *Dentry) isDir() bool { return d.inode != nil && d.inode.Kind() == linux.S_IFDIR }

// cachedChild returns what is known of name, or nil.
func (d *Dentry) cachedChild(name string) *Dentry {
	d.mu.RLock()
	e := d.children[name]
	d.mu.RUnlock()
	if e.d != nil {
		if !e.d.used.Load() {
			e.d.used.Store(true)
		}
		return e.d
	}
	return e.w.Value()
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
	old := d.cachedChild(name)
	if old != nil && d.valid(c, old, name) {
		if old.inode == nil {
			return nil, linux.ENOENT
		}
		d.put(name, old) // it may have been evicted
		return old, nil
	}
	inode, err := dir.Lookup(c, name)
	switch {
	case err == nil && old != nil && old.inode == inode:
		return old, nil
	case err == nil:
		return d.keep(name, inode), nil
	case err == linux.ENOENT:
		if old != nil {
			d.forget(name)
			old.gone.Store(true)
		}
		if _, live := d.inode.(Revalidator); !live {
			d.keep(name, nil)
		}
	}
	return nil, err
}

// keep remembers what name stands for. d.ops is held.
func (d *Dentry) keep(name string, inode Inode) *Dentry {
	ch := newDentry(d.sb, d, name, inode)
	d.put(name, ch)
	return ch
}

// put makes ch the child at name.
func (d *Dentry) put(name string, ch *Dentry) {
	d.mu.Lock()
	if d.children == nil {
		d.children = map[string]child{}
	}
	old := d.children[name].d
	d.children[name] = child{d: ch}
	d.mu.Unlock()
	if old == ch {
		return
	}
	if old != nil {
		d.sb.forget(old)
	}
	d.sb.remember(ch)
}

// forget drops what is known of name.
func (d *Dentry) forget(name string) {
	d.mu.Lock()
	old := d.children[name].d
	delete(d.children, name)
	d.mu.Unlock()
	if old != nil {
		d.sb.forget(old)
	}
}

// recant forgets that there is no such name if the file system, asked to make it,
// says that there is: whoever shares the files made it. d.ops is held.
func (d *Dentry) recant(name string, err error) {
	if ch := d.cachedChild(name); err == linux.EEXIST && ch != nil && ch.inode == nil {
		d.forget(name)
	}
}

// isUnder reports whether d is a or lies below it.
func (d *Dentry) isUnder(a *Dentry) bool {
	for ; d != nil; d = d.parent() {
		if d == a {
			return true
		}
	}
	return false
}
