package vfs

import (
	"strings"

	"glovebox/abi/linux"
)

// A Reopener is an open file without a path that can be opened once more,
// through /proc/PID/fd.
type Reopener interface {
	Reopen(c *Ctx, flags uint32) (FileOps, error)
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
		f.anon.CompareAndSwap(nil, newDentry(anonMount.sb, nil, f.name, &anonInode{f, a.Mode & linux.S_IFMT}))
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
var anonMount = &Mount{sb: &super{fs: anonFS{}}}

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
}

func (i *anonInode) Kind() uint32                { return i.kind }
func (i *anonInode) Attr(c *Ctx) (Attr, error)   { return i.f.Attr(c) }
func (i *anonInode) SetAttr(*Ctx, SetAttr) error { return linux.EPERM }
func (i *anonInode) OpensItself()                {}

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
