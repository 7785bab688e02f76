package vfs

import (
	"sync"
	"weak"

	"glovebox/lib/ref"
)

// maxCached is how many names of a file system are kept without need.
const maxCached = 32768

// A super is what all mounts of a file system share (struct super_block).
type super struct {
	fs FileSystem
	// mounts counts the mounts of it that are in use; the last one releases
	// the file system.
	mounts ref.Count

	// rename serialises renames between directories, of all containers that reach the
	// file system: of all locks but an open file's offset it is the first, and held
	// while the file system works (s_vfs_rename_mutex).
	rename sync.Mutex

	mu   sync.Mutex // a leaf
	ring []*Dentry  // the dentries that their parents keep; guarded by mu
	hand int        // guarded by mu
}

// remember puts d, which its parent keeps, into the ring. If that is full, one
// that was not used since the hand came by last is evicted (the clock
// algorithm).
func (sb *super) remember(d *Dentry) {
	var victim *Dentry
	sb.mu.Lock()
	if d.slot == 0 {
		sb.ring = append(sb.ring, d)
		d.slot = len(sb.ring)
	}
	if len(sb.ring) > maxCached {
		victim = sb.pickLocked(d)
	}
	sb.mu.Unlock()
	if victim != nil {
		victim.evict()
	}
}

// pickLocked takes a dentry other than keep out of the ring. It does not go
// round for ever: after a few it takes one that was used.
func (sb *super) pickLocked(keep *Dentry) *Dentry {
	for tries := 0; ; tries++ {
		sb.hand = (sb.hand + 1) % len(sb.ring)
		d := sb.ring[sb.hand]
		if d != keep && (!d.used.Swap(false) || tries >= 16) {
			sb.dropLocked(d)
			return d
		}
	}
}

func (sb *super) dropLocked(d *Dentry) {
	end := len(sb.ring) - 1
	last := sb.ring[end]
	sb.ring[d.slot-1], last.slot = last, d.slot
	sb.ring[end], d.slot = nil, 0
	sb.ring = sb.ring[:end]
}

// forget takes d out of the ring.
func (sb *super) forget(d *Dentry) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if d.slot != 0 {
		sb.dropLocked(d)
	}
}

// evict makes d's parent hold it weakly: who uses it keeps it, and its name
// finds it again.
func (d *Dentry) evict() {
	at := d.place.Load()
	p := at.parent
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.children[at.name].d != d {
		return
	}
	if d.inode == nil {
		delete(p.children, at.name)
		return
	}
	p.children[at.name] = child{w: weak.Make(d)}
	if p.weak++; p.weak > 64+len(p.children)/2 {
		p.sweepLocked()
	}
}

// sweepLocked forgets the children that nobody holds any more.
func (d *Dentry) sweepLocked() {
	d.weak = 0
	for name, e := range d.children {
		switch {
		case e.d != nil:
		case e.w.Value() == nil:
			delete(d.children, name)
		default:
			d.weak++
		}
	}
}
