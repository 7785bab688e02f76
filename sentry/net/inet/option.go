package inet

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// Smallest buffers (SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF), and the highest that even the
// privileged may have.
const (
	minSndBuf  = 4608
	minRcvBuf  = 2304
	highestBuf = 16 << 20
)

// What is set as a number and kept as another.
var (
	sndbuf      = opt(linux.SOL_SOCKET, linux.SO_SNDBUF)
	rcvbuf      = opt(linux.SOL_SOCKET, linux.SO_RCVBUF)
	maxseg      = opt(linux.SOL_TCP, linux.TCP_MAXSEG)
	linger2     = opt(linux.SOL_TCP, linux.TCP_LINGER2)
	deferAccept = opt(linux.SOL_TCP, linux.TCP_DEFER_ACCEPT)

	sized = map[option]stack.Option{sndbuf: stack.SendBuffer, rcvbuf: stack.RecvBuffer, maxseg: stack.MaxSegment,
		linger2: stack.Linger2, deferAccept: stack.DeferAccept}
)

// Option implements socket.Socket.
func (s *Socket) Option(_ *vfs.Ctx, level, name int) ([]byte, error) {
	o := opt(level, name)
	if level < 0 || level > 0xff || name < 0 || name > 0xffff {
		return nil, linux.ENOPROTOOPT
	}
	if r, ok := table[o]; ok {
		if !s.has(o, r) {
			return nil, linux.ENOPROTOOPT
		}
		return socket.Int(s.value(o)), nil
	}
	const originalDst = 80 // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST
	if name == originalDst && (level == linux.SOL_IP && s.Domain == linux.AF_INET || level == linux.SOL_IPV6 && s.Domain == linux.AF_INET6) {
		return s.originalDst()
	}
	switch level {
	case linux.SOL_SOCKET:
		return s.socketOption(name)
	case linux.SOL_IP:
		return s.ipOption(name)
	case linux.SOL_IPV6:
		if s.Domain == linux.AF_INET6 {
			return s.ipv6Option(name)
		}
	case linux.SOL_TCP:
		if s.stream() {
			return s.tcpOption(name)
		}
	}
	return nil, linux.ENOPROTOOPT
}

func (s *Socket) socketOption(name int) ([]byte, error) {
	ep := s.ep.Load()
	switch name {
	case linux.SO_ERROR:
		if s.stream() {
			s.pullErr(ep)
		}
		return socket.Int(int(s.takeErr())), nil
	case linux.SO_SNDBUF:
		if v := s.value(sndbuf); v != 0 {
			return socket.Int(v), nil
		}
		return socket.Int(ep.SendBuffer()), nil
	case linux.SO_RCVBUF:
		if v := s.value(rcvbuf); v != 0 {
			return socket.Int(v), nil
		}
		if !s.stream() {
			return socket.Int(int(s.recvd.limit.Load())), nil
		}
		return socket.Int(ep.RecvBuffer()), nil
	case linux.SO_ACCEPTCONN:
		s.mu.Lock()
		defer s.mu.Unlock()
		return socket.Int(on(s.state == listening)), nil
	case linux.SO_BINDTODEVICE:
		if n, ok := s.nic(s.device.Load()); ok {
			return append([]byte(n.Name), 0), nil
		}
		return []byte{}, nil
	case linux.SO_BINDTOIFINDEX:
		return socket.Int(int(s.device.Load())), nil
	case linux.SO_COOKIE:
		return binary.NativeEndian.AppendUint64(nil, s.ID), nil
	case linux.SO_PEERNAME:
		return s.Peer()
	case linux.SO_PEERCRED:
		c := linux.Ucred{UID: ^uint32(0), GID: ^uint32(0)}
		return append([]byte(nil), linux.Bytes(&c)...), nil
	case linux.SO_PEEK_OFF:
		return socket.Int(-1), nil
	case linux.SO_ATTACH_FILTER: // as SO_GET_FILTER: there is none
		return []byte{}, nil
	case linux.SO_MEMINFO:
		return make([]byte, 36), nil
	case linux.SO_INCOMING_NAPI_ID:
		return socket.Int(0), nil
	}
	return nil, linux.ENOPROTOOPT
}

func (s *Socket) ipOption(name int) ([]byte, error) {
	switch name {
	case linux.IP_OPTIONS:
		return []byte{}, nil
	case linux.IP_MTU:
		return s.mtu()
	case linux.IP_MULTICAST_IF:
		b := make([]byte, 4)
		s.optMu.Lock()
		binary.NativeEndian.PutUint32(b, uint32(s.opts[opt(linux.SOL_IP, name)]))
		s.optMu.Unlock()
		return b, nil
	}
	return nil, linux.ENOPROTOOPT
}

func (s *Socket) ipv6Option(name int) ([]byte, error) {
	if name == linux.IPV6_MTU {
		return s.mtu()
	}
	return nil, linux.ENOPROTOOPT
}

// mtu is that of the way to the peer.
func (s *Socket) mtu() ([]byte, error) {
	s.mu.Lock()
	st, a := s.state, s.remote
	s.mu.Unlock()
	if st != connected {
		return nil, linux.ENOTCONN
	}
	n, err := s.route(a)
	if err != nil {
		return nil, linux.ENOTCONN
	}
	return socket.Int(int(n.MTU)), nil
}

// route is the interface that leads to a.
func (s *Socket) route(a stack.Addr) (stack.NIC, error) {
	st, err := s.ns.Stack()
	if err != nil {
		return stack.NIC{}, err
	}
	from, err := st.Source(a.IP.Unmap())
	if err != nil {
		return stack.NIC{}, err
	}
	n, _ := s.nic(from.NIC)
	return n, nil
}

func (s *Socket) tcpOption(name int) ([]byte, error) {
	switch name {
	case linux.TCP_MAXSEG:
		s.mu.Lock()
		st := s.state
		s.mu.Unlock()
		if v := s.value(maxseg); v != 0 && st != connected {
			return socket.Int(v), nil
		}
		return socket.Int(s.maxSegment()), nil
	case linux.TCP_LINGER2:
		v := s.value(linger2)
		if v == 0 {
			v = 60
		}
		return socket.Int(v), nil
	case linux.TCP_DEFER_ACCEPT:
		return socket.Int(s.value(deferAccept)), nil
	case linux.TCP_CONGESTION:
		s.optMu.Lock()
		defer s.optMu.Unlock()
		name := make([]byte, 16) // TCP_CA_NAME_MAX
		if copy(name, s.cc); s.cc == "" {
			copy(name, "cubic")
		}
		return name, nil
	case linux.TCP_INFO:
		return s.info(), nil
	case linux.TCP_FASTOPEN, linux.TCP_FASTOPEN_CONNECT:
		return socket.Int(0), nil
	}
	return nil, linux.ENOPROTOOPT
}

// maxSegment is how much of a stream a segment carries: what is left of the way's MTU
// beside headers and time stamps. The engine does not tell what the peer wants.
func (s *Socket) maxSegment() int {
	s.mu.Lock()
	st, a := s.state, s.remote
	s.mu.Unlock()
	if st != connected && st != connecting {
		return 536 // TCP_MSS_DEFAULT
	}
	nic, err := s.route(a)
	if err != nil {
		return 536
	}
	const headers4, headers6, stamps = 40, 60, 12
	n := int(nic.MTU) - headers4
	if a.IP.Unmap().Is6() {
		n = int(nic.MTU) - headers6
	}
	if asked := s.value(maxseg); asked != 0 {
		n = min(n, asked)
	}
	return n - stamps
}

// info is struct tcp_info, as far as the engine knows.
func (s *Socket) info() []byte {
	const size = 248
	i := s.ep.Load().Info()
	b := make([]byte, size)
	b[0], b[1] = byte(i.State), i.CongestionState
	if i.State == linux.TCP_TIME_WAIT {
		b[0] = linux.TCP_CLOSE // who waits is no socket any more
	}
	b[5] = 1 | 2 | 4 // timestamps, SACK, window scaling
	put := func(at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
	put(8, uint32(i.RTO.Microseconds()))
	put(12, 40000) // ato
	mss := uint32(s.maxSegment())
	put(16, mss)
	put(20, mss)
	put(60, 1500) // pmtu
	put(68, uint32(i.RTT.Microseconds()))
	put(72, uint32(i.RTTVar.Microseconds()))
	put(76, i.Ssthresh)
	put(80, i.Cwnd)
	put(84, mss) // advmss
	put(88, 3)   // reordering
	return b
}

// nic returns an interface.
func (s *Socket) nic(id int32) (stack.NIC, bool) {
	st, err := s.ns.Stack()
	if err != nil || id == 0 {
		return stack.NIC{}, false
	}
	for _, n := range st.NICs() {
		if n.ID == id {
			return n, true
		}
	}
	return stack.NIC{}, false
}

// SetOption implements socket.Socket.
func (s *Socket) SetOption(c *vfs.Ctx, level, name int, value []byte) error {
	if level < 0 || level > 0xff || name < 0 || name > 0xffff {
		return linux.ENOPROTOOPT
	}
	if option, v6, ok := s.ruleOption(level, name); ok {
		return s.setRules(c, option, v6, value)
	}
	o := opt(level, name)
	if r, ok := table[o]; ok {
		if !s.has(o, r) {
			if level == linux.SOL_IP && name == linux.IP_MULTICAST_TTL {
				return linux.EINVAL
			}
			return linux.ENOPROTOOPT
		}
		v, err := number(level, value)
		switch {
		case err != nil:
			return err
		case r.cap != 0 && v != 0 && !c.Creds.Has(r.cap) && !c.Creds.Has(auth.CapNetRaw):
			return linux.EPERM
		}
		return s.setChecked(o, r, v)
	}
	switch level {
	case linux.SOL_SOCKET:
		return s.setSocketOption(c, name, value)
	case linux.SOL_IP:
		return s.setIPOption(name, value)
	case linux.SOL_IPV6:
		if s.Domain == linux.AF_INET6 {
			return s.setIPv6Option(name, value)
		}
	case linux.SOL_TCP:
		if s.stream() {
			return s.setTCPOption(name, value)
		}
	case linux.SOL_ICMPV6:
		if s.kind == stack.Raw && s.Protocol == linux.IPPROTO_ICMPV6 && name == linux.ICMPV6_FILTER {
			return s.setFilter6(value)
		}
	case linux.SOL_RAW:
		if s.kind == stack.Raw && s.Protocol == linux.IPPROTO_ICMP && name == linux.ICMP_FILTER && len(value) >= 4 {
			return nil
		}
	}
	return linux.ENOPROTOOPT
}

// number reads a value; those of IP may be a byte (do_ip_setsockopt).
func number(level int, value []byte) (int, error) {
	if level == linux.SOL_IP && len(value) < 4 {
		if len(value) == 0 {
			return 0, nil
		}
		return int(value[0]), nil
	}
	return socket.ParseInt(value)
}

// setChecked sets an option of the table about which there is more to say.
func (s *Socket) setChecked(o option, r row, v int) error {
	switch o {
	case ipv6V6only:
		s.mu.Lock()
		fixed := s.bound || s.state != idle
		s.mu.Unlock()
		if fixed {
			return linux.EINVAL
		}
	case opt(linux.SOL_IP, linux.IP_TOS):
		v &= 0xff
		if s.stream() { // the congestion bits are TCP's
			v &^= 3
		}
	case udpCork:
		defer func() {
			if v == 0 {
				_ = s.flush() // an error would be the next send's
			}
		}()
	}
	return s.setNumber(o, r, v)
}

func (s *Socket) setSocketOption(c *vfs.Ctx, name int, value []byte) error {
	switch name {
	case linux.SO_BINDTODEVICE:
		return s.setDevice(c, value)
	case linux.SO_DETACH_FILTER:
		return linux.ENOENT
	}
	v, err := socket.ParseInt(value)
	if err != nil {
		return err
	}
	limit := stack.Buffers.Max
	switch name {
	case linux.SO_SNDBUFFORCE, linux.SO_RCVBUFFORCE:
		if !c.Creds.Has(auth.CapNetAdmin) {
			return linux.EPERM
		}
		limit = highestBuf / 2
	case linux.SO_BINDTOIFINDEX:
		return s.bindToDevice(c, int32(v))
	case linux.SO_PEEK_OFF:
		return linux.EOPNOTSUPP
	}
	// Linux doubles what is asked for, for its own needs (socket(7)).
	switch n := int(min(uint(uint32(v)), uint(limit)) * 2); name {
	case linux.SO_SNDBUF, linux.SO_SNDBUFFORCE:
		n = max(n, minSndBuf)
		s.remember(sndbuf, n)
		return s.ep.Load().Set(stack.SendBuffer, n)
	case linux.SO_RCVBUF, linux.SO_RCVBUFFORCE:
		n = max(n, minRcvBuf)
		s.remember(rcvbuf, n)
		s.recvd.limit.Store(int32(n))
		if !s.stream() {
			return nil // the engine's own stays: nothing is kept there
		}
		return s.ep.Load().Set(stack.RecvBuffer, n)
	}
	return linux.ENOPROTOOPT
}

// setDevice is SO_BINDTODEVICE: a name, or none to be bound no more.
func (s *Socket) setDevice(c *vfs.Ctx, value []byte) error {
	name := value[:min(len(value), linux.IFNAMSIZ-1)]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if len(name) == 0 {
		return s.bindToDevice(c, 0)
	}
	st, err := s.ns.Stack()
	if err != nil {
		return err
	}
	for _, n := range st.NICs() {
		if n.Name == string(name) {
			return s.bindToDevice(c, n.ID)
		}
	}
	return linux.ENODEV
}

func (s *Socket) bindToDevice(c *vfs.Ctx, id int32) error {
	if s.device.Load() != 0 && !c.Creds.Has(auth.CapNetRaw) {
		return linux.EPERM
	}
	if id < 0 {
		return linux.EINVAL
	}
	if err := s.ep.Load().Set(stack.Device, int(id)); err != nil {
		return err
	}
	s.device.Store(id)
	return nil
}

func (s *Socket) setTCPOption(name int, value []byte) error {
	if name == linux.TCP_CONGESTION {
		if len(value) == 0 {
			return linux.EINVAL
		}
		cc := string(bytes.TrimRight(value[:min(len(value), 15)], "\x00"))
		if err := s.ep.Load().SetCongestion(cc); err != nil {
			return err
		}
		s.optMu.Lock()
		s.cc = cc
		s.optMu.Unlock()
		return nil
	}
	v, err := socket.ParseInt(value)
	if err != nil {
		return err
	}
	switch name {
	case linux.TCP_MAXSEG:
		const least, most = 88, 32767 // TCP_MIN_MSS, MAX_TCP_WINDOW
		if v != 0 && (v < least || v > most) {
			return linux.EINVAL
		}
		s.remember(maxseg, v)
		if v == 0 {
			return nil
		}
		return s.ep.Load().Set(stack.MaxSegment, v)
	case linux.TCP_LINGER2:
		const most = 120 // TCP_FIN_TIMEOUT_MAX
		if v = max(v, -1); v > most {
			v = most
		}
		s.remember(linger2, v)
		return s.ep.Load().Set(stack.Linger2, v)
	case linux.TCP_DEFER_ACCEPT:
		v = retransSeconds(v)
		s.remember(deferAccept, v)
		return s.ep.Load().Set(stack.DeferAccept, v)
	case linux.TCP_FASTOPEN, linux.TCP_FASTOPEN_CONNECT:
		if v == 0 {
			return nil
		}
		return linux.EOPNOTSUPP
	}
	return linux.ENOPROTOOPT
}

// retransSeconds rounds a time up to when an answer is sent again (secs_to_retrans and
// back).
func retransSeconds(v int) int {
	const most = 120 // TCP_RTO_MAX
	if v <= 0 {
		return 0
	}
	period, timeout := 1, 1
	for n := 1; v > period && n < 255; n++ {
		timeout = min(timeout*2, most)
		period += timeout
	}
	return period
}

// setFilter6 is ICMP6_FILTER (struct icmp6_filter): a bit set is a type blocked.
func (s *Socket) setFilter6(value []byte) error {
	var deny [8]uint32
	for i := range deny {
		if len(value) >= 4*(i+1) {
			deny[i] = binary.NativeEndian.Uint32(value[4*i:])
		}
	}
	return s.ep.Load().SetICMP6Filter(deny)
}

// setIPOption is what of SOL_IP is no number.
func (s *Socket) setIPOption(name int, value []byte) error {
	switch name {
	case linux.IP_OPTIONS:
		if len(value) == 0 {
			return nil
		}
		return linux.EINVAL
	case linux.IP_MULTICAST_IF:
		return s.setMulticastInterface(value)
	case linux.IP_ADD_MEMBERSHIP, linux.IP_DROP_MEMBERSHIP:
		// struct ip_mreq, ip_mreqn
		if len(value) < 8 {
			return linux.EINVAL
		}
		g := stack.Group{Group: stack.Addr{IP: netip.AddrFrom4([4]byte(value))}}
		if len(value) >= 12 {
			g.Interface.NIC = int32(binary.NativeEndian.Uint32(value[8:]))
		}
		if a := netip.AddrFrom4([4]byte(value[4:])); g.Interface.NIC == 0 && !a.IsUnspecified() {
			g.Interface.IP = a
		}
		return s.setMembership(g, name == linux.IP_ADD_MEMBERSHIP)
	case linux.MCAST_JOIN_GROUP, linux.MCAST_LEAVE_GROUP:
		return s.setGroup(value, name == linux.MCAST_JOIN_GROUP)
	}
	return linux.ENOPROTOOPT
}

func (s *Socket) setIPv6Option(name int, value []byte) error {
	switch name {
	case linux.IPV6_JOIN_GROUP, linux.IPV6_LEAVE_GROUP: // struct ipv6_mreq
		if len(value) < 20 {
			return linux.EINVAL
		}
		g := stack.Group{Group: stack.Addr{IP: netip.AddrFrom16([16]byte(value))}}
		g.Interface.NIC = int32(binary.NativeEndian.Uint32(value[16:]))
		return s.setMembership(g, name == linux.IPV6_JOIN_GROUP)
	case linux.MCAST_JOIN_GROUP, linux.MCAST_LEAVE_GROUP:
		return s.setGroup(value, name == linux.MCAST_JOIN_GROUP)
	}
	return linux.ENOPROTOOPT
}

// setGroup reads a struct group_req.
func (s *Socket) setGroup(value []byte, join bool) error {
	const size = 136
	if len(value) < size {
		return linux.EINVAL
	}
	a, _, err := parse(value[8:])
	if err != nil {
		return err
	}
	return s.setMembership(stack.Group{Group: stack.Addr{IP: a.IP}, Interface: stack.Addr{NIC: int32(binary.NativeEndian.Uint32(value))}}, join)
}

// maxGroups is net.ipv4.igmp_max_memberships.
const maxGroups = 20

func (s *Socket) setMembership(g stack.Group, join bool) error {
	if !g.Group.IP.IsMulticast() || s.stream() {
		return linux.EINVAL
	}
	s.optMu.Lock()
	defer s.optMu.Unlock()
	ep := s.ep.Load()
	if join {
		if len(s.groups) >= maxGroups {
			return linux.ENOBUFS
		}
		if err := ep.Join(g); err != nil {
			return err
		}
		s.groups = append(s.groups, g)
		return nil
	}
	if err := ep.Leave(g); err != nil {
		return err
	}
	for i := range s.groups {
		if s.groups[i] == g {
			s.groups = append(s.groups[:i], s.groups[i+1:]...)
			break
		}
	}
	return nil
}

// setMulticastInterface takes a struct in_addr, ip_mreq or ip_mreqn.
func (s *Socket) setMulticastInterface(value []byte) error {
	if s.stream() || len(value) < 4 {
		return linux.EINVAL
	}
	var a stack.Addr
	at := 0
	if len(value) >= 8 {
		at = 4
	}
	if len(value) >= 12 {
		a.NIC = int32(binary.NativeEndian.Uint32(value[8:]))
	}
	if ip := netip.AddrFrom4([4]byte(value[at:])); a.NIC == 0 && !ip.IsUnspecified() {
		a.IP = ip
	}
	if err := s.ep.Load().SetMulticastInterface(a); err != nil {
		return err
	}
	s.remember(opt(linux.SOL_IP, linux.IP_MULTICAST_IF), int(int32(binary.NativeEndian.Uint32(value[at:]))))
	return nil
}
