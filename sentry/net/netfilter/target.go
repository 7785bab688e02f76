package netfilter

import (
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// targets are what can be done with a packet beside the standard ones, by revision for
// each family.
var targets = map[string]struct {
	revision4, revision6 uint8
	verdict              stack.Verdict
}{
	"REDIRECT":   {0, 0, stack.Redirect},
	"DNAT":       {0, 1, stack.DNAT},
	"SNAT":       {0, 1, stack.SNAT},
	"MASQUERADE": {0, 0, stack.Masquerade},
	"REJECT":     {0, 0, stack.Reject},
}

// onlyIn is the table that a target is for, if there is but one (xt_check_target).
var onlyIn = map[stack.Verdict]string{
	stack.Redirect: "nat", stack.DNAT: "nat", stack.SNAT: "nat", stack.Masquerade: "nat", stack.Reject: "filter",
}

// knowsTarget reports whether there is a target of a name, and of a revision.
func knowsTarget(name string, rev uint8, v6 bool) (known, ok bool) {
	if name == "" || name == "ERROR" {
		return true, rev == 0
	}
	t, known := targets[name]
	if v6 {
		return known, known && rev == t.revision6
	}
	return known, known && rev == t.revision4
}

func parseTarget(name string, rev uint8, v6 bool, data []byte) (stack.Action, error) {
	a := stack.Action{Verdict: targets[name].verdict}
	if _, ok := knowsTarget(name, rev, v6); !ok {
		return a, linux.ENOENT
	}
	if a.Verdict == stack.Reject {
		if len(data) < 4 {
			return a, linux.EINVAL
		}
		a.With = int(binary.NativeEndian.Uint32(data))
		return a, nil
	}
	var err error
	if a.Addr, a.Port, err = natRange(v6, data); err != nil {
		return a, err
	}
	switch a.Verdict {
	case stack.Redirect:
		if a.Port == 0 || a.Addr.IsValid() {
			return a, linux.EINVAL
		}
	case stack.Masquerade:
		if a.Port != 0 || a.Addr.IsValid() {
			return a, linux.EINVAL
		}
	default:
		if a.Port == 0 && !a.Addr.IsValid() {
			return a, linux.EINVAL
		}
	}
	return a, nil
}

// natRange reads a struct nf_nat_ipv4_multi_range_compat or nf_nat_range, which must be
// one address, one port, or both.
func natRange(v6 bool, b []byte) (ip netip.Addr, port uint16, err error) {
	const mapIPs, protoSpecified = 1, 2
	width := 4
	if v6 {
		width = 16
	} else {
		if len(b) < 4 || binary.NativeEndian.Uint32(b) != 1 {
			return ip, 0, linux.EINVAL
		}
		b = b[4:]
	}
	if len(b) < 4+2*width+4 {
		return ip, 0, linux.EINVAL
	}
	flags := binary.NativeEndian.Uint32(b)
	if flags&^(mapIPs|protoSpecified) != 0 {
		return ip, 0, linux.EINVAL
	}
	low, high, ends := b[4:4+width], b[4+width:4+2*width], b[4+2*width:]
	if flags&mapIPs != 0 {
		if string(low) != string(high) {
			return ip, 0, linux.EINVAL
		}
		ip, _ = netip.AddrFromSlice(low)
	}
	if flags&protoSpecified != 0 {
		if port = binary.BigEndian.Uint16(ends); port == 0 || port != binary.BigEndian.Uint16(ends[2:]) {
			return ip, 0, linux.EINVAL
		}
	}
	return ip, port, nil
}
