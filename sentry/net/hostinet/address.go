package hostinet

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
)

// errno is a host's error as the guest's. That the Sentry has no descriptor left is the
// system's want, not the process's.
func errno(err error) error {
	e, ok := err.(unix.Errno)
	switch {
	case err == nil:
		return nil
	case !ok:
		return linux.EIO
	case e == unix.EMFILE:
		return linux.ENFILE
	}
	return linux.Errno(e)
}

// checked returns an address of the guest's that the host may see: of a family that is
// the socket's business, and as long as such an address is.
func checked(raw []byte) ([]byte, error) {
	if len(raw) < 2 {
		return nil, linux.EINVAL
	}
	switch binary.NativeEndian.Uint16(raw) {
	case linux.AF_INET, linux.AF_INET6, linux.AF_UNSPEC:
		return raw[:min(len(raw), host.SizeOfName)], nil
	}
	if len(raw) < linux.SizeOfSockaddrIn {
		return nil, linux.EINVAL
	}
	return nil, linux.EAFNOSUPPORT
}

func named(n host.Name, err error) ([]byte, error) {
	if err != nil {
		return nil, errno(err)
	}
	return append([]byte(nil), n.Bytes()...), nil
}

// addrPort is an address as /proc/net shows it, any of the domain for none.
func addrPort(domain int, name []byte) netip.AddrPort {
	switch {
	case domain == linux.AF_INET && len(name) >= linux.SizeOfSockaddrIn:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(name[4:8])), binary.BigEndian.Uint16(name[2:]))
	case domain == linux.AF_INET:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	case len(name) >= linux.SizeOfSockaddrIn6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(name[8:24])), binary.BigEndian.Uint16(name[2:]))
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
}
