package packet

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// Option implements socket.Socket.
func (s *Socket) Option(_ *vfs.Ctx, level, name int) ([]byte, error) {
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	switch {
	case level == linux.SOL_SOCKET && name == linux.SO_ERROR:
		return socket.Int(int(s.err.Swap(0))), nil
	case level == linux.SOL_SOCKET && name == linux.SO_RCVBUF:
		return socket.Int(s.limit), nil
	case level == linux.SOL_SOCKET && name == linux.SO_SNDBUF:
		if s.sndbuf == 0 {
			return socket.Int(stack.Buffers.Default), nil
		}
		return socket.Int(s.sndbuf), nil
	case level == linux.SOL_SOCKET && name == linux.SO_ACCEPTCONN:
		return socket.Int(0), nil
	case level != linux.SOL_PACKET:
		return nil, linux.ENOPROTOOPT
	}
	switch name {
	case linux.PACKET_STATISTICS:
		b := binary.NativeEndian.AppendUint32(nil, s.packets)
		b = binary.NativeEndian.AppendUint32(b, s.drops)
		s.packets, s.drops = 0, 0
		return b, nil
	case linux.PACKET_AUXDATA:
		return flag(s.aux.Load()), nil
	case linux.PACKET_IGNORE_OUTGOING:
		return flag(s.ignoreOutgoing.Load()), nil
	case linux.PACKET_ORIGDEV, linux.PACKET_LOSS:
		return socket.Int(0), nil
	case linux.PACKET_VERSION:
		return socket.Int(s.version), nil
	case linux.PACKET_RESERVE:
		return socket.Int(s.reserve), nil
	}
	return nil, linux.ENOPROTOOPT
}

// Asks implements socket.Questioned.
func (s *Socket) Asks(level, name int) bool {
	return level == linux.SOL_PACKET && name == linux.PACKET_HDRLEN
}

// Answer is PACKET_HDRLEN, whose value says of which version.
func (s *Socket) Answer(_ *vfs.Ctx, _, _ int, value []byte) ([]byte, error) {
	v, err := socket.ParseInt(value)
	h, ok := headers[v]
	if err != nil || !ok {
		return nil, linux.EINVAL
	}
	return socket.Int(h.size), nil
}

func flag(on bool) []byte {
	if on {
		return socket.Int(1)
	}
	return socket.Int(0)
}

// SetOption implements socket.Socket.
func (s *Socket) SetOption(c *vfs.Ctx, level, name int, value []byte) error {
	switch {
	case level == linux.SOL_SOCKET && name == linux.SO_ATTACH_FILTER:
		return s.AttachFilter(value)
	case level == linux.SOL_SOCKET && name == linux.SO_DETACH_FILTER:
		return s.DetachFilter(value)
	case level == linux.SOL_PACKET && (name == linux.PACKET_ADD_MEMBERSHIP || name == linux.PACKET_DROP_MEMBERSHIP):
		return s.member(value)
	case level == linux.SOL_PACKET && name == linux.PACKET_RX_RING:
		return s.setRing(c, value)
	}
	v, err := socket.ParseInt(value)
	if err != nil {
		return err
	}
	if level == linux.SOL_SOCKET {
		return s.setBuffer(c, name, v)
	}
	if level != linux.SOL_PACKET {
		return linux.ENOPROTOOPT
	}
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	switch name {
	case linux.PACKET_AUXDATA:
		s.aux.Store(v != 0)
	case linux.PACKET_IGNORE_OUTGOING:
		if v != 0 && v != 1 {
			return linux.EINVAL
		}
		s.ignoreOutgoing.Store(v != 0)
	case linux.PACKET_VERSION:
		if _, ok := headers[v]; !ok {
			return linux.EINVAL
		}
		if s.ring != nil {
			return linux.EBUSY
		}
		s.version = v
	case linux.PACKET_RESERVE:
		if s.ring != nil {
			return linux.EBUSY
		}
		if v < 0 || v > maxReserve {
			return linux.EINVAL
		}
		s.reserve = v
	default:
		return linux.ENOPROTOOPT
	}
	return nil
}

// setBuffer sets SO_RCVBUF and SO_SNDBUF, which are kept doubled (sock_setsockopt).
func (s *Socket) setBuffer(c *vfs.Ctx, name, v int) error {
	const least, forced = 2304, 16 << 20
	most := stack.Buffers.Max
	if name == linux.SO_RCVBUFFORCE || name == linux.SO_SNDBUFFORCE {
		if !c.Creds.Has(auth.CapNetAdmin) {
			return linux.EPERM
		}
		most = forced
	}
	size := max(2*min(max(v, 0), most), least)
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	switch name {
	case linux.SO_RCVBUF, linux.SO_RCVBUFFORCE:
		s.limit = size
	case linux.SO_SNDBUF, linux.SO_SNDBUFFORCE:
		s.sndbuf = size
	default:
		return linux.ENOPROTOOPT
	}
	return nil
}

// member is PACKET_ADD_MEMBERSHIP: an interface passes on all that it hears anyway.
func (s *Socket) member(value []byte) error {
	const sizeOfMreq, maxType = 16, 3
	if len(value) < sizeOfMreq {
		return linux.EINVAL
	}
	st, err := s.ns.net.Stack()
	switch {
	case err != nil:
		return err
	case !st.HasNIC(int32(binary.NativeEndian.Uint32(value))):
		return linux.ENODEV
	case binary.NativeEndian.Uint16(value[4:]) > maxType:
		return linux.EINVAL
	}
	return nil
}
