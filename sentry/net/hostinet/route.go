package hostinet

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/host"
)

// maxAnswer bounds what an answer of NETLINK_ROUTE is together.
const maxAnswer = 16 << 20

// Ask asks the host's NETLINK_ROUTE and returns the messages that it answers with,
// struct nlmsghdr and all. The question is one of the Sentry's making: netlink.Teller.
func (ns *Namespace) Ask(typ, flags uint16, data []byte) ([][]byte, error) {
	ns.routeMu.Lock()
	defer ns.routeMu.Unlock()
	ns.routeNo++
	q := binary.NativeEndian.AppendUint32(nil, uint32(linux.SizeOfNlmsghdr+len(data)))
	q = binary.NativeEndian.AppendUint16(q, typ)
	q = binary.NativeEndian.AppendUint16(q, flags|linux.NLM_F_REQUEST)
	q = binary.NativeEndian.AppendUint32(q, ns.routeNo)
	q = binary.NativeEndian.AppendUint32(q, 0)
	q = append(q, data...)
	if _, err := host.Send(ns.host.Route, &host.Packet{Data: q}, 0); err != nil {
		return nil, errno(err)
	}
	// The host makes the first part of the answer as it takes the question, and each
	// further one as the last is read: there is nothing to wait for.
	var all [][]byte
	total := 0
	buf := make([]byte, 64<<10)
	for {
		n, err := host.Receive(ns.host.Route, &host.Packet{Data: buf}, linux.MSG_TRUNC)
		switch {
		case err != nil:
			return nil, errno(err)
		case n > len(buf):
			return nil, linux.ENOBUFS
		}
		more := false
		for p := buf[:n]; len(p) >= linux.SizeOfNlmsghdr; {
			size := binary.NativeEndian.Uint32(p)
			if size < linux.SizeOfNlmsghdr || uint64(size) > uint64(len(p)) {
				return nil, linux.EIO
			}
			m := append([]byte(nil), p[:size]...)
			p = p[min((int(size)+3)&^3, len(p)):]
			if binary.NativeEndian.Uint32(m[8:]) != ns.routeNo {
				more = true // of a question whose answer was given up
				continue
			}
			switch binary.NativeEndian.Uint16(m[4:]) {
			case linux.NLMSG_DONE:
				return all, tooMuch(total)
			case linux.NLMSG_ERROR:
				return all, failure(m)
			}
			if total += len(m); total <= maxAnswer {
				all = append(all, m)
			}
			more = binary.NativeEndian.Uint16(m[6:])&linux.NLM_F_MULTI != 0
		}
		if !more {
			return all, tooMuch(total)
		}
	}
}

func tooMuch(n int) error {
	if n > maxAnswer {
		return linux.ENOBUFS
	}
	return nil
}

// failure is what NLMSG_ERROR says.
func failure(m []byte) error {
	if len(m) < linux.SizeOfNlmsghdr+4 {
		return linux.EIO
	}
	e := -int32(binary.NativeEndian.Uint32(m[linux.SizeOfNlmsghdr:]))
	if e <= 0 {
		return nil
	}
	return linux.Errno(e)
}
