package inet

import (
	"encoding/binary"
	"net/netip"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// controlled reads the ancillary data of a message (ip_cmsg_send,
// ip6_datagram_send_ctl, __sock_cmsg_send, udp_cmsg_send).
func (s *Socket) controlled(c *vfs.Ctx, in *socket.Control) (*sending, error) {
	with := new(sending)
	for i := range in.Others {
		var err error
		m := &in.Others[i]
		switch {
		case m.Level == linux.SOL_SOCKET:
			err = socketControl(c, m)
		case m.Level == linux.SOL_IP && (s.Domain == linux.AF_INET || s.kind == stack.UDP):
			err = ipControl(m, with)
		case m.Level == linux.SOL_IPV6 && s.Domain == linux.AF_INET6:
			err = ipv6Control(m, with)
		case m.Level == linux.SOL_UDP && s.kind == stack.UDP:
			if m.Type != linux.UDP_SEGMENT || len(m.Data) != 2 {
				return nil, linux.EINVAL
			}
			with.segment = int(binary.NativeEndian.Uint16(m.Data))
		}
		if err != nil {
			return nil, err
		}
	}
	return with, nil
}

func socketControl(c *vfs.Ctx, m *socket.Cmsg) error {
	switch m.Type {
	case linux.SCM_RIGHTS, linux.SCM_CREDENTIALS:
		return nil // ignored, for no reason that Linux remembers
	case linux.SO_MARK:
		if !c.Creds.Has(auth.CapNetAdmin) && !c.Creds.Has(auth.CapNetRaw) {
			return linux.EPERM
		}
		return nil
	case linux.SO_TIMESTAMPING, linux.SO_TIMESTAMPING_NEW, linux.SO_PRIORITY:
		if len(m.Data) != 4 {
			return linux.EINVAL
		}
		return nil
	}
	return linux.EINVAL
}

func ipControl(m *socket.Cmsg, with *sending) error {
	switch m.Type {
	case linux.IP_RETOPTS:
		return nil
	case linux.IP_PKTINFO: // struct in_pktinfo
		if len(m.Data) != 12 {
			return linux.EINVAL
		}
		with.From.NIC = int32(binary.NativeEndian.Uint32(m.Data))
		return nil
	case linux.IP_TTL, linux.IP_TOS:
		v, err := socket.ParseInt(m.Data)
		if len(m.Data) == 1 && m.Type == linux.IP_TOS {
			v, err = int(m.Data[0]), nil
		}
		switch {
		case err != nil, m.Type == linux.IP_TTL && (v < 1 || v > 255), v < 0, v > 255:
			return linux.EINVAL
		case m.Type == linux.IP_TTL:
			with.TTL = uint8(v)
		}
		return nil
	}
	return linux.EINVAL
}

func ipv6Control(m *socket.Cmsg, with *sending) error {
	switch m.Type {
	case linux.IPV6_PKTINFO: // struct in6_pktinfo
		if len(m.Data) < 20 {
			return linux.EINVAL
		}
		ip := netip.AddrFrom16([16]byte(m.Data))
		with.From = stack.Addr{IP: ip, NIC: int32(binary.NativeEndian.Uint32(m.Data[16:]))}
		if ip.Is4In6() {
			with.From.IP = netip.Addr{}
		}
		return nil
	case linux.IPV6_HOPLIMIT, linux.IPV6_TCLASS:
		v, err := socket.ParseInt(m.Data)
		switch {
		case err != nil, v < -1, v > 255:
			return linux.EINVAL
		case m.Type == linux.IPV6_HOPLIMIT && v > 0:
			with.TTL = uint8(v)
		}
		return nil
	case linux.IPV6_FLOWINFO_SEND:
		return nil
	}
	return linux.EINVAL
}

// describe tells of a message what was asked for (__sock_recv_timestamp,
// ip_cmsg_recv_offset, ip6_datagram_recv_common_ctl and its like), in Linux's order.
func (s *Socket) describe(msg *stack.Message, drops uint32, m *socket.Incoming) {
	put := func(level, typ int32, data []byte) {
		m.Control.Others = append(m.Control.Others, socket.Cmsg{Level: level, Type: typ, Data: data})
	}
	s.putTimestamp(msg.Time, put)
	if s.isSet(soRxqOvfl) && drops > 0 {
		put(linux.SOL_SOCKET, linux.SO_RXQ_OVFL, socket.Int(int(drops)))
	}
	to := msg.To.IP
	if s.Domain == linux.AF_INET6 {
		s.putInfo6(msg, put)
	}
	if !to.Is4() {
		return
	}
	if s.isSet(ipPktinfo) {
		b := binary.NativeEndian.AppendUint32(nil, uint32(msg.To.NIC))
		b = append(b, to.AsSlice()...)
		put(linux.SOL_IP, linux.IP_PKTINFO, append(b, to.AsSlice()...))
	}
	if s.isSet(ipRecvTTL) {
		put(linux.SOL_IP, linux.IP_TTL, socket.Int(int(msg.TTL)))
	}
	if s.isSet(ipRecvTOS) {
		put(linux.SOL_IP, linux.IP_TOS, []byte{msg.TOS})
	}
	if s.isSet(ipRecvOrigDst) {
		local := s.ep.Load().Local()
		put(linux.SOL_IP, linux.IP_RECVORIGDSTADDR, sockaddr(linux.AF_INET, stack.Addr{IP: to, Port: local.Port}))
	}
}

func (s *Socket) putInfo6(msg *stack.Message, put func(level, typ int32, data []byte)) {
	to := msg.To.IP
	if s.isSet(ipv6RecvPktinfo) && to.IsValid() {
		ip := to.As16()
		put(linux.SOL_IPV6, linux.IPV6_PKTINFO, binary.NativeEndian.AppendUint32(ip[:], uint32(msg.To.NIC)))
	}
	if !to.Is6() {
		return
	}
	if s.isSet(ipv6RecvHoplimit) {
		put(linux.SOL_IPV6, linux.IPV6_HOPLIMIT, socket.Int(int(msg.TTL)))
	}
	if s.isSet(ipv6RecvTclass) {
		put(linux.SOL_IPV6, linux.IPV6_TCLASS, socket.Int(int(msg.TOS)))
	}
}

// putTimestamp tells when a message came, in the form that was asked for last.
func (s *Socket) putTimestamp(t time.Time, put func(level, typ int32, data []byte)) {
	typ, unit := int32(0), int64(1)
	switch {
	case s.isSet(soTimestampNS):
		typ = linux.SO_TIMESTAMPNS
	case s.isSet(soTimestampNSNew):
		typ = linux.SO_TIMESTAMPNS_NEW
	case s.isSet(soTimestampNew):
		typ, unit = linux.SO_TIMESTAMP_NEW, 1000
	case s.On(linux.SO_TIMESTAMP):
		typ, unit = linux.SO_TIMESTAMP, 1000
	default:
		return
	}
	b := binary.NativeEndian.AppendUint64(nil, uint64(t.Unix()))
	put(linux.SOL_SOCKET, typ, binary.NativeEndian.AppendUint64(b, uint64(int64(t.Nanosecond())/unit)))
}

// maxErrors is how many errors wait in a socket's queue.
const maxErrors = 64

// collectErrors takes what the engine keeps of ICMP errors, without a bound of its own.
func (s *Socket) collectErrors(ep *stack.Endpoint) {
	for {
		e := ep.NextError()
		if e == nil {
			return
		}
		s.recvMu.Lock()
		if len(s.errs) < maxErrors {
			s.errs = append(s.errs, e)
		}
		s.recvMu.Unlock()
	}
}

func (s *Socket) hasErrors() bool {
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	return len(s.errs) > 0
}
