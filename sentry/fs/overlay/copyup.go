package overlay

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// copyChunk is how many bytes are copied up at a time.
const copyChunk = 256 << 10

// copyUp gives n an upper inode with the lower one's attributes and, of a
// regular file, its first keep bytes (-1: all).
func (n *node) copyUp(keep int64) (*upper, error) {
	if u := n.up.Load(); u != nil {
		return u, nil
	}
	n.copy.Lock()
	defer n.copy.Unlock()
	if u := n.up.Load(); u != nil {
		return u, nil
	}
	fs := n.fs
	a, err := n.lower.Attr(fs.self)
	if err != nil {
		return nil, err
	}
	target := ""
	if s, ok := n.lower.(vfs.Symlink); ok && n.kind == linux.S_IFLNK {
		if target, err = s.Readlink(fs.self); err != nil {
			return nil, err
		}
	}
	u, err := fs.newUpper(&a, target)
	if err != nil {
		return nil, err
	}
	if err := n.fill(u, &a, keep); err != nil {
		fs.drop(u)
		return nil, err
	}
	n.up.Store(u)
	fs.pin(n)
	return u, nil
}

// fill copies what u needs to be n.
func (n *node) fill(u *upper, a *vfs.Attr, keep int64) error {
	if n.kind == linux.S_IFREG {
		if keep < 0 {
			keep = math.MaxInt64
		}
		if err := n.fs.copyContent(u.inode, n.lower, keep); err != nil {
			return err
		}
	}
	if err := n.fs.copyXattrs(u.inode, n.lower); err != nil {
		return err
	}
	return u.inode.SetAttr(n.fs.self, vfs.SetAttr{
		Mask: vfs.SetAtime | vfs.SetMtime, Atime: a.Atime, Mtime: a.Mtime,
	})
}

// copyContent copies the first n bytes of from. Zeros become holes.
func (fs *FileSystem) copyContent(to, from vfs.Inode, n int64) error {
	if n == 0 {
		return nil
	}
	r, err := from.Open(fs.self, linux.O_RDONLY)
	if err != nil {
		return err
	}
	defer r.Release()
	w, err := to.Open(fs.self, linux.O_WRONLY)
	if err != nil {
		return err
	}
	defer w.Release()
	p := make([]byte, copyChunk)
	for off := int64(0); off < n; {
		b := guest.Local(p[:min(n-off, copyChunk)])
		m, err := r.Read(fs.self, &b, off)
		if err != nil {
			return err
		}
		if m == 0 {
			return to.SetAttr(fs.self, vfs.SetAttr{Mask: vfs.SetSize, Size: off})
		}
		if err := fs.writeAll(w, p[:m], off); err != nil {
			return err
		}
		off += m
	}
	return to.SetAttr(fs.self, vfs.SetAttr{Mask: vfs.SetSize, Size: n})
}

func (fs *FileSystem) writeAll(w vfs.FileOps, p []byte, off int64) error {
	if allZero(p) {
		return nil
	}
	for len(p) > 0 {
		b := guest.Local(p)
		n, err := w.Write(fs.self, &b, off)
		if err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

func (fs *FileSystem) copyXattrs(to, from vfs.Inode) error {
	src, ok := from.(vfs.Xattrs)
	if !ok {
		return nil
	}
	dst, ok := to.(vfs.Xattrs)
	if !ok {
		return nil
	}
	list, err := src.ListXattr(fs.self)
	if err == linux.EOPNOTSUPP {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range list {
		v, err := src.GetXattr(fs.self, name)
		if err == linux.ENODATA {
			continue
		}
		if err == nil {
			err = dst.SetXattr(fs.self, name, v, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
