package gofer

import (
	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
	"glovebox/p9"
)

// A node is a place in a tree: what one fid stands for. It is immutable.
type node struct {
	s    *server
	tree *Attach
	// dev is the tree's root's device, whose files' QIDs are their inode
	// numbers.
	dev  uint64
	file *file
}

// A file is a counted O_PATH descriptor. What is beside it never changes as long
// as the descriptor is open.
type file struct {
	refs ref.Count
	fd   int
	kind uint32 // S_IF*
}

func newFile(fd int, st *unix.Stat_t) *file {
	return &file{fd: fd, kind: st.Mode & unix.S_IFMT}
}

var _ p9.Node = (*node)(nil)

// Close implements p9.Node.
func (n *node) Close() {
	if n.file.refs.Dec() {
		n.s.close(n.file.fd)
	}
}

// Clone implements p9.Node.
func (n *node) Clone() (p9.Node, error) {
	n.file.refs.Inc()
	c := *n
	return &c, nil
}

// Walk implements p9.Node.
func (n *node) Walk(name string) (p9.Node, p9.Attr, error) {
	c, st, err := n.child(name)
	if err != nil {
		return nil, p9.Attr{}, err
	}
	return c, n.attr(&st), nil
}

// child returns the entry called name.
func (n *node) child(name string) (*node, unix.Stat_t, error) {
	var st unix.Stat_t
	if n.file.kind != unix.S_IFDIR {
		return nil, st, linux.ENOTDIR
	}
	fd, err := n.s.openat(n.file.fd, name, unix.O_PATH, 0)
	if err != nil {
		return nil, st, err
	}
	return n.of(fd)
}

// of returns the node of an O_PATH descriptor that was counted.
func (n *node) of(fd int) (*node, unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		n.s.close(fd)
		return nil, st, errno(err)
	}
	return &node{s: n.s, tree: n.tree, dev: n.dev, file: newFile(fd, &st)}, st, nil
}

// GetAttr implements p9.Node.
func (n *node) GetAttr() (p9.Attr, error) {
	var st unix.Stat_t
	if err := unix.Fstat(n.file.fd, &st); err != nil {
		return p9.Attr{}, errno(err)
	}
	return n.attr(&st), nil
}

func (n *node) attr(st *unix.Stat_t) p9.Attr {
	return p9.Attr{
		Valid: p9.AttrBasic, Dev: st.Dev,
		QID:  p9.QID{Type: p9.QIDType(st.Mode), Path: n.qidPath(st.Dev, st.Ino)},
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: st.Nlink, RDev: st.Rdev,
		Size: uint64(max(st.Size, 0)), BlkSize: uint64(st.Blksize), Blocks: uint64(st.Blocks),
		ATime: p9.Time{Sec: st.Atim.Sec, NSec: st.Atim.Nsec},
		MTime: p9.Time{Sec: st.Mtim.Sec, NSec: st.Mtim.Nsec},
		CTime: p9.Time{Sec: st.Ctim.Sec, NSec: st.Ctim.Nsec},
	}
}

// qidPath tells files of several devices apart, as well as 64 bits can: clients
// of the glovebox dialect go by device and inode number instead.
func (n *node) qidPath(dev, ino uint64) uint64 {
	if dev == n.dev {
		return ino
	}
	return ino ^ (dev+1)*0x9e3779b97f4a7c15
}

// Readlink implements p9.Node.
func (n *node) Readlink() (string, error) {
	if n.file.kind != unix.S_IFLNK {
		return "", linux.EINVAL
	}
	var b [linux.PATH_MAX]byte
	l, err := unix.Readlinkat(n.file.fd, "", b[:])
	if err != nil {
		return "", errno(err)
	}
	if l == len(b) {
		return "", linux.ENAMETOOLONG
	}
	return string(b[:l]), nil
}

// StatFS implements p9.Node.
func (n *node) StatFS() (p9.StatFS, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(n.file.fd, &st); err != nil {
		return p9.StatFS{}, errno(err)
	}
	return p9.StatFS{
		Type: uint32(st.Type), BlkSize: uint32(st.Bsize),
		Blocks: st.Blocks, Free: st.Bfree, Avail: st.Bavail, Files: st.Files, FilesFree: st.Ffree,
		ID:      uint64(uint32(st.Fsid.Val[0])) | uint64(uint32(st.Fsid.Val[1]))<<32,
		NameLen: uint32(st.Namelen),
	}, nil
}

// writable returns EROFS in a tree that is read-only.
func (n *node) writable() error {
	if n.tree.ReadOnly {
		return linux.EROFS
	}
	return nil
}
