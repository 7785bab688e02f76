package gofer

import (
	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/p9"
)

// keep leaves an owner as it is: chown(2).
const keep = ^uint32(0)

// Make implements p9.Node.
func (n *node) Make(f p9.New) (p9.Node, p9.Attr, error) {
	c, st, err := n.make(&f)
	if err != nil {
		return nil, p9.Attr{}, err
	}
	return c, n.attr(&st), nil
}

func (n *node) make(f *p9.New) (*node, unix.Stat_t, error) {
	var st unix.Stat_t
	if n.file.kind != unix.S_IFDIR {
		return nil, st, linux.ENOTDIR
	}
	if err := n.writable(); err != nil {
		return nil, st, err
	}
	if f.Name == "" {
		return n.makeNameless(f)
	}
	if err := n.makeEntry(f); err != nil {
		return nil, st, errno(err)
	}
	c, st, err := n.child(f.Name)
	if err != nil {
		return nil, st, err
	}
	if !n.s.isNew(&st, f) {
		// Someone else who may write to the directory put it there.
		c.Close()
		return nil, st, linux.EEXIST
	}
	if err := c.own(&st, f); err != nil {
		var flags int
		if c.file.kind == unix.S_IFDIR {
			flags = unix.AT_REMOVEDIR
		}
		// Nobody asked for a file of someone else's.
		_ = unix.Unlinkat(n.file.fd, f.Name, flags)
		c.Close()
		return nil, st, err
	}
	return c, st, nil
}

// makeNameless makes a file that no directory holds. Link gives it its first name.
func (n *node) makeNameless(f *p9.New) (*node, unix.Stat_t, error) {
	rw, err := n.s.openat(n.file.fd, ".", unix.O_TMPFILE|unix.O_RDWR, f.Mode&0o7777)
	if err != nil {
		return nil, unix.Stat_t{}, err
	}
	defer n.s.close(rw)
	fd, err := n.s.reopen(rw, unix.O_PATH)
	if err != nil {
		return nil, unix.Stat_t{}, err
	}
	c, st, err := n.of(fd)
	if err != nil {
		return nil, st, err
	}
	if err := c.own(&st, f); err != nil {
		c.Close()
		return nil, st, err
	}
	return c, st, nil
}

// makeEntry makes the file as the gofer's own.
func (n *node) makeEntry(f *p9.New) error {
	switch f.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return unix.Mkdirat(n.file.fd, f.Name, f.Mode&0o7777)
	case unix.S_IFLNK:
		return unix.Symlinkat(f.Target, n.file.fd, f.Name)
	case unix.S_IFREG, unix.S_IFIFO, unix.S_IFSOCK:
		return unix.Mknodat(n.file.fd, f.Name, f.Mode, 0)
	}
	// A guest's device would be the host's to whoever finds it.
	return unix.EPERM
}

// isNew reports whether a file can be the one just made: it must not be another
// that was moved or linked there meanwhile, as it is about to change owners.
func (s *server) isNew(st *unix.Stat_t, f *p9.New) bool {
	return st.Mode&unix.S_IFMT == f.Mode&unix.S_IFMT && st.Uid == s.self &&
		(st.Nlink == 1 || st.Mode&unix.S_IFMT == unix.S_IFDIR)
}

// own gives the new file the owner and mode it is to have, whatever the
// directory's set-gid bit and the process's umask made of them.
func (n *node) own(st *unix.Stat_t, f *p9.New) error {
	changed := false
	if (f.UID != keep && f.UID != st.Uid) || (f.GID != keep && f.GID != st.Gid) {
		if err := chown(n.file.fd, int(int32(f.UID)), int(int32(f.GID))); err != nil {
			return err
		}
		changed = true
	}
	// chown took set-id bits away.
	setID := changed && f.Mode&(unix.S_ISUID|unix.S_ISGID) != 0
	if n.file.kind != unix.S_IFLNK && (setID || (st.Mode^f.Mode)&0o7777 != 0) {
		if err := host.Chmod(n.s.selfFDs, n.file.fd, f.Mode&0o7777); err != nil {
			return errno(err)
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return errno(unix.Fstat(n.file.fd, st))
}

// Link implements p9.Node.
func (n *node) Link(name string, old p9.Node) error {
	if err := n.writable(); err != nil {
		return err
	}
	o := old.(*node) // all nodes of a connection are ours
	if o.tree != n.tree {
		return linux.EXDEV
	}
	if o.file.kind == unix.S_IFDIR {
		return linux.EPERM
	}
	return errno(host.Link(n.s.selfFDs, o.file.fd, n.file.fd, name))
}

// Unlink implements p9.Node.
func (n *node) Unlink(name string, flags uint32) error {
	if err := n.writable(); err != nil {
		return err
	}
	return errno(unix.Unlinkat(n.file.fd, name, int(flags)))
}

// Rename implements p9.Node.
func (n *node) Rename(name string, to p9.Node, newName string, flags uint32) error {
	if err := n.writable(); err != nil {
		return err
	}
	t := to.(*node)
	if t.tree != n.tree {
		return linux.EXDEV
	}
	return errno(unix.Renameat2(n.file.fd, name, t.file.fd, newName, uint(flags)))
}
