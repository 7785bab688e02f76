package p9

import "glovebox/abi/linux"

// lcreate is Tlcreate: it makes a file in the directory, which the fid then
// stands for, opened.
func (s *server) lcreate(r *request) error {
	n, file := r.in.u32(), r.in.str()
	flags, mode, gid := r.in.u32(), r.in.u32(), r.in.u32()
	if !r.in.ok() {
		return malformed
	}
	if err := name(file); err != nil {
		return err
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open != nil || f.value != nil {
		return linux.EINVAL
	}
	node, a, err := f.node.Make(New{
		Name: file, Mode: linux.S_IFREG | mode&0o7777, UID: noOwner, GID: gid,
	})
	if err == linux.EEXIST && flags&linux.O_EXCL == 0 {
		node, a, err = f.node.Walk(file)
	}
	if err != nil {
		return err
	}
	h, err := node.Open(flags & (openAccess | openTrunc))
	if err != nil {
		node.Close()
		return err
	}
	f.open = h
	// The directory may serve other requests at this moment: it is closed
	// with the fid.
	f.base, f.node = f.node, node
	r.out.qid(a.QID)
	r.out.u32(0)
	return nil
}

// plainMake answers the requests that make something else.
func (s *server) plainMake(r *request, dir uint32, n New) error {
	if !r.in.ok() {
		return malformed
	}
	if err := checkNew(&n); err != nil {
		return err
	}
	f, err := s.fids.get(dir)
	if err != nil {
		return err
	}
	defer f.put()
	node, a, err := f.current().Make(n)
	if err != nil {
		return err
	}
	node.Close()
	r.out.qid(a.QID)
	return nil
}

func (s *server) symlink(r *request) error {
	dir := r.in.u32()
	return s.plainMake(r, dir, New{
		Name: r.in.str(), Target: r.in.str(), Mode: linux.S_IFLNK | 0o777, UID: noOwner, GID: r.in.u32(),
	})
}

func (s *server) mkdir(r *request) error {
	dir := r.in.u32()
	return s.plainMake(r, dir, New{
		Name: r.in.str(), Mode: linux.S_IFDIR | r.in.u32()&0o7777, UID: noOwner, GID: r.in.u32(),
	})
}

func (s *server) mknod(r *request) error {
	dir := r.in.u32()
	n := New{Name: r.in.str(), Mode: r.in.u32(), UID: noOwner}
	major, minor := r.in.u32(), r.in.u32()
	n.RDev = makedev(major, minor)
	n.GID = r.in.u32()
	return s.plainMake(r, dir, n)
}

// make is Tmake.
func (s *server) make(r *request) error {
	dir, to := r.in.u32(), r.in.u32()
	n := New{
		Mode: r.in.u32(), RDev: r.in.u64(), UID: r.in.u32(), GID: r.in.u32(),
		Name: r.in.str(), Target: r.in.str(),
	}
	if !r.in.ok() {
		return malformed
	}
	if n.nameless() {
		n.Mode &= linux.S_IFMT | 0o7777
	} else if err := checkNew(&n); err != nil {
		return err
	}
	if err := s.fids.check(to); err != nil {
		return err
	}
	f, err := s.fids.get(dir)
	if err != nil {
		return err
	}
	defer f.put()
	node, a, err := f.current().Make(n)
	if err != nil {
		return err
	}
	r.out.devAttr(&a)
	return s.fids.add(to, &fid{node: node})
}

// checkNew checks what a client wants made.
func checkNew(n *New) error {
	if err := name(n.Name); err != nil {
		return err
	}
	switch n.Mode & linux.S_IFMT {
	case linux.S_IFLNK:
		if n.Target == "" {
			return linux.ENOENT
		}
		if len(n.Target) > maxTarget {
			return linux.ENAMETOOLONG
		}
		for i := range len(n.Target) {
			if n.Target[i] == 0 {
				return linux.EINVAL
			}
		}
	case linux.S_IFREG, linux.S_IFDIR, linux.S_IFCHR, linux.S_IFBLK, linux.S_IFIFO, linux.S_IFSOCK:
	default:
		return linux.EINVAL
	}
	n.Mode &= linux.S_IFMT | 0o7777
	return nil
}

func (s *server) link(r *request) error {
	dir, old, to := r.in.u32(), r.in.u32(), r.in.str()
	if !r.in.ok() {
		return malformed
	}
	if err := name(to); err != nil {
		return err
	}
	d, f, err := s.two(dir, old)
	if err != nil {
		return err
	}
	defer d.put()
	defer f.put()
	return d.current().Link(to, f.current())
}

// two returns two fids.
func (s *server) two(a, b uint32) (*fid, *fid, error) {
	f, err := s.fids.get(a)
	if err != nil {
		return nil, nil, err
	}
	g, err := s.fids.get(b)
	if err != nil {
		f.put()
		return nil, nil, err
	}
	return f, g, nil
}

func (s *server) unlinkat(r *request) error {
	dir, victim, flags := r.in.u32(), r.in.str(), r.in.u32()
	if !r.in.ok() || flags&^linux.AT_REMOVEDIR != 0 {
		return malformed
	}
	if err := name(victim); err != nil {
		return err
	}
	f, err := s.fids.get(dir)
	if err != nil {
		return err
	}
	defer f.put()
	return f.current().Unlink(victim, flags)
}

// renameat is Trenameat, and Trename2, which has flags too.
func (s *server) renameat(r *request) error {
	from, old, to, now := r.in.u32(), r.in.str(), r.in.u32(), r.in.str()
	var flags uint32
	if r.typ == trename2 {
		flags = r.in.u32()
	}
	if !r.in.ok() || flags&^(linux.RENAME_NOREPLACE|linux.RENAME_EXCHANGE|linux.RENAME_WHITEOUT) != 0 {
		return malformed
	}
	if err := name(old); err != nil {
		return err
	}
	if err := name(now); err != nil {
		return err
	}
	f, g, err := s.two(from, to)
	if err != nil {
		return err
	}
	defer f.put()
	defer g.put()
	return f.current().Rename(old, g.current(), now, flags)
}

// rename is Trename, which names the file by its own fid.
func (s *server) rename(r *request) error {
	n, dir, now := r.in.u32(), r.in.u32(), r.in.str()
	if !r.in.ok() {
		return malformed
	}
	if err := name(now); err != nil {
		return err
	}
	f, d, err := s.two(n, dir)
	if err != nil {
		return err
	}
	defer f.put()
	defer d.put()
	if _, err := f.stillThere(); err != nil {
		return err
	}
	return f.dir.Rename(f.name, d.current(), now, 0)
}
