package hostinet

import (
	"encoding/binary"
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/net/socket"
)

// A note is a kind of ancillary data (cmsg(3)), and how long it may be.
type note struct {
	level, typ  int32
	least, most int
}

// sent are those that the host gets.
var sent = []note{
	{linux.SOL_IP, linux.IP_TTL, 4, 4},
	{linux.SOL_IP, linux.IP_TOS, 1, 4},
	{linux.SOL_IP, linux.IP_PKTINFO, 12, 12},
	{linux.SOL_IPV6, linux.IPV6_PKTINFO, 20, 20},
	{linux.SOL_IPV6, linux.IPV6_HOPLIMIT, 4, 4},
	{linux.SOL_IPV6, linux.IPV6_TCLASS, 4, 4},
	{linux.SOL_UDP, linux.UDP_SEGMENT, 2, 2},
}

// received are those that a guest gets.
var received = []note{
	{linux.SOL_SOCKET, linux.SO_TIMESTAMP, 16, 16},
	{linux.SOL_SOCKET, linux.SO_TIMESTAMPNS, 16, 16},
	{linux.SOL_SOCKET, linux.SO_TIMESTAMP_NEW, 16, 16},
	{linux.SOL_SOCKET, linux.SO_TIMESTAMPNS_NEW, 16, 16},
	{linux.SOL_SOCKET, linux.SO_RXQ_OVFL, 4, 4},
	{linux.SOL_IP, linux.IP_PKTINFO, 12, 12},
	{linux.SOL_IP, linux.IP_TTL, 4, 4},
	{linux.SOL_IP, linux.IP_TOS, 1, 1},
	{linux.SOL_IP, linux.IP_RECVORIGDSTADDR, 16, 16},
	{linux.SOL_IP, linux.IP_RECVERR, 16, 44},
	{linux.SOL_IPV6, linux.IPV6_PKTINFO, 20, 20},
	{linux.SOL_IPV6, linux.IPV6_HOPLIMIT, 4, 4},
	{linux.SOL_IPV6, linux.IPV6_TCLASS, 4, 4},
	{linux.SOL_IPV6, linux.IPV6_RECVORIGDSTADDR, 28, 28},
	{linux.SOL_IPV6, linux.IPV6_RECVERR, 16, 44},
	{linux.SOL_UDP, linux.UDP_GRO, 4, 4},
	{linux.SOL_TCP, linux.TCP_INQ, 4, 4},
}

func find(notes []note, m *socket.Cmsg) (note, bool) {
	i := slices.IndexFunc(notes, func(n note) bool { return n.level == m.Level && n.typ == m.Type })
	if i < 0 {
		return note{}, false
	}
	return notes[i], true
}

const sizeOfCmsgHdr = 16

func aligned(n int) int { return (n + 7) &^ 7 }

// controlled is ancillary data for the host. Linux ignores that of levels which a
// socket does not have, and refuses what it does not know of others.
func (s *Socket) controlled(all []socket.Cmsg) ([]byte, error) {
	var b []byte
	for i := range all {
		m := &all[i]
		n, ok := find(sent, m)
		switch {
		case !ok && m.Level == linux.SOL_SOCKET && m.Type == linux.SO_MARK:
			return nil, linux.EPERM
		case !ok && m.Level == linux.SOL_SOCKET && (m.Type == linux.SCM_RIGHTS || m.Type == linux.SCM_CREDENTIALS):
			continue // ignored there, too
		case !ok && m.Level != linux.SOL_SOCKET && m.Level != linux.SOL_IP && m.Level != linux.SOL_IPV6 && m.Level != linux.SOL_UDP:
			continue
		case !ok, len(m.Data) < n.least, len(m.Data) > n.most:
			return nil, linux.EINVAL
		case len(b)+aligned(sizeOfCmsgHdr+len(m.Data)) > maxControl:
			return nil, linux.ENOBUFS
		}
		b = binary.NativeEndian.AppendUint64(b, uint64(sizeOfCmsgHdr+len(m.Data)))
		b = binary.NativeEndian.AppendUint32(b, uint32(m.Level))
		b = binary.NativeEndian.AppendUint32(b, uint32(m.Type))
		b = append(b, m.Data...)
		b = append(b, make([]byte, aligned(len(b))-len(b))...)
	}
	return b, nil
}

// told is ancillary data for the guest.
func (s *Socket) told(b []byte) (all []socket.Cmsg) {
	for len(b) >= sizeOfCmsgHdr {
		size := binary.NativeEndian.Uint64(b)
		if size < sizeOfCmsgHdr || size > uint64(len(b)) {
			break
		}
		m := socket.Cmsg{Level: int32(binary.NativeEndian.Uint32(b[8:])), Type: int32(binary.NativeEndian.Uint32(b[12:])),
			Data: slices.Clone(b[sizeOfCmsgHdr:size])}
		if n, ok := find(received, &m); ok && len(m.Data) >= n.least && len(m.Data) <= n.most {
			all = append(all, m)
		}
		b = b[min(aligned(int(size)), len(b)):]
	}
	return all
}
