// Package nsfs is the files that stand for namespaces: what /proc/PID/ns leads to
// (namespaces(7), ioctl_ns(2)). A file holds its namespace while it is open or mounted.
package nsfs

import (
	"fmt"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/namespace"
	"glovebox/sentry/vfs"
)

// A Kind is a kind of namespace: a name, and CLONE_NEW*.
type Kind struct {
	Name string
	Flag int
}

// Kinds.
var (
	Cgroup = Kind{"cgroup", linux.CLONE_NEWCGROUP}
	IPC    = Kind{"ipc", linux.CLONE_NEWIPC}
	Mount  = Kind{"mnt", linux.CLONE_NEWNS}
	Net    = Kind{"net", linux.CLONE_NEWNET}
	PID    = Kind{"pid", linux.CLONE_NEWPID}
	Time   = Kind{"time", linux.CLONE_NEWTIME}
	User   = Kind{"user", linux.CLONE_NEWUSER}
	UTS    = Kind{"uts", linux.CLONE_NEWUTS}
)

// Name is what the link to o shows.
func (k Kind) Title(o namespace.Object) string { return fmt.Sprintf("%s:[%d]", k.Name, o.ID()) }

// loose is where namespaces are that are not mounted.
var loose = vfs.NewLoose(&fileSystem{})

// device is st_dev.
var device = vfs.MakeDev(0, 4)

// Path returns the file that stands for o.
func Path(k Kind, o namespace.Object) vfs.Path { return loose.Path(k.Title(o), &inode{kind: k, o: o}) }

// Of returns the namespace that an open file stands for.
func Of(f *vfs.File) (Kind, namespace.Object, bool) {
	h, ok := f.Ops().(*handle)
	if !ok {
		return Kind{}, nil, false
	}
	return h.i.kind, h.i.o, true
}

// An inode is a namespace as a file.
type inode struct {
	kind Kind
	o    namespace.Object
}

// Kind implements vfs.Inode.
func (*inode) Kind() uint32 { return linux.S_IFREG }

// Attr implements vfs.Inode.
func (i *inode) Attr(*vfs.Ctx) (vfs.Attr, error) {
	return vfs.Attr{Dev: device, Ino: uint64(i.o.ID()), Mode: linux.S_IFREG | 0o444, Nlink: 1, BlkSize: guest.PageSize}, nil
}

// SetAttr implements vfs.Inode.
func (*inode) SetAttr(*vfs.Ctx, vfs.SetAttr) error { return linux.EPERM }

// Permission implements vfs.Permitter: it cannot be changed (S_IMMUTABLE).
func (*inode) Permission(_ *vfs.Ctx, want vfs.Access) error {
	switch {
	case want&vfs.MayWrite != 0:
		return linux.EPERM
	case want&vfs.MayExec != 0:
		return linux.EACCES
	}
	return nil
}

// Open implements vfs.Inode.
func (i *inode) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) {
	if !i.o.TryInc() {
		return nil, linux.ENOENT
	}
	return &handle{i: i}, nil
}

// Mounted implements vfs.Mountable.
func (i *inode) Mounted() (vfs.FileSystem, error) {
	if !i.o.TryInc() {
		return nil, linux.EINVAL
	}
	return &fileSystem{i}, nil
}

// A handle is what stands behind an open file.
type handle struct {
	vfs.NoFile
	i *inode
}

// Release implements vfs.FileOps.
func (h *handle) Release() { h.i.o.Dec() }

// Ioctl implements vfs.FileOps.
func (h *handle) Ioctl(_ *vfs.Ctx, _ guest.Memory, cmd uint32, _ uint64) (uintptr, error) {
	const getType = 0xb703 // NS_GET_NSTYPE
	if cmd == getType {
		return uintptr(h.i.kind.Flag), nil
	}
	return 0, linux.ENOTTY
}

// A fileSystem is a namespace that is mounted somewhere; without one it is where the
// others are.
type fileSystem struct{ i *inode }

// Type implements vfs.FileSystem.
func (*fileSystem) Type() string { return "nsfs" }

// Root implements vfs.FileSystem.
func (fs *fileSystem) Root() vfs.Inode { return fs.i }

// Title implements vfs.Titled.
func (fs *fileSystem) Title() string { return fs.i.kind.Title(fs.i.o) }

// Held implements vfs.Holder.
func (fs *fileSystem) Held() *vfs.VFS {
	if fs.i == nil {
		return nil
	}
	m, _ := fs.i.o.(*vfs.VFS)
	return m
}

// Statfs implements vfs.FileSystem.
func (*fileSystem) Statfs(*vfs.Ctx) (linux.Statfs, error) {
	const magic = 0x6e736673 // NSFS_MAGIC
	return linux.Statfs{Type: magic, Bsize: guest.PageSize, Frsize: guest.PageSize, Namelen: linux.NAME_MAX}, nil
}

// Sync implements vfs.FileSystem.
func (*fileSystem) Sync(*vfs.Ctx) error { return nil }

// Release implements vfs.FileSystem.
func (fs *fileSystem) Release() {
	if fs.i != nil {
		fs.i.o.Dec()
	}
}
