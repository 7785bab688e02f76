package unix

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// Option implements socket.Socket.
func (s *Socket) Option(_ *vfs.Ctx, level, name int) ([]byte, error) {
	if level != linux.SOL_SOCKET {
		return nil, linux.EOPNOTSUPP
	}
	switch name {
	case linux.SO_ERROR:
		return socket.Int(int(s.takeErr())), nil
	case linux.SO_SNDBUF:
		return socket.Int(int(s.sndbuf.Load())), nil
	case linux.SO_RCVBUF:
		return socket.Int(int(s.rcvbuf.Load())), nil
	case linux.SO_ACCEPTCONN:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state == listening {
			return socket.Int(1), nil
		}
		return socket.Int(0), nil
	case linux.SO_PEERCRED:
		s.mu.Lock()
		defer s.mu.Unlock()
		cred := linux.Ucred{UID: ^uint32(0), GID: ^uint32(0)}
		if s.peerCred != (linux.Ucred{}) {
			cred = s.peerCred
		}
		return append([]byte(nil), linux.Bytes(&cred)...), nil
	case linux.SO_PEERNAME:
		return s.Peer()
	}
	return nil, linux.ENOPROTOOPT
}

// SetOption implements socket.Socket.
func (s *Socket) SetOption(c *vfs.Ctx, level, name int, value []byte) error {
	if level != linux.SOL_SOCKET {
		return linux.EOPNOTSUPP
	}
	v, err := socket.ParseInt(value)
	if err != nil {
		return err
	}
	limit := maxBuf
	switch name {
	case linux.SO_SNDBUFFORCE, linux.SO_RCVBUFFORCE:
		if !c.Creds.Has(auth.CapNetAdmin) {
			return linux.EPERM
		}
		limit = highestBuf / 2
	}
	// Linux doubles what is asked for, for its own needs (socket(7)).
	switch n := int32(min(uint(uint32(v)), uint(limit)) * 2); name {
	case linux.SO_SNDBUF, linux.SO_SNDBUFFORCE:
		s.sndbuf.Store(max(n, minSndBuf))
		s.queue.Notify(writable)
	case linux.SO_RCVBUF, linux.SO_RCVBUFFORCE:
		s.rcvbuf.Store(max(n, minRcvBuf))
	default:
		return linux.ENOPROTOOPT
	}
	return nil
}
