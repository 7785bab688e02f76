package synth

import (
	"hash/fnv"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// Meta is what a node's maker says of it.
type Meta struct {
	// Perm is the permissions, with the set-id and sticky bits.
	Perm uint32
	// Owner returns the ids that own the node; nil stands for root.
	Owner func() (uid, gid uint32)
	// Permit decides who may access the node; nil stands for owner and
	// permissions.
	Permit func(c *vfs.Ctx, want vfs.Access) error
	// Size is st_size.
	Size int64
	// RDev is a device node's number.
	RDev uint64
	// Patch changes the attributes that the rest says; nil changes nothing.
	Patch func(a *vfs.Attr)
	// Set changes attributes; nil lets nothing be changed.
	Set func(c *vfs.Ctx, s vfs.SetAttr) error
}

// A node is what all inodes share.
type node struct {
	vfs.Locks
	fs   *FS
	kind uint32
	meta Meta
	// ino and parent, the number of the directory, are set when the node gets
	// its name, before anyone sees it.
	ino, parent uint64
}

// placed is a node that can be given a name.
type placed interface{ place(ino, parent uint64) }

func (n *node) place(ino, parent uint64) {
	if n.ino == 0 {
		n.ino, n.parent = ino, parent
	}
}

// inoOf returns the inode number of name in the directory dir: always the same,
// so that a node can be forgotten and made again.
func inoOf(dir uint64, name string) uint64 {
	h := fnv.New64a()
	for i := range 8 {
		h.Write([]byte{byte(dir >> (8 * i))})
	}
	h.Write([]byte(name))
	return h.Sum64()>>16 | 2 // not 0, nor the root's 1
}

// Kind implements vfs.Inode.
func (n *node) Kind() uint32 { return n.kind }

// Attr implements vfs.Inode.
func (n *node) Attr(*vfs.Ctx) (vfs.Attr, error) {
	a := vfs.Attr{
		Dev: n.fs.dev, Ino: n.ino, Mode: n.kind | n.meta.Perm, Nlink: 1, RDev: n.meta.RDev,
		Size: n.meta.Size, BlkSize: 4096, Atime: n.fs.made, Mtime: n.fs.made, Ctime: n.fs.made,
	}
	if n.meta.Owner != nil {
		a.UID, a.GID = n.meta.Owner()
	}
	if n.meta.Patch != nil {
		n.meta.Patch(&a)
	}
	return a, nil
}

// SetAttr implements vfs.Inode: a file may be truncated and touched, which does
// nothing, so that `echo 1 > file` works.
func (n *node) SetAttr(c *vfs.Ctx, s vfs.SetAttr) error {
	if n.meta.Set != nil {
		return n.meta.Set(c, s)
	}
	const harmless = vfs.SetSize | vfs.SetAtime | vfs.SetMtime | vfs.SetAtimeNow | vfs.SetMtimeNow
	if s.Mask&^harmless != 0 {
		return linux.EPERM
	}
	return nil
}

// Permission implements vfs.Permitter.
func (n *node) Permission(c *vfs.Ctx, want vfs.Access) error {
	if n.meta.Permit != nil {
		return n.meta.Permit(c, want)
	}
	a, err := n.Attr(c)
	if err != nil {
		return err
	}
	return a.Permission(c.Creds, want)
}

// Open implements vfs.Inode for what is not opened itself: links and devices.
func (n *node) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) { return nil, linux.ENXIO }
