package vfs

import (
	"strings"
	"sync"

	"glovebox/abi/linux"
)

// A Reopener is an open file without a path that can be opened once more,
// through /proc/PID/fd.
type Reopener interface {
	Reopen(c *Ctx, flags uint32) (FileOps, error)
}

// A Truncater is an open regular file without a path that can be cut.
type Truncater interface {
	Truncate(size int64) error
}

// Place returns where f is for those who come through a magic link
// (/proc/PID/fd): its path, or for a file without one a place of its own.
func (f *File) Place() Path {
	if !f.path.IsZero() {
		return f.path
	}
	d := f.anon.Load()
	if d == nil {
		a, _ := f.Attr(&Ctx{})
		f.anon.CompareAndSwap(nil, newDentry(anonMount.sb, nil, f.name, &anonInode{f: f, kind: a.Mode & linux.S_IFMT}))
		d = f.anon.Load()
	}
	return Path{anonMount, d}
}

// NewUnlinkedFile opens inode, which has no name in its file system, as a file
// that shows as name (memfd_create(2)).
func NewUnlinkedFile(c *Ctx, name string, inode Inode, flags uint32) (*File, error) {
	ops, err := inode.Open(c, flags)
	if err != nil {
		return nil, err
	}
	return NewFile(c, Path{anonMount, newDentry(anonMount.sb, nil, name, inode)}, ops, flags), nil
}

// anonMount is the mount of all files without a path. Immutable.
var anonMount = NewLoose(anonFS{})

// NewLoose returns a mount of fs that is in no tree: its files are found by other ways
// than paths.
func NewLoose(fs FileSystem) *Mount { return &Mount{loose: true, sb: &super{fs: fs}} }

// Path is a file of m, which is loose, that shows as name.
func (m *Mount) Path(name string, inode Inode) Path {
	return Path{m, newDentry(m.sb, nil, name, inode)}
}

// anonFS is the file system of files without a path (anon_inodefs, pipefs).
type anonFS struct{}

func (anonFS) Type() string    { return "anon_inodefs" }
func (anonFS) Root() Inode     { return nil }
func (anonFS) Sync(*Ctx) error { return nil }
func (anonFS) Release()        {}
func (anonFS) Statfs(*Ctx) (linux.Statfs, error) {
	return linux.Statfs{Type: anonMagic, Bsize: 4096, Frsize: 4096, Namelen: linux.NAME_MAX}, nil
}

const anonMagic = 0x09041934 // ANON_INODE_FS_MAGIC

// An anonInode is a file without a path, found through one that is open.
type anonInode struct {
	f    *File
	kind uint32

	mu  sync.Mutex // a leaf
	set SetAttr    // what was changed; guarded by mu
}

func (i *anonInode) Kind() uint32              { return i.kind }
func (i *anonInode) Attr(c *Ctx) (Attr, error) { return i.f.Attr(c) }
func (i *anonInode) OpensItself()              {}

// SetAttr implements Inode. A pipe or a socket has an owner and permissions,
// which mean nothing; a file of the host has its own, which stay as they are.
func (i *anonInode) SetAttr(_ *Ctx, s SetAttr) error {
	if strings.HasPrefix(i.f.name, "anon_inode:") {
		return linux.EOPNOTSUPP
	}
	if s.Mask&SetSize != 0 {
		t, ok := i.f.ops.(Truncater)
		if !ok {
			return linux.EINVAL
		}
		if err := t.Truncate(s.Size); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set.Mask |= s.Mask & (SetMode | SetUID | SetGID)
	if s.Mask&SetMode != 0 {
		i.set.Mode = s.Mode & 0o7777
	}
	if s.Mask&SetUID != 0 {
		i.set.UID = s.UID
	}
	if s.Mask&SetGID != 0 {
		i.set.GID = s.GID
	}
	return nil
}

// patch puts what was changed into a.
func (i *anonInode) patch(a *Attr) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.set.Mask&SetMode != 0 {
		a.Mode = a.Mode&linux.S_IFMT | i.set.Mode
	}
	if i.set.Mask&SetUID != 0 {
		a.UID = i.set.UID
	}
	if i.set.Mask&SetGID != 0 {
		a.GID = i.set.GID
	}
}

// Permission implements Permitter: whoever may follow the magic link has the
// file already.
func (i *anonInode) Permission(*Ctx, Access) error { return nil }

// Open implements Inode. A pipe, or a file of the host, can be opened once more
// for what it is open for; sockets and anonymous inodes cannot.
func (i *anonInode) Open(c *Ctx, flags uint32) (FileOps, error) {
	f := i.f
	if !f.refs.TryInc() {
		return nil, linux.ENXIO
	}
	if r, ok := f.ops.(Reopener); ok {
		defer f.Dec()
		return r.Reopen(c, flags)
	}
	want, _ := access(flags)
	err := error(nil)
	switch {
	case i.kind == linux.S_IFSOCK || strings.HasPrefix(f.name, "anon_inode:"):
		err = linux.ENXIO
	case want&MayRead != 0 && !f.Readable() || want&MayWrite != 0 && !f.Writable():
		err = linux.EACCES
	}
	if err != nil {
		f.Dec()
		return nil, err
	}
	return &again{f.ops, f}, nil
}

// again is a file that was opened once more.
type again struct {
	FileOps
	f *File
}

// Release implements FileOps: it gives back the file, not what is behind it.
func (a *again) Release() { a.f.Dec() }
