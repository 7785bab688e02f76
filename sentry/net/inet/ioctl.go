package inet

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// Ioctl implements vfs.FileOps (inet_ioctl, tcp_ioctl, udp_ioctl, dev_ioctl).
func (s *Socket) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	a := guest.Addr(arg)
	switch cmd {
	case linux.SIOCINQ, linux.SIOCOUTQ, linux.SIOCATMARK:
		n, err := s.queued(cmd)
		if err != nil {
			return 0, err
		}
		_, err = mem.CopyOut(a, linux.Bytes(&n))
		return 0, err
	}
	return s.ns.Netdevice(c, mem, cmd, a)
}

// queued is what waits to be read or sent.
func (s *Socket) queued(cmd uint32) (n int32, err error) {
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	switch {
	case st == listening:
		return 0, linux.EINVAL
	case cmd == linux.SIOCATMARK:
		if !s.stream() {
			return 0, linux.ENOTTY
		}
	case cmd == linux.SIOCOUTQ: // the engine does not say
	case s.stream():
		n = int32(s.ep.Load().Unread())
	default:
		s.recvMu.Lock()
		if q := s.recvd.queue; len(q) > 0 {
			n = int32(len(q[0].Data))
		}
		s.recvMu.Unlock()
	}
	return n, nil
}

// Netdevice answers what netdevice(7) asks, of any socket, whatever its family, and
// changes what it may.
func (ns *Namespace) Netdevice(c *vfs.Ctx, mem guest.Memory, cmd uint32, a guest.Addr) (uintptr, error) {
	answer, ok := netdevice[cmd]
	change := configuring[cmd]
	switch {
	case !ok && change == nil && cmd != linux.SIOCGIFCONF:
		return 0, linux.ENOTTY
	case change != nil && !c.Creds.Has(auth.CapNetAdmin):
		return 0, linux.EPERM
	}
	st, err := ns.Stack()
	if err != nil {
		return 0, err
	}
	if cmd == linux.SIOCGIFCONF {
		return 0, ifconf(st, mem, a)
	}
	var req [linux.SizeOfIfreq]byte
	if _, err := mem.CopyIn(a, req[:]); err != nil {
		return 0, err
	}
	n, err := find(st, req[:], cmd == linux.SIOCGIFNAME)
	if err != nil {
		return 0, err
	}
	if change != nil {
		return 0, change(st, n, req[:])
	}
	if err := answer(n, req[:]); err != nil {
		return 0, err
	}
	_, err = mem.CopyOut(a, req[:])
	return 0, err
}

// find returns the interface that a struct ifreq names.
func find(st *stack.Stack, req []byte, byID bool) (stack.NIC, error) {
	name := req[:linux.IFNAMSIZ-1]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[:i] // an alias
	}
	id := int32(binary.NativeEndian.Uint32(req[linux.IFNAMSIZ:]))
	for _, n := range st.NICs() {
		if byID && n.ID == id || !byID && n.Name == string(name) {
			return n, nil
		}
	}
	return stack.NIC{}, linux.ENODEV
}

// netdevice is what fills the union of a struct ifreq.
var netdevice = map[uint32]func(n stack.NIC, req []byte) error{
	linux.SIOCGIFNAME: func(n stack.NIC, req []byte) error {
		clear(req[:linux.IFNAMSIZ])
		copy(req[:linux.IFNAMSIZ-1], n.Name)
		return nil
	},
	linux.SIOCGIFINDEX: func(n stack.NIC, req []byte) error { return put32(req, uint32(n.ID)) },
	linux.SIOCGIFFLAGS: func(n stack.NIC, req []byte) error {
		binary.NativeEndian.PutUint16(req[linux.IFNAMSIZ:], uint16(n.Flags))
		return nil
	},
	linux.SIOCGIFMTU:    func(n stack.NIC, req []byte) error { return put32(req, n.MTU) },
	linux.SIOCGIFMETRIC: func(_ stack.NIC, req []byte) error { return put32(req, 0) },
	linux.SIOCGIFTXQLEN: func(n stack.NIC, req []byte) error { return put32(req, n.QueueLen) },
	linux.SIOCGIFHWADDR: func(n stack.NIC, req []byte) error {
		clear(req[linux.IFNAMSIZ : linux.IFNAMSIZ+16])
		binary.NativeEndian.PutUint16(req[linux.IFNAMSIZ:], n.HardwareType)
		copy(req[linux.IFNAMSIZ+2:], n.LinkAddr)
		return nil
	},
	// As a driver without ethtool(8).
	linux.SIOCETHTOOL:    func(stack.NIC, []byte) error { return linux.EOPNOTSUPP },
	linux.SIOCGIFADDR:    func(n stack.NIC, req []byte) error { return put4(n, req, netip.Prefix.Addr) },
	linux.SIOCGIFDSTADDR: func(n stack.NIC, req []byte) error { return put4(n, req, netip.Prefix.Addr) },
	linux.SIOCGIFNETMASK: func(n stack.NIC, req []byte) error { return put4(n, req, Netmask) },
	linux.SIOCGIFBRDADDR: func(n stack.NIC, req []byte) error {
		if n.Loopback {
			return put4(n, req, func(netip.Prefix) netip.Addr { return netip.IPv4Unspecified() })
		}
		return put4(n, req, Broadcast)
	},
}

func put32(req []byte, v uint32) error {
	binary.NativeEndian.PutUint32(req[linux.IFNAMSIZ:], v)
	return nil
}

// put4 stores what of makes of the interface's first address of IPv4.
func put4(n stack.NIC, req []byte, of func(netip.Prefix) netip.Addr) error {
	for _, p := range n.Addresses {
		if p.Addr().Is4() {
			copy(req[linux.IFNAMSIZ:], sockaddr(linux.AF_INET, stack.Addr{IP: of(p)}))
			return nil
		}
	}
	return linux.EADDRNOTAVAIL
}

// ifconf is SIOCGIFCONF: the interfaces with an address of IPv4.
func ifconf(st *stack.Stack, mem guest.Memory, a guest.Addr) error {
	var conf [16]byte // struct ifconf
	if _, err := mem.CopyIn(a, conf[:]); err != nil {
		return err
	}
	size := int32(binary.NativeEndian.Uint32(conf[:]))
	to := guest.Addr(binary.NativeEndian.Uint64(conf[8:]))
	var all []byte
	for _, n := range st.NICs() {
		for _, p := range n.Addresses {
			if !p.Addr().Is4() {
				continue
			}
			req := make([]byte, linux.SizeOfIfreq)
			copy(req[:linux.IFNAMSIZ-1], n.Name)
			copy(req[linux.IFNAMSIZ:], sockaddr(linux.AF_INET, stack.Addr{IP: p.Addr()}))
			all = append(all, req...)
		}
	}
	if to != 0 {
		if size < 0 {
			return linux.EINVAL
		}
		all = all[:min(len(all), int(size)/linux.SizeOfIfreq*linux.SizeOfIfreq)]
		if _, err := mem.CopyOut(to, all); err != nil {
			return err
		}
	}
	binary.NativeEndian.PutUint32(conf[:], uint32(len(all)))
	_, err := mem.CopyOut(a, conf[:4])
	return err
}

// Netmask is the mask of a network of IPv4.
func Netmask(p netip.Prefix) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], ^uint32(0)<<(32-p.Bits()))
	return netip.AddrFrom4(b)
}

// Broadcast is the address of everybody in a network of IPv4.
func Broadcast(p netip.Prefix) netip.Addr {
	a, m := p.Addr().As4(), Netmask(p).As4()
	for i := range a {
		a[i] |= ^m[i]
	}
	return netip.AddrFrom4(a)
}
