package overlay

import (
	"slices"
	"strings"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// Open implements vfs.Inode.
func (d dir) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) { return &openDir{d: d}, nil }

// An openDir is a directory being read. What it shows is put together when it
// is read from its start, as in overlayfs.
type openDir struct {
	vfs.NoFile
	d dir

	mu   sync.Mutex
	list []vfs.Dirent // guarded by mu
	made bool         // guarded by mu
}

// Read implements vfs.FileOps.
func (*openDir) Read(*vfs.Ctx, *guest.Buf, int64) (int64, error) { return 0, linux.EISDIR }

// Fsync implements vfs.Syncer.
func (*openDir) Fsync(*vfs.Ctx, bool) error { return nil }

// ReadDir implements vfs.Dirents.
func (o *openDir) ReadDir(c *vfs.Ctx, off int64, add func(vfs.Dirent) bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if off == 0 || !o.made {
		list, err := o.d.list(c)
		if err != nil {
			return err
		}
		o.list, o.made = list, true
	}
	for i := off; i >= 0 && i < int64(len(o.list)); i++ {
		e := o.list[i]
		e.Next = i + 1
		if !add(e) {
			return nil
		}
	}
	return nil
}

// list returns all entries of d, those of this layer by name.
func (d dir) list(c *vfs.Ctx) ([]vfs.Dirent, error) {
	self, err := d.number(c, 0)
	if err != nil {
		return nil, err
	}
	up := self
	if p := d.parent.Load(); p != nil {
		if up, err = p.number(c, 0); err != nil {
			return nil, err
		}
	}
	list := []vfs.Dirent{
		{Ino: self, Type: linux.DT_DIR, Name: "."},
		{Ino: up, Type: linux.DT_DIR, Name: ".."},
	}
	d.dir.mu.RLock()
	defer d.dir.mu.RUnlock()
	for name, e := range d.dir.m {
		if e.node == nil {
			continue
		}
		ino, err := e.node.number(c, 0)
		if err != nil {
			return nil, err
		}
		list = append(list, vfs.Dirent{Ino: ino, Type: uint8(e.node.kind >> 12), Name: name})
	}
	slices.SortFunc(list[2:], func(a, b vfs.Dirent) int { return strings.Compare(a.Name, b.Name) })
	err = d.listLowerLocked(c, func(e vfs.Dirent) bool {
		list = append(list, e)
		return true
	})
	return list, err
}

// listLowerLocked calls add with the lower directory's entries that this layer
// has nothing to say about, until it returns false.
func (d dir) listLowerLocked(c *vfs.Ctx, add func(vfs.Dirent) bool) error {
	if d.lower == nil {
		return nil
	}
	ops, err := d.lower.Open(c, linux.O_RDONLY|linux.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer ops.Release()
	r, ok := ops.(vfs.Dirents)
	if !ok {
		return linux.ENOTDIR
	}
	for off, more := int64(0), true; more; {
		n, stop := 0, false
		err := r.ReadDir(c, off, func(e vfs.Dirent) bool {
			n++
			off = e.Next
			if e.Name == "." || e.Name == ".." {
				return true
			}
			if _, ok := d.dir.m[e.Name]; !ok && !add(e) {
				stop = true
			}
			return !stop
		})
		if err != nil {
			return err
		}
		more = n > 0 && !stop
	}
	return nil
}
