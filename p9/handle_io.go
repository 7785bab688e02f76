package p9

import (
	"math"

	"glovebox/abi/linux"
)

func (s *server) lopen(r *request) error {
	n, flags := r.in.u32(), r.in.u32()
	if !r.in.ok() || flags&openAccess == openAccess {
		return malformed
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
	a, err := f.node.GetAttr()
	if err != nil {
		return err
	}
	if f.open, err = f.node.Open(flags & (openAccess | openTrunc)); err != nil {
		return err
	}
	r.out.qid(a.QID)
	r.out.u32(0) // iounit: msize says it
	return nil
}

// cloneopen is Tcloneopen.
func (s *server) cloneopen(r *request) error {
	n, to, flags := r.in.u32(), r.in.u32(), r.in.u32()
	if !r.in.ok() || flags&openAccess == openAccess || to == n {
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
	g, err := f.fork()
	if err != nil {
		return err
	}
	a, err := g.node.GetAttr()
	if err == nil {
		g.open, err = g.node.Open(flags & (openAccess | openTrunc))
	}
	if err != nil {
		g.put()
		return err
	}
	r.out.qid(a.QID)
	r.out.u32(0)
	return s.fids.add(to, g)
}

// openfd is Topenfd.
func (s *server) openfd(r *request) error {
	n, flags := r.in.u32(), r.in.u32()
	if !r.in.ok() || flags&openAccess == openAccess {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	fd, done, err := f.current().Donate(flags & openAccess)
	if err != nil {
		return err
	}
	r.fd, r.done = fd, done
	return nil
}

// room returns n bytes to fill behind what is encoded, n being what a client
// asked for and the reply's count not yet there.
func (r *request) room(n uint32) []byte {
	r.out.u32(0)
	at := len(r.out.b)
	r.out.b = growKeep(r.out.b, at+int(n))
	return r.out.b[at:]
}

// filled says how many bytes of room are used.
func (r *request) filled(room []byte, n int) {
	at := len(r.out.b) - len(room)
	le.PutUint32(r.out.b[at-4:], uint32(n))
	r.out.b = r.out.b[:at+n]
}

// growKeep is grow that keeps what b holds.
func growKeep(b []byte, n int) []byte {
	if cap(b) < n {
		return append(make([]byte, 0, n), b...)[:n]
	}
	return b[:n]
}

// readFile is Tread.
func (s *server) readFile(r *request) error {
	n, off, count := r.in.u32(), r.in.u64(), r.in.u32()
	if !r.in.ok() || off > math.MaxInt64 {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	count = uint32(min(uint64(count), uint64(s.msize-ioHeader), math.MaxInt64-off))
	f.mu.Lock()
	v, h := f.value, f.open
	f.mu.Unlock()
	p := r.room(count)
	switch {
	case v != nil && !v.writing:
		v := v.data[min(off, uint64(len(v.data))):]
		r.filled(p, copy(p, v))
		return nil
	case h == nil:
		return linux.EBADF
	}
	got, err := h.ReadAt(p, int64(off))
	if err != nil {
		return err
	}
	r.filled(p, got)
	return nil
}

// writeFile is Twrite.
func (s *server) writeFile(r *request) error {
	n, off, data := r.in.u32(), r.in.u64(), r.in.data()
	if !r.in.ok() || off > math.MaxInt64-maxMSize {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	f.mu.Lock()
	v, h := f.value, f.open
	if v != nil {
		err = v.write(data, off)
	}
	f.mu.Unlock()
	wrote := len(data)
	switch {
	case v != nil:
	case h == nil:
		return linux.EBADF
	default:
		wrote, err = h.WriteAt(data, int64(off))
	}
	r.out.u32(uint32(wrote))
	return err
}

func (s *server) readdir(r *request) error {
	n, off, count := r.in.u32(), r.in.u64(), r.in.u32()
	if !r.in.ok() || off > math.MaxInt64 {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	h, err := f.handle()
	if err != nil {
		return err
	}
	r.out.u32(0)
	at := len(r.out.b)
	end := at + int(min(count, s.msize-ioHeader))
	full := false
	err = h.ReadDir(off, func(d Dirent) bool {
		if full = len(r.out.b)+direntSize+len(d.Name) > end; full {
			return false
		}
		r.out.dirent(&d)
		return true
	})
	le.PutUint32(r.out.b[at-4:], uint32(len(r.out.b)-at))
	if r.typ == treaddirend {
		r.out.flag(!full)
	}
	return err
}

func (s *server) fsync(r *request) error {
	n := r.in.u32()
	dataOnly := false
	if len(r.in.b) != 0 { // older clients leave the field out
		dataOnly = r.in.u32() != 0
	}
	if !r.in.ok() {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	h, err := f.handle()
	if err != nil {
		return err
	}
	return h.Fsync(dataOnly)
}

// lock is Tlock. A client that wants to wait asks again.
func (s *server) lock(r *request) error {
	n := r.in.u32()
	l := Lock{Type: r.in.u8()}
	flags := r.in.u32()
	l.Start, l.Length, l.PID, l.Client = r.in.u64(), r.in.u64(), r.in.u32(), r.in.str()
	if !r.in.ok() || flags&^3 != 0 || !l.valid() {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	h, err := f.handle()
	if err != nil {
		return err
	}
	switch err := h.TryLock(l); err {
	case nil:
		r.out.u8(lockSuccess)
	case linux.EAGAIN, linux.EACCES:
		r.out.u8(lockBlocked)
	default:
		return err
	}
	return nil
}

func (s *server) getlock(r *request) error {
	n, l := r.in.u32(), r.in.lock()
	if !r.in.ok() || l.Type == LockNone || !l.valid() {
		return malformed
	}
	f, err := s.fids.get(n)
	if err != nil {
		return err
	}
	defer f.put()
	h, err := f.handle()
	if err != nil {
		return err
	}
	if l, err = h.GetLock(l); err != nil {
		return err
	}
	r.out.lock(&l)
	return nil
}

// valid reports whether the lock's type and range are some.
func (l *Lock) valid() bool {
	return l.Type <= LockNone && l.Start <= math.MaxInt64 && l.Length <= math.MaxInt64-l.Start
}
