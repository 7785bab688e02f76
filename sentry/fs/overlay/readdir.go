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
	slices.SortFunc(list[2:], byName)
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
	list, err := d.lowerList(c)
	if err != nil {
		return err
	}
	for _, e := range list {
		if _, ok := d.dir.m[e.Name]; !ok && !add(e) {
			return nil
		}
	}
	return nil
}

func byName(a, b vfs.Dirent) int { return strings.Compare(a.Name, b.Name) }

// lacks reports whether the lower directory is known not to have the name.
func (d dir) lacks(name string) bool {
	l := d.dir.low.Load()
	if l == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(*l, vfs.Dirent{Name: name}, byName)
	return !found
}

// maxKept is how long a lower directory's list is kept in mind at most.
const maxKept = 4096

// lowerList returns the lower directory's entries by name, but for "." and "..".
// They do not change, so they are asked for once.
func (d dir) lowerList(c *vfs.Ctx) ([]vfs.Dirent, error) {
	if l := d.dir.low.Load(); l != nil {
		return *l, nil
	}
	ops, err := d.lower.Open(c, linux.O_RDONLY|linux.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer ops.Release()
	r, ok := ops.(vfs.Dirents)
	if !ok {
		return nil, linux.ENOTDIR
	}
	list := []vfs.Dirent{}
	err = r.ReadDir(c, 0, func(e vfs.Dirent) bool {
		if e.Name != "." && e.Name != ".." {
			list = append(list, e)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, byName)
	if len(list) <= maxKept {
		d.dir.low.Store(&list)
	}
	return list, nil
}
