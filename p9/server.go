package p9

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// ServerOptions are limits of a connection.
type ServerOptions struct {
	// MaxFids bounds the fids, each of which may hold a descriptor.
	MaxFids int
}

// maxRequests bounds the requests that a server works on at once; more wait in
// the socket.
const maxRequests = 64

// A server is one connection's. What is not guarded changes only by Tversion,
// while nothing else is going on.
type server struct {
	in, out  *sock // may be the same
	root     Attacher
	fids     fidTable
	pending  pending
	slots    chan struct{}
	workers  sync.WaitGroup
	writeMu  sync.Mutex // one message at a time; outside pending.mu
	msize    uint32
	extended bool
	versed   bool // a version was agreed on
}

// ServeFD is ServeFDs on one socket for both directions.
func ServeFD(fd int, root Attacher, o ServerOptions) error { return ServeFDs(fd, fd, root, o) }

// ServeFDs answers a client's requests until it hangs up, which is no error. It
// owns the descriptors, of connected stream sockets.
func ServeFDs(requests, answers int, root Attacher, o ServerOptions) error {
	in := &sock{fd: requests}
	out := in
	if answers != requests {
		out = &sock{fd: answers}
	}
	s := &server{
		in: in, out: out, root: root,
		fids:    fidTable{limit: o.MaxFids, fids: map[uint32]*fid{}},
		pending: pending{tags: map[uint16][]*request{}},
		slots:   make(chan struct{}, maxRequests),
		msize:   minMSize,
	}
	defer in.close()
	defer out.close()
	for _, fd := range []int{requests, answers} {
		if err := unix.SetNonblock(fd, false); err != nil {
			return err
		}
	}
	err := s.read(newStream(in))
	s.hangUp()
	s.workers.Wait()
	s.fids.clear()
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// hangUp ends the connection, for the reader and for workers that wait for the
// client to read.
func (s *server) hangUp() {
	s.in.hangUp()
	s.out.hangUp()
}

// read takes requests off the connection. Quick ones are answered right here;
// a goroutine does what may take long.
func (s *server) read(in *stream) error {
	for {
		h, err := in.header(s.msize)
		if err != nil {
			return err
		}
		r := newRequest(h)
		if err := in.full(r.buf); err != nil {
			return err
		}
		switch {
		case h.typ == tversion:
			// It ends whatever went before.
			s.workers.Wait()
			s.answer(r, s.version(r))
			continue
		case !s.versed || h.tag == noTag:
			return errProtocol
		case h.typ == tflush:
			if err := s.flush(r); err != nil {
				return err
			}
			continue
		}
		if !s.pending.add(h.tag) {
			return errProtocol
		}
		if quick(h.typ) {
			s.work(r)
			continue
		}
		s.slots <- struct{}{}
		s.workers.Go(func() {
			s.work(r)
			<-s.slots
		})
	}
}

// quick reports whether requests of the type are, as a rule, answered out of
// the host kernel's caches.
func quick(typ uint8) bool {
	switch typ {
	case twalk, twalkgetattr, tgetattr, topenfd, tattach, treadlink, tlopen, treaddir, tclunk, twalkopenfd, tcloneopen, treaddirend, tforget:
		return true
	}
	return false
}

// flush is Tflush: its answer follows that of the request it names.
func (s *server) flush(r *request) error {
	old := r.in.u16()
	if !r.in.ok() || old == r.tag {
		return errProtocol
	}
	if !s.pending.wait(old, r) {
		s.flushed(r)
	}
	return nil
}

func (s *server) flushed(r *request) {
	r.out.start(tflush+1, r.tag)
	s.answer(r, nil)
}

// work answers one request.
func (s *server) work(r *request) {
	handle := handlers[r.typ]
	err := error(linux.EOPNOTSUPP)
	if handle != nil && (r.typ < twalkgetattr || s.extended) {
		r.out.start(r.typ+1, r.tag)
		err = handle(s, r)
	}
	for _, f := range s.answer(r, err) {
		s.flushed(f)
	}
}

// answer sends the reply, or err, is done with r, and returns the Tflushes that
// waited for it.
func (s *server) answer(r *request, err error) (flushes []*request) {
	if err != nil {
		r.out.start(rlerror, r.tag)
		r.out.u32(errnoOf(err))
	}
	msg := r.out.finish()
	s.writeMu.Lock()
	// Before the client sees the answer and uses the tag again, and in one
	// piece with it, so that no Rflush overtakes it.
	if r.typ != tflush {
		flushes = s.pending.remove(r.tag)
	}
	fd := -1
	if err == nil {
		fd = r.fd
	}
	err = s.out.send(msg, fd)
	s.writeMu.Unlock()
	if r.done != nil {
		r.done()
	}
	r.free()
	if err != nil {
		s.hangUp()
	}
	return flushes
}

// errnoOf is the number that stands for err on the wire.
func errnoOf(err error) uint32 {
	var e linux.Errno
	if errors.As(err, &e) && e != 0 {
		return uint32(e)
	}
	return uint32(linux.EIO)
}

// version is Tversion: it starts a session anew.
func (s *server) version(r *request) error {
	msize, v := r.in.u32(), r.in.str()
	if !r.in.ok() || r.tag != noTag || msize < minMSize {
		return linux.EINVAL
	}
	s.fids.clear()
	msize = min(msize, maxMSize)
	switch v {
	case versionGlovebox, versionPlain:
		s.msize, s.extended, s.versed = msize, v == versionGlovebox, true
	default:
		v = versionUnknown
	}
	r.out.start(tversion+1, noTag)
	r.out.u32(msize)
	r.out.str(v)
	return nil
}
