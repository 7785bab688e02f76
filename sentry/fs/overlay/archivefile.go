package overlay

import (
	"errors"
	"slices"
	"strings"

	"glovebox/abi/linux"
	"glovebox/lib/pax"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// paxKinds are what files are in an archive. Sockets are not.
var paxKinds = map[uint32]pax.Kind{
	linux.S_IFREG: pax.Regular, linux.S_IFLNK: pax.Symlink, linux.S_IFCHR: pax.CharDev,
	linux.S_IFBLK: pax.BlockDev, linux.S_IFIFO: pax.FIFO,
}

// file writes what is no directory.
func (a *archiver) file(path string, n *node) {
	kind, ok := paxKinds[n.kind]
	if !ok {
		a.omit(path, errors.New("it is a socket"))
		return
	}
	attr, err := n.Attr(a.fs.self)
	if err != nil {
		a.omit(path, err)
		return
	}
	if l := a.links[n]; l != nil {
		l.found++
		a.check(path, a.out.WriteHeader(&pax.Header{Name: path, Kind: pax.HardLink, Link: l.name, Mode: attr.Mode & 0o7777, UID: attr.UID, GID: attr.GID,
			Sec: attr.Mtime.Sec, Nsec: attr.Mtime.Nsec}))
		return
	}
	h := &pax.Header{Kind: kind, Major: vfs.Major(attr.RDev), Minor: vfs.Minor(attr.RDev)}
	switch kind {
	case pax.Regular:
		ok = a.regular(path, n, h)
	case pax.Symlink:
		if h.Link, err = (link{n}).Readlink(a.fs.self); err != nil {
			a.omit(path, err)
			return
		}
		ok = a.header(path, n, h)
	default:
		ok = a.header(path, n, h)
	}
	if ok && attr.Nlink > 1 {
		a.links[n] = &linked{name: path, links: attr.Nlink, found: 1, changed: n.lower != nil && n.up.Load() != nil}
	}
}

// header writes h, completed by what n's attributes are.
func (a *archiver) header(path string, n *node, h *pax.Header) bool {
	attr, err := n.Attr(a.fs.self)
	if err != nil {
		a.omit(path, err)
		return false
	}
	h.Name, h.Mode, h.UID, h.GID = path, attr.Mode&0o7777, attr.UID, attr.GID
	h.Sec, h.Nsec = attr.Mtime.Sec, attr.Mtime.Nsec
	if h.Xattrs, err = a.xattrs(path, n); err != nil {
		a.omit(path, err)
		return false
	}
	return a.check(path, a.out.WriteHeader(h))
}

// notOurs are attributes by which the host's overlayfs would take a file for something
// else, were the archive unpacked into a layer of it.
var notOurs = []string{"trusted.overlay.", "user.overlay."}

func (a *archiver) xattrs(path string, n *node) (list []pax.Xattr, err error) {
	names, err := n.ListXattr(a.fs.self)
	if err == linux.EOPNOTSUPP {
		return nil, nil
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.ContainsAny(name, "=\x00") || slices.ContainsFunc(notOurs, func(p string) bool { return strings.HasPrefix(name, p) }) {
			a.omit(path, errors.New("its attribute "+name))
			continue
		}
		v, verr := n.GetXattr(a.fs.self, name)
		if verr == linux.ENODATA {
			continue // removed meanwhile
		}
		if verr != nil {
			return nil, verr
		}
		list = append(list, pax.Xattr{Name: name, Value: v})
	}
	return list, err
}

// holesWorth is how many bytes of holes make a file one with holes in the archive. A
// guest can make many files of less, each of which takes the reader's disk that much.
const holesWorth = 64 << 10

// regular writes a regular file. What is cut off while it is read is zeros.
func (a *archiver) regular(path string, n *node, h *pax.Header) bool {
	ops, err := n.Open(a.fs.self, linux.O_RDONLY)
	if err != nil {
		a.omit(path, err)
		return false
	}
	defer ops.Release()
	parts, err := a.parts(n, ops, h)
	if err != nil {
		a.omit(path, err)
		return false
	}
	if !a.header(path, n, h) {
		return false
	}
	if a.buf == nil {
		a.buf = make([]byte, copyChunk)
	}
	var lost error
	for _, part := range parts {
		for off, left := part.Off, part.Len; left > 0; {
			p := a.buf[:min(left, copyChunk)]
			m, err := a.read(ops, p, off)
			if err != nil {
				lost = err
			}
			clear(p[m:])
			if _, err := a.out.Write(p); err != nil {
				return false
			}
			off, left = off+int64(len(p)), left-int64(len(p))
		}
	}
	if lost != nil {
		a.omit(path, lost)
	}
	return true
}

// parts are what is to be read; h gets the size.
func (a *archiver) parts(n *node, ops vfs.FileOps, h *pax.Header) ([]vfs.Extent, error) {
	if d, ok := ops.(vfs.DataLister); ok {
		size, list := d.Data()
		h.Size = size
		data := int64(0)
		for _, e := range list {
			data += e.Len
		}
		if size-data >= holesWorth {
			h.Data = make([]pax.Extent, 0, len(list)+1)
			for _, e := range list {
				h.Data = append(h.Data, pax.Extent(e))
			}
			return list, nil
		}
	} else {
		attr, err := n.Attr(a.fs.self)
		if err != nil {
			return nil, err
		}
		h.Size = attr.Size
	}
	return []vfs.Extent{{Off: 0, Len: h.Size}}, nil
}

// read fills p from off on, as far as there is something.
func (a *archiver) read(ops vfs.FileOps, p []byte, off int64) (done int, err error) {
	for done < len(p) {
		b := guest.Local(p[done:])
		m, err := ops.Read(a.fs.self, &b, off+int64(done))
		done += int(m)
		if err != nil || m == 0 {
			return done, err
		}
	}
	return done, nil
}
