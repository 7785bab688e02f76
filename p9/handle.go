package p9

import (
	"math"
	"strings"

	"glovebox/abi/linux"
)

// handlers answer requests by type: they take the fields off r.in, check them
// and append the reply's to r.out.
var handlers = [256]func(*server, *request) error{
	tstatfs:      (*server).statfs,
	tlopen:       (*server).lopen,
	tlcreate:     (*server).lcreate,
	tsymlink:     (*server).symlink,
	tmknod:       (*server).mknod,
	treadlink:    (*server).readlink,
	tgetattr:     (*server).getattr,
	tsetattr:     (*server).setattr,
	txattrwalk:   (*server).xattrwalk,
	txattrcreate: (*server).xattrcreate,
	treaddir:     (*server).readdir,
	tfsync:       (*server).fsync,
	tlock:        (*server).lock,
	tgetlock:     (*server).getlock,
	tlink:        (*server).link,
	tmkdir:       (*server).mkdir,
	trename:      (*server).rename,
	trenameat:    (*server).renameat,
	tunlinkat:    (*server).unlinkat,
	tattach:      (*server).attach,
	twalk:        (*server).walk,
	tread:        (*server).readFile,
	twrite:       (*server).writeFile,
	tclunk:       (*server).clunk,
	tremove:      (*server).remove,

	twalkgetattr: (*server).walkgetattr,
	topenfd:      (*server).openfd,
	tmake:        (*server).make,
	tgetxattr:    (*server).getxattr,
	tsetxattr:    (*server).setxattr,
	tremovexattr: (*server).removexattr,
	trename2:     (*server).renameat,
	twalkopenfd:  (*server).walkgetattr,
	tcloneopen:   (*server).cloneopen,
	treaddirend:  (*server).readdir,
	tforget:      (*server).forget,
}

// malformed is the answer to a request that has too few or too many fields.
const malformed = linux.EINVAL

// name checks a name that a client sent for a directory's entry.
func name(s string) error {
	switch {
	case len(s) > maxName:
		return linux.ENAMETOOLONG
	case !checkName(s):
		return linux.EINVAL
	}
	return nil
}

func (s *server) attach(r *request) error {
	n := r.in.u32()
	auth := r.in.u32()
	r.in.str() // uname
	aname := r.in.str()
	r.in.u32() // n_uname
	if !r.in.ok() || auth != noFid {
		return malformed
	}
	if err := s.fids.check(n); err != nil {
		return err
	}
	node, err := s.root.Attach(aname)
	if err != nil {
		return err
	}
	a, err := node.GetAttr()
	if err != nil {
		node.Close()
		return err
	}
	r.out.qid(a.QID)
	return s.fids.add(n, &fid{node: node})
}

func (s *server) statfs(r *request) error {
	f, err := s.only(r)
	if err != nil {
		return err
	}
	defer f.put()
	st, err := f.current().StatFS()
	r.out.statFS(&st)
	return err
}

// only takes a fid that is the request's only field.
func (s *server) only(r *request) (*fid, error) {
	n := r.in.u32()
	if !r.in.ok() {
		return nil, malformed
	}
	return s.fids.get(n)
}

func (s *server) readlink(r *request) error {
	f, err := s.only(r)
	if err != nil {
		return err
	}
	defer f.put()
	target, err := f.current().Readlink()
	if err != nil {
		return err
	}
	r.out.str(target)
	return nil
}

func (s *server) getattr(r *request) error {
	n := r.in.u32()
	r.in.u64() // request mask: all is sent
	if !r.in.ok() {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	a, err := f.current().GetAttr()
	if err != nil {
		return err
	}
	r.out.attr(&a)
	return nil
}

func (s *server) setattr(r *request) error {
	n, set := r.in.u32(), r.in.setAttr()
	const nsec = 1e9
	bad := func(t Time) bool { return t.NSec < 0 || t.NSec >= nsec }
	switch {
	case !r.in.ok(),
		set.Valid&SetMode != 0 && set.Mode&^0o7777 != 0 && set.Mode&linux.S_IFMT == 0,
		set.Valid&SetSize != 0 && set.Size > math.MaxInt64,
		set.Valid&SetATimeSet != 0 && bad(set.ATime),
		set.Valid&SetMTimeSet != 0 && bad(set.MTime):
		return malformed
	}
	set.Mode &= 0o7777
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	return f.current().SetAttr(set)
}

func (s *server) clunk(r *request) error {
	n := r.in.u32()
	if !r.in.ok() {
		return malformed
	}
	f, err := s.fids.remove(n)
	if err != nil {
		return err
	}
	defer f.put()
	return f.setValue()
}

// forget is Tforget.
func (s *server) forget(r *request) error {
	n := r.in.u32()
	if !r.in.ok() {
		return malformed
	}
	f, err := s.fids.forget(n)
	if err == nil {
		f.put()
	}
	return err
}

// remove is Tremove: the fid is gone even if its file is not.
func (s *server) remove(r *request) error {
	n := r.in.u32()
	if !r.in.ok() {
		return malformed
	}
	f, err := s.fids.remove(n)
	if err != nil {
		return err
	}
	defer f.put()
	a, err := f.stillThere()
	if err != nil {
		return err
	}
	var flags uint32
	if a.QID.Type&QTDir != 0 {
		flags = linux.AT_REMOVEDIR
	}
	return f.dir.Unlink(f.name, flags)
}

// stillThere returns f's attributes if its name is still that which it was
// walked to by.
func (f *fid) stillThere() (Attr, error) {
	if f.dir == nil {
		return Attr{}, linux.EOPNOTSUPP
	}
	node, now, err := f.dir.Walk(f.name)
	if err != nil {
		return Attr{}, err
	}
	node.Close()
	a, err := f.current().GetAttr()
	if err == nil && a.QID.Path != now.QID.Path {
		err = linux.ENOENT
	}
	return a, err
}

// checkXattr checks the name of an extended attribute.
func checkXattr(s string) error {
	if s == "" || len(s) > maxName || strings.ContainsRune(s, 0) {
		return linux.ERANGE
	}
	return nil
}
