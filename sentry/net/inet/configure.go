package inet

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// configuring is what netdevice(7) changes, by a struct ifreq.
var configuring = map[uint32]func(st *stack.Stack, n stack.NIC, req []byte) error{
	linux.SIOCSIFFLAGS: func(st *stack.Stack, n stack.NIC, req []byte) error {
		return st.SetUp(n.ID, binary.NativeEndian.Uint16(req[linux.IFNAMSIZ:])&linux.IFF_UP != 0)
	},
	linux.SIOCSIFMTU: func(st *stack.Stack, n stack.NIC, req []byte) error {
		return st.SetMTU(n.ID, binary.NativeEndian.Uint32(req[linux.IFNAMSIZ:]))
	},
	linux.SIOCSIFHWADDR: func(st *stack.Stack, n stack.NIC, req []byte) error {
		if binary.NativeEndian.Uint16(req[linux.IFNAMSIZ:]) != n.HardwareType {
			return linux.EINVAL
		}
		return st.SetLinkAddr(n.ID, req[linux.IFNAMSIZ+2:linux.IFNAMSIZ+8])
	},
	linux.SIOCSIFNAME: func(st *stack.Stack, n stack.NIC, req []byte) error {
		name, _, _ := bytes.Cut(req[linux.IFNAMSIZ:2*linux.IFNAMSIZ], []byte{0})
		return st.Rename(n.ID, string(name))
	},
	linux.SIOCSIFADDR: func(st *stack.Stack, n stack.NIC, req []byte) error {
		ip, err := addressIn(req)
		if err != nil {
			return err
		}
		return readdress(st, n, netip.PrefixFrom(ip, classOf(ip)))
	},
	linux.SIOCSIFNETMASK: func(st *stack.Stack, n stack.NIC, req []byte) error {
		mask, err := addressIn(req)
		if err != nil {
			return err
		}
		m := mask.As4()
		v := binary.BigEndian.Uint32(m[:])
		ones := bits.LeadingZeros32(^v)
		if v != ^uint32(0)<<(32-ones) {
			return linux.EINVAL
		}
		for _, p := range n.Addresses {
			if p.Addr().Is4() {
				return readdress(st, n, netip.PrefixFrom(p.Addr(), ones))
			}
		}
		return linux.EADDRNOTAVAIL
	},
}

func addressIn(req []byte) (netip.Addr, error) {
	if binary.NativeEndian.Uint16(req[linux.IFNAMSIZ:]) != linux.AF_INET {
		return netip.Addr{}, linux.EINVAL
	}
	return netip.AddrFrom4([4]byte(req[linux.IFNAMSIZ+4 : linux.IFNAMSIZ+8])), nil
}

// classOf is how long the network's part of an address once was (inet_abc_len).
func classOf(ip netip.Addr) int {
	switch b := ip.As4()[0]; {
	case ip.IsUnspecified():
		return 0
	case b < 128:
		return 8
	case b < 192:
		return 16
	}
	return 24
}

// readdress gives an interface its first address of IPv4, in place of what it was; the
// unspecified one takes it away (devinet_ioctl). With an address an interface comes up.
func readdress(st *stack.Stack, n stack.NIC, p netip.Prefix) error {
	for _, old := range n.Addresses {
		if old.Addr().Is4() {
			_ = st.RemoveAddress(n.ID, old.Addr()) // it may be gone just now
			st.RemoveRoutes(func(r stack.Route) bool { return r.NIC == n.ID && r.Prefix == old.Masked() && !r.Gateway.IsValid() })
			break
		}
	}
	if p.Addr().IsUnspecified() {
		return nil
	}
	if err := st.AddAddress(n.ID, p); err != nil {
		return err
	}
	if n.Flags&linux.IFF_UP == 0 {
		return st.SetUp(n.ID, true)
	}
	if p.Bits() < 32 {
		st.AddRoute(stack.Connected(n.ID, p))
	}
	return nil
}
