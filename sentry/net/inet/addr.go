package inet

import (
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// familyOf is sa_family, EINVAL if there is none.
func familyOf(raw []byte) (int, error) {
	if len(raw) < 2 {
		return 0, linux.EINVAL
	}
	return int(binary.NativeEndian.Uint16(raw)), nil
}

// parse reads a struct sockaddr_in or sockaddr_in6. An address of IPv4 is one whatever
// it is written as; mapped says that it was written as one of IPv6.
func parse(raw []byte) (a stack.Addr, mapped bool, err error) {
	f, err := familyOf(raw)
	if err != nil {
		return a, false, err
	}
	switch f {
	case linux.AF_INET, linux.AF_UNSPEC:
		if len(raw) < linux.SizeOfSockaddrIn {
			return a, false, linux.EINVAL
		}
		return stack.Addr{Port: binary.BigEndian.Uint16(raw[2:]), IP: netip.AddrFrom4([4]byte(raw[4:]))}, false, nil
	case linux.AF_INET6:
		if len(raw) < linux.MinSockaddrIn6 {
			return a, false, linux.EINVAL
		}
		a = stack.Addr{Port: binary.BigEndian.Uint16(raw[2:]), IP: netip.AddrFrom16([16]byte(raw[8:]))}
		if len(raw) >= linux.SizeOfSockaddrIn6 && scoped(a.IP) {
			a.NIC = int32(binary.NativeEndian.Uint32(raw[24:]))
		}
		return a, a.IP.Is4In6(), nil
	}
	return a, false, linux.EAFNOSUPPORT
}

// scoped reports whether an address means something on one link only.
func scoped(ip netip.Addr) bool {
	return ip.Is6() && (ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast())
}

// sockaddr is a as struct sockaddr_in or sockaddr_in6 of a domain.
func sockaddr(domain int, a stack.Addr) []byte {
	if domain == linux.AF_INET {
		b := make([]byte, linux.SizeOfSockaddrIn)
		binary.NativeEndian.PutUint16(b, linux.AF_INET)
		binary.BigEndian.PutUint16(b[2:], a.Port)
		if ip := a.IP.Unmap(); ip.Is4() {
			copy(b[4:], ip.AsSlice())
		}
		return b
	}
	b := make([]byte, linux.SizeOfSockaddrIn6)
	binary.NativeEndian.PutUint16(b, linux.AF_INET6)
	binary.BigEndian.PutUint16(b[2:], a.Port)
	if a.IP.IsValid() {
		ip := a.IP.As16()
		copy(b[8:], ip[:])
		if scoped(a.IP) {
			binary.NativeEndian.PutUint32(b[24:], uint32(a.NIC))
		}
	}
	return b
}

var (
	loopback4  = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6  = netip.IPv6Loopback()
	broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// destination is where a means: to nowhere is to oneself, as in BSD.
func destination(a stack.Addr) stack.Addr {
	switch {
	case a.IP.Is4In6() && a.IP.Unmap().IsUnspecified():
		a.IP = netip.AddrFrom16(loopback4.As16())
	case a.IP.Is4() && a.IP.IsUnspecified():
		a.IP = loopback4
	case a.IP.IsUnspecified():
		a.IP = loopback6
	}
	return a
}

// parsePeer reads whom a socket shall speak to.
func (s *Socket) parsePeer(raw []byte) (stack.Addr, error) {
	f, err := familyOf(raw)
	if err != nil {
		return stack.Addr{}, err
	}
	if s.Domain == linux.AF_INET6 && f == linux.AF_INET && s.kind != stack.UDP ||
		s.Domain == linux.AF_INET && f == linux.AF_INET6 {
		if f == linux.AF_INET6 && len(raw) < linux.SizeOfSockaddrIn || s.Domain == linux.AF_INET6 && len(raw) < linux.MinSockaddrIn6 {
			return stack.Addr{}, linux.EINVAL
		}
		return stack.Addr{}, linux.EAFNOSUPPORT
	}
	a, mapped, err := parse(raw)
	if err != nil {
		return a, err
	}
	if s.Domain == linux.AF_INET6 && s.v6only() && (mapped || a.IP.Is4()) {
		if f == linux.AF_INET {
			return a, linux.EAFNOSUPPORT
		}
		return a, linux.ENETUNREACH
	}
	if a.IP.IsLinkLocalUnicast() && a.IP.Is6() && a.NIC == 0 {
		if a.NIC = int32(s.device.Load()); a.NIC == 0 {
			return a, linux.EINVAL
		}
	}
	return destination(a), nil
}
