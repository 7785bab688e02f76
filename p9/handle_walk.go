package p9

import "glovebox/abi/linux"

// A walkRequest is the fields of Twalk and Twalkgetattr.
type walkRequest struct {
	from  *fid
	to    uint32
	again bool // to is from's own number
	names []string
}

// walkFields takes the fields; the caller puts from.
func (s *server) walkFields(r *request) (w walkRequest, err error) {
	n := r.in.u32()
	w.to = r.in.u32()
	count := int(r.in.u16())
	if count > maxWalk {
		return w, linux.EINVAL
	}
	var names [maxWalk]string
	for i := range count {
		names[i] = r.in.str()
	}
	if !r.in.ok() {
		return w, malformed
	}
	for _, s := range names[:count] {
		// ".." needs a server that knows parents; clients of Linux know them.
		if err := name(s); err != nil {
			return w, err
		}
	}
	w.names = names[:count]
	if w.again = w.to == n; !w.again {
		if err := s.fids.check(w.to); err != nil {
			return w, err
		}
	}
	w.from, err = s.fids.get(n)
	return w, err
}

// walk is Twalk: it stops where a name is not there, which is an error only
// for the first (walk(5)).
func (s *server) walk(r *request) error {
	w, err := s.walkFields(r)
	if err != nil {
		return err
	}
	defer w.from.put()
	to, err := w.from.fork()
	if err != nil {
		return err
	}
	r.out.u16(0) // the count, once known
	walked := 0
	for _, n := range w.names {
		next, a, err := to.node.Walk(n)
		if err != nil {
			if walked == 0 {
				to.put()
				return err
			}
			break
		}
		to.step(n, next)
		r.out.qid(a.QID)
		walked++
	}
	le.PutUint16(r.out.b[headerSize:], uint16(walked))
	if walked < len(w.names) {
		to.put()
		return nil
	}
	return s.arrive(w, to)
}

// walkgetattr is Twalkgetattr, and Twalkopenfd.
func (s *server) walkgetattr(r *request) error {
	w, err := s.walkFields(r)
	if err != nil {
		return err
	}
	defer w.from.put()
	var a Attr
	var node Node
	at := w.from.current()
	for i, n := range w.names {
		node, a, err = at.Walk(n)
		if i > 0 {
			at.Close()
		}
		if err != nil {
			return err
		}
		at = node
	}
	if node == nil {
		if node, err = at.Clone(); err != nil {
			return err
		}
		if a, err = node.GetAttr(); err != nil {
			node.Close()
			return err
		}
	}
	r.out.devAttr(&a)
	if r.typ == twalkopenfd {
		r.offer(node)
	}
	return s.arrive(w, &fid{node: node})
}

// offer sends a descriptor of node's file along, if it is one to donate.
func (r *request) offer(node Node) {
	fd, done, err := node.Donate(linux.O_RDONLY)
	if err != nil {
		r.out.flag(false)
		return
	}
	r.fd, r.done = fd, done
	r.out.flag(true)
}

// fork returns a fid of its own for f's file, as a walk of no steps.
func (f *fid) fork() (*fid, error) {
	f.mu.Lock()
	node, value := f.node, f.value
	f.mu.Unlock()
	if value != nil {
		return nil, linux.EINVAL
	}
	node, err := node.Clone()
	if err != nil {
		return nil, err
	}
	g := &fid{node: node, name: f.name}
	if f.dir != nil {
		if g.dir, err = f.dir.Clone(); err != nil {
			g.put()
			return nil, err
		}
	}
	return g, nil
}

// step moves a fid that nobody else knows to next, its entry called name.
func (f *fid) step(name string, next Node) {
	if f.dir != nil {
		f.dir.Close()
	}
	f.dir, f.name, f.node = f.node, name, next
}

// arrive enters the fid that a walk led to.
func (s *server) arrive(w walkRequest, f *fid) error {
	if w.again {
		old, err := s.fids.remove(w.to)
		if err != nil {
			f.put()
			return err
		}
		old.put()
	}
	return s.fids.add(w.to, f)
}
