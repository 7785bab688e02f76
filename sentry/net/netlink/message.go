package netlink

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// A handler answers a request. What it returns is told to who asked; nil is an
// acknowledgement, if one was asked for and there was no dump.
type handler func(s *Socket, r *request) error

// A request is a message to the kernel.
type request struct {
	typ, flags uint16
	seq, port  uint32
	data       []byte // after struct nlmsghdr
	admin      bool   // may change things
	task       *kernel.Task
	raw        []byte
	answered   bool // by a dump, which ends by itself
}

// dump reports whether all of what there is was asked for.
func (r *request) dump() bool { return r.flags&linux.NLM_F_DUMP == linux.NLM_F_DUMP }

// align rounds up to where the next message or attribute is.
func align(n int) int { return (n + 3) &^ 3 }

// receive handles the messages in p (netlink_rcv_skb).
func (s *Socket) receive(c *vfs.Ctx, p []byte) {
	s.mu.Lock()
	id := s.id
	s.mu.Unlock()
	for len(p) >= linux.SizeOfNlmsghdr {
		n := binary.NativeEndian.Uint32(p)
		if n < linux.SizeOfNlmsghdr || uint64(n) > uint64(len(p)) {
			return
		}
		r := &request{typ: binary.NativeEndian.Uint16(p[4:]), flags: binary.NativeEndian.Uint16(p[6:]),
			seq: binary.NativeEndian.Uint32(p[8:]), port: id, data: p[linux.SizeOfNlmsghdr:n], raw: p[:n],
			admin: c.Creds.Has(auth.CapNetAdmin), task: taskOf(c.Task)}
		var err error
		if r.flags&linux.NLM_F_REQUEST != 0 && r.typ >= linux.NLMSG_MIN_TYPE {
			err = protocols[s.Protocol](s, r)
		}
		if err != nil || r.flags&linux.NLM_F_ACK != 0 && !r.answered {
			s.acknowledge(r, err)
		}
		p = p[min(align(int(n)), len(p)):]
	}
}

// acknowledge answers by NLMSG_ERROR, with errno 0 if there is none (netlink_ack).
func (s *Socket) acknowledge(r *request, err error) {
	s.mu.Lock()
	capped := s.opts&(1<<linux.NETLINK_CAP_ACK) != 0
	s.mu.Unlock()
	var b builder
	var f uint16
	what := r.raw
	if err == nil || capped {
		f, what = linux.NLM_F_CAPPED, r.raw[:linux.SizeOfNlmsghdr]
	}
	b.begin(r, linux.NLMSG_ERROR, f)
	e := int32(0)
	if err != nil {
		e = -int32(err.(linux.Errno))
	}
	b.u32(uint32(e))
	b.b = append(b.b, what...)
	b.end()
	s.put(b.b)
}

// reply sends one message.
func (s *Socket) reply(b *builder) { s.put(b.b) }

// A builder makes messages.
type builder struct {
	b  []byte
	at int // where the one in the making begins
}

// begin starts a message that answers r.
func (b *builder) begin(r *request, typ, flags uint16) {
	b.at = len(b.b)
	b.u32(0)
	b.u16(typ)
	b.u16(flags)
	b.u32(r.seq)
	b.u32(r.port)
}

// end sets its length.
func (b *builder) end() {
	b.pad()
	binary.NativeEndian.PutUint32(b.b[b.at:], uint32(len(b.b)-b.at))
}

func (b *builder) pad() {
	for len(b.b)&3 != 0 {
		b.b = append(b.b, 0)
	}
}

func (b *builder) u8(v ...uint8) { b.b = append(b.b, v...) }
func (b *builder) u16(v uint16)  { b.b = binary.NativeEndian.AppendUint16(b.b, v) }
func (b *builder) u32(v uint32)  { b.b = binary.NativeEndian.AppendUint32(b.b, v) }

// attr adds a struct rtattr.
func (b *builder) attr(typ uint16, data []byte) {
	b.u16(uint16(4 + len(data)))
	b.u16(typ)
	b.b = append(b.b, data...)
	b.pad()
}

func (b *builder) attr8(typ uint16, v uint8) { b.attr(typ, []byte{v}) }
func (b *builder) attr32(typ uint16, v uint32) {
	b.attr(typ, binary.NativeEndian.AppendUint32(nil, v))
}
func (b *builder) attrString(typ uint16, v string) { b.attr(typ, append([]byte(v), 0)) }

// maxPiece is how long a piece of a dump is: less than what the least of readers has
// room for, which is a page.
const maxPiece = 3500

// dumpAll answers with all of what put makes messages of, and the end.
func dumpAll[T any](s *Socket, r *request, all []T, typ uint16, put func(b *builder, v T)) error {
	r.answered = true
	var pieces [][]byte
	var b builder
	flush := func() {
		if len(b.b) > 0 {
			pieces = append(pieces, b.b)
		}
		b = builder{}
	}
	for _, v := range all {
		var one builder
		one.begin(r, typ, linux.NLM_F_MULTI)
		put(&one, v)
		one.end()
		if len(b.b)+len(one.b) > maxPiece {
			flush()
		}
		b.b = append(b.b, one.b...)
	}
	flush()
	pieces = append(pieces, done(r))
	return s.begin(func() ([]byte, bool) {
		p := pieces[0]
		pieces = pieces[1:]
		return p, len(pieces) > 0
	})
}

// done is the end of a dump.
func done(r *request) []byte {
	var b builder
	b.begin(r, linux.NLMSG_DONE, linux.NLM_F_MULTI)
	b.u32(0)
	b.end()
	return b.b
}

// begin starts a dump: EBUSY while another goes on.
func (s *Socket) begin(more func() ([]byte, bool)) error {
	s.mu.Lock()
	if s.more != nil {
		s.mu.Unlock()
		return linux.EBUSY
	}
	s.more = more
	s.goOnLocked()
	s.mu.Unlock()
	s.queue.Notify(readable)
	return nil
}

// attributes returns those that follow the first n bytes of a request. Of two of a kind
// the later one counts.
func (r *request) attributes(n int) (map[uint16][]byte, error) {
	if len(r.data) < n {
		return nil, linux.EINVAL
	}
	return nested(r.data[n:])
}

// nested returns the attributes in p.
func nested(p []byte) (map[uint16][]byte, error) {
	all := map[uint16][]byte{}
	for len(p) >= 4 {
		size := int(binary.NativeEndian.Uint16(p))
		if size < 4 || size > len(p) {
			return nil, linux.EINVAL
		}
		const isNested = 0x8000
		all[binary.NativeEndian.Uint16(p[2:])&^isNested] = p[4:size]
		p = p[min(align(size), len(p)):]
	}
	return all, nil
}
