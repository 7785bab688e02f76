package netlink

import (
	"bytes"
	"encoding/binary"

	"glovebox/abi/linux"
)

// A Teller is a Network of somebody else's, who answers for it: the host. It can be
// asked and not changed.
type Teller interface {
	// Ask returns the messages that answer a question, struct nlmsghdr and all. Flags
	// are NLM_F_DUMP or 0.
	Ask(typ, flags uint16, data []byte) ([][]byte, error)
}

// asked are the questions that are passed on, and the size of the struct that each
// begins with, of which only the family counts.
var asked = map[uint16]int{
	linux.RTM_GETLINK:  sizeOfIfinfomsg,
	linux.RTM_GETADDR:  sizeOfIfaddrmsg,
	linux.RTM_GETROUTE: sizeOfRtmsg,
	linux.RTM_GETNEIGH: 12, // struct ndmsg
	linux.RTM_GETRULE:  12, // struct fib_rule_hdr
}

// relay is NETLINK_ROUTE of a Teller: it gets questions that are made anew of what the
// guest asked.
func relay(s *Socket, t Teller, r *request) error {
	size, ok := asked[r.typ]
	switch {
	case r.typ&3 != 2: // what is no question: the host gives nobody here its network
		return linux.EPERM
	case !ok && r.dump():
		return dumpAll(s, r, []int(nil), 0, nil)
	case !ok:
		return linux.EOPNOTSUPP
	case !r.dump() && r.typ == linux.RTM_GETROUTE:
		return relayRoute(s, t, r)
	case !r.dump() && r.typ != linux.RTM_GETLINK:
		return linux.EOPNOTSUPP
	}
	if !r.dump() {
		attrs, err := r.attributes(sizeOfIfinfomsg)
		if err != nil {
			return err
		}
		return relayLink(s, t, r, int32(binary.NativeEndian.Uint32(r.data[4:])), attrs[linux.IFLA_IFNAME])
	}
	data := make([]byte, size)
	data[0] = r.data[0]
	all, err := t.Ask(r.typ, linux.NLM_F_DUMP, data)
	if err != nil {
		return err
	}
	return dumpAll(s, r, all, 0, putAnswer)
}

// relayLink asks for the interface of an index or a name.
func relayLink(s *Socket, t Teller, r *request, id int32, name []byte) error {
	if id <= 0 && len(name) == 0 {
		return linux.EINVAL
	}
	all, err := t.Ask(r.typ, linux.NLM_F_DUMP, make([]byte, sizeOfIfinfomsg))
	if err != nil {
		return err
	}
	m := pick(all, id, name)
	if m == nil {
		return linux.ENODEV
	}
	return s.answer(r, m)
}

// relayRoute asks for the way to an address: where to, where from, and by which
// interface.
func relayRoute(s *Socket, t Teller, r *request) error {
	attrs, err := r.attributes(sizeOfRtmsg)
	if err != nil {
		return err
	}
	width := 4
	if r.data[0] == linux.AF_INET6 {
		width = 16
	}
	var b builder
	b.u8(r.data[0], 0, 0, 0, 0, 0, 0, 0)
	b.u32(0)
	for _, a := range []struct {
		typ  uint16
		size int
		bits int // of the struct, where the prefix's length lies
	}{{linux.RTA_DST, width, 1}, {linux.RTA_SRC, width, 2}, {linux.RTA_OIF, 4, 0}} {
		v, ok := attrs[a.typ]
		switch {
		case !ok:
			continue
		case len(v) != a.size:
			return linux.EINVAL
		case a.bits != 0:
			b.b[a.bits] = uint8(8 * width)
		}
		b.attr(a.typ, v)
	}
	all, err := t.Ask(r.typ, 0, b.b)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return linux.ENETUNREACH
	}
	return s.answer(r, all[0])
}

// answer sends one message of the host's.
func (s *Socket) answer(r *request, m []byte) error {
	var b builder
	b.begin(r, 0, 0)
	putAnswer(&b, m)
	b.end()
	s.reply(&b)
	return nil
}

// putAnswer adds what follows the header of a host's message, and its type.
func putAnswer(b *builder, m []byte) {
	copy(b.b[b.at+4:b.at+6], m[4:6])
	b.b = append(b.b, m[linux.SizeOfNlmsghdr:]...)
}

// pick returns the message about the interface of an index or a name.
func pick(all [][]byte, id int32, name []byte) []byte {
	name, _, _ = bytes.Cut(name, []byte{0})
	for _, m := range all {
		about := &request{data: m[linux.SizeOfNlmsghdr:]}
		attrs, err := about.attributes(sizeOfIfinfomsg)
		if err != nil {
			continue
		}
		own, _, _ := bytes.Cut(attrs[linux.IFLA_IFNAME], []byte{0})
		if id > 0 && id == int32(binary.NativeEndian.Uint32(about.data[4:])) || id <= 0 && len(name) > 0 && bytes.Equal(own, name) {
			return m
		}
	}
	return nil
}
