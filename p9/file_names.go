package p9

import (
	"glovebox/abi/linux"
)

// Make makes a file in the directory f and returns it.
func (f *File) Make(n New) (*File, Attr, error) {
	switch {
	case n.nameless() && !f.c.extended:
		return nil, Attr{}, linux.EOPNOTSUPP
	case !checkName(n.Name) && !n.nameless(), len(n.Target) > maxTarget:
		return nil, Attr{}, linux.EINVAL
	case !f.c.extended:
		return f.makePlain(&n)
	}
	g := f.c.newFile()
	k := f.c.begin(tmake)
	k.u32(f.fid)
	k.u32(g.fid)
	k.u32(n.Mode)
	k.u64(n.RDev)
	k.u32(n.UID)
	k.u32(n.GID)
	k.str(n.Name)
	k.str(n.Target)
	a, err := f.c.fileReply(k, g)
	if err != nil {
		return nil, Attr{}, err
	}
	return g, a, nil
}

// nameless reports whether the file is to have no name, as only the glovebox dialect
// has it.
func (n *New) nameless() bool { return n.Name == "" && n.Mode&linux.S_IFMT == linux.S_IFREG }

// makePlain makes the file, then gives it its owner, as 9P2000.L only knows
// the one who attached.
func (f *File) makePlain(n *New) (*File, Attr, error) {
	if err := f.makeNode(n); err != nil {
		return nil, Attr{}, err
	}
	g, a, err := f.walkPlain([]string{n.Name})
	if err != nil {
		return nil, Attr{}, err
	}
	if a.UID == n.UID && a.GID == n.GID {
		return g, a, nil
	}
	err = g.SetAttr(SetAttr{Valid: SetUID | SetGID, UID: n.UID, GID: n.GID})
	if err != nil {
		// Nobody asked for a file of someone else's.
		var flags uint32
		if a.QID.Type&QTDir != 0 {
			flags = linux.AT_REMOVEDIR
		}
		_ = f.Unlink(n.Name, flags)
		g.Close()
		return nil, Attr{}, err
	}
	a.UID, a.GID = n.UID, n.GID
	return g, a, nil
}

func (f *File) makeNode(n *New) error {
	var k *call
	switch n.Mode & linux.S_IFMT {
	case linux.S_IFREG:
		// Tlcreate turns its fid into the new file, opened.
		d, err := f.clone()
		if err != nil {
			return err
		}
		defer d.Close()
		k = f.c.begin(tlcreate)
		k.u32(d.fid)
		k.str(n.Name)
		k.u32(linux.O_CREAT | linux.O_EXCL | linux.O_WRONLY)
		k.u32(n.Mode &^ linux.S_IFMT)
		k.u32(n.GID)
		return f.c.ioReply(k)
	case linux.S_IFDIR:
		k = f.c.begin(tmkdir)
		k.u32(f.fid)
		k.str(n.Name)
		k.u32(n.Mode &^ linux.S_IFMT)
	case linux.S_IFLNK:
		k = f.c.begin(tsymlink)
		k.u32(f.fid)
		k.str(n.Name)
		k.str(n.Target)
	default:
		k = f.c.begin(tmknod)
		k.u32(f.fid)
		k.str(n.Name)
		k.u32(n.Mode)
		k.u32(major(n.RDev))
		k.u32(minor(n.RDev))
	}
	k.u32(n.GID)
	if err := f.c.do(k); err != nil {
		return err
	}
	k.reply.qid()
	return f.c.end(k)
}

// major and minor take a dev_t apart, makedev(3).
func major(dev uint64) uint32 { return uint32(dev>>8)&0xfff | uint32(dev>>32)&^0xfff }
func minor(dev uint64) uint32 { return uint32(dev)&0xff | uint32(dev>>12)&^0xff }

func makedev(major, minor uint32) uint64 {
	return uint64(major&0xfff)<<8 | uint64(major&^0xfff)<<32 | uint64(minor&0xff) | uint64(minor&^0xff)<<12
}

// Link gives old another name in the directory f.
func (f *File) Link(name string, old *File) error {
	if !checkName(name) {
		return linux.EINVAL
	}
	k := f.c.begin(tlink)
	k.u32(f.fid)
	k.u32(old.fid)
	k.str(name)
	return f.c.simple(k)
}

// Unlink removes a name from the directory f; flags are unlinkat(2)'s.
func (f *File) Unlink(name string, flags uint32) error {
	if !checkName(name) {
		return linux.EINVAL
	}
	k := f.c.begin(tunlinkat)
	k.u32(f.fid)
	k.str(name)
	k.u32(flags)
	return f.c.simple(k)
}

// Rename moves name to newName in the directory to; flags are renameat2(2)'s.
func (f *File) Rename(name string, to *File, newName string, flags uint32) error {
	if !checkName(name) || !checkName(newName) {
		return linux.EINVAL
	}
	typ := uint8(trenameat)
	if flags != 0 {
		if typ = trename2; !f.c.extended {
			return linux.EINVAL
		}
	}
	k := f.c.begin(typ)
	k.u32(f.fid)
	k.str(name)
	k.u32(to.fid)
	k.str(newName)
	if flags != 0 {
		k.u32(flags)
	}
	return f.c.simple(k)
}
