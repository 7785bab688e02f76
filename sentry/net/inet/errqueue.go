package inet

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
)

// recvError takes from the error queue (ip_recv_error): what was sent, where to, and
// who said that it did not arrive.
func (s *Socket) recvError(b *guest.Buf, m *socket.Incoming) (int64, error) {
	s.recvMu.Lock()
	if len(s.errs) == 0 {
		s.recvMu.Unlock()
		return 0, linux.EAGAIN
	}
	e := s.errs[0]
	s.errs = s.errs[1:]
	next := linux.Errno(0)
	if len(s.errs) > 0 {
		next = s.errs[0].Errno
	}
	s.recvMu.Unlock()
	s.err.Store(int32(next)) // SO_ERROR is that of the first in the queue
	n, err := b.CopyOut(e.Data)
	if err != nil {
		return 0, err
	}
	m.Out |= linux.MSG_ERRQUEUE
	if n < len(e.Data) {
		m.Out |= linux.MSG_TRUNC
	}
	m.Full = int64(len(e.Data))
	m.From = sockaddr(s.Domain, e.To)
	// struct sock_extended_err, and the address of the offender.
	x := binary.NativeEndian.AppendUint32(nil, uint32(e.Errno))
	x = append(x, e.Origin, e.Type, e.Code, 0)
	x = binary.NativeEndian.AppendUint32(x, e.Info)
	x = binary.NativeEndian.AppendUint32(x, 0)
	level, typ, domain := int32(linux.SOL_IP), int32(linux.IP_RECVERR), linux.AF_INET
	if e.V6 {
		level, typ, domain = linux.SOL_IPV6, linux.IPV6_RECVERR, linux.AF_INET6
	}
	offender := stack.Addr{IP: e.Offender.IP, NIC: e.Offender.NIC}
	m.Control.Others = append(m.Control.Others, socket.Cmsg{Level: level, Type: typ, Data: append(x, sockaddr(domain, offender)...)})
	return int64(n), nil
}
