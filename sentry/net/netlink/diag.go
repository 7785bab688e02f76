package netlink

import (
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/socket"
)

// sizeOfDiagReq is that of struct inet_diag_req_v2.
const sizeOfDiagReq = 56

// diag is NETLINK_SOCK_DIAG (sock_diag(7)): Internet sockets of a protocol that are in
// any of some states. ss(8) reads the rest of what it shows from /proc/net.
func diag(s *Socket, r *request) error {
	if r.typ != linux.SOCK_DIAG_BY_FAMILY || len(r.data) < 4 {
		return linux.EINVAL
	}
	family, protocol := int(r.data[0]), int(r.data[1])
	if family != linux.AF_INET && family != linux.AF_INET6 {
		return linux.ENOENT
	}
	if len(r.data) < sizeOfDiagReq {
		return linux.EINVAL
	}
	if !r.dump() {
		return linux.ENOENT
	}
	states := binary.NativeEndian.Uint32(r.data[4:])
	r.answered = true
	// A dump of ten thousand sockets is not kept, only how far it has got.
	last, ended := uint64(0), false
	return s.begin(func() ([]byte, bool) {
		var b builder
		for _, e := range s.ns.net.Entries() {
			if e.ID <= last || e.Domain != family || e.Protocol != protocol || states>>e.State&1 == 0 {
				continue
			}
			if len(b.b) > maxPiece-256 {
				return b.b, true
			}
			last = e.ID
			putSocket(&b, r, e)
		}
		if len(b.b) > 0 && !ended {
			ended = true
			return b.b, true
		}
		return done(r), false
	})
}

// putSocket makes a struct inet_diag_msg.
func putSocket(b *builder, r *request, e socket.Entry) {
	const shutdown = 8 // INET_DIAG_SHUTDOWN
	b.begin(r, linux.SOCK_DIAG_BY_FAMILY, linux.NLM_F_MULTI)
	b.u8(uint8(e.Domain), uint8(e.State), 0, 0)
	b.b = binary.BigEndian.AppendUint16(b.b, e.Local.Port())
	b.b = binary.BigEndian.AppendUint16(b.b, e.Remote.Port())
	b.ip(e.Local.Addr())
	b.ip(e.Remote.Addr())
	b.u32(uint32(e.Device))
	b.u32(uint32(e.ID))
	b.u32(uint32(e.ID >> 32))
	b.u32(0)
	b.u32(e.Unread)
	b.u32(e.Unsent)
	b.u32(e.UID)
	b.u32(uint32(e.ID))
	b.attr8(shutdown, e.Shutdown)
	b.end()
}

// ip adds an address in room for one of IPv6.
func (b *builder) ip(ip netip.Addr) {
	var a [16]byte
	copy(a[:], ip.AsSlice())
	b.b = append(b.b, a[:]...)
}
