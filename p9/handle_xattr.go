package p9

import "glovebox/abi/linux"

// xattrwalk is Txattrwalk: newfid reads the value of an attribute, or the list
// of names.
func (s *server) xattrwalk(r *request) error {
	n, to, attr := r.in.u32(), r.in.u32(), r.in.str()
	if !r.in.ok() {
		return malformed
	}
	if err := s.fids.check(to); err != nil {
		return err
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	value, err := f.xattr(attr)
	if err != nil {
		return err
	}
	node, err := f.current().Clone()
	if err != nil {
		return err
	}
	r.out.u64(uint64(len(value)))
	return s.fids.add(to, &fid{node: node, value: &xattrValue{name: attr, data: value}})
}

// xattr returns an attribute's value, or the names if there is no name.
func (f *fid) xattr(attr string) ([]byte, error) {
	if attr == "" {
		return f.current().ListXattr()
	}
	if err := checkXattr(attr); err != nil {
		return nil, err
	}
	return f.current().GetXattr(attr)
}

// xattrcreate is Txattrcreate: what is written to the fid becomes the value when
// it is clunked.
func (s *server) xattrcreate(r *request) error {
	n, attr, size, flags := r.in.u32(), r.in.str(), r.in.u64(), r.in.u32()
	if !r.in.ok() {
		return malformed
	}
	if err := checkXattr(attr); err != nil {
		return err
	}
	if size > maxXattr {
		return linux.E2BIG
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
	f.value = &xattrValue{name: attr, flags: flags, data: make([]byte, size), writing: true}
	return nil
}

// write takes the next piece of the value.
func (v *xattrValue) write(p []byte, off uint64) error {
	if !v.writing {
		return linux.EBADF
	}
	if off != uint64(v.filled) || len(p) > len(v.data)-v.filled {
		return linux.EINVAL
	}
	v.filled += copy(v.data[v.filled:], p)
	return nil
}

// setValue sets the attribute that was written to the fid, if one was.
func (f *fid) setValue() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, node := f.value, f.node
	switch {
	case v == nil || !v.writing:
		return nil
	case len(v.data) == 0:
		return node.RemoveXattr(v.name)
	case v.filled < len(v.data):
		return linux.EINVAL
	}
	return node.SetXattr(v.name, v.data, v.flags)
}

// getxattr is Tgetxattr.
func (s *server) getxattr(r *request) error {
	n, limit, attr := r.in.u32(), r.in.u32(), r.in.str()
	if !r.in.ok() {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	value, err := f.xattr(attr)
	if err != nil {
		return err
	}
	if len(value) > int(min(limit, s.msize-ioHeader)) {
		return linux.ERANGE
	}
	r.out.data(value)
	return nil
}

// setxattr is Tsetxattr.
func (s *server) setxattr(r *request) error {
	n, flags, attr, value := r.in.u32(), r.in.u32(), r.in.str(), r.in.data()
	if !r.in.ok() {
		return malformed
	}
	if err := checkXattr(attr); err != nil {
		return err
	}
	if len(value) > maxXattr {
		return linux.E2BIG
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	return f.current().SetXattr(attr, value, flags)
}

// removexattr is Tremovexattr.
func (s *server) removexattr(r *request) error {
	n, attr := r.in.u32(), r.in.str()
	if !r.in.ok() {
		return malformed
	}
	if err := checkXattr(attr); err != nil {
		return err
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	return f.current().RemoveXattr(attr)
}
