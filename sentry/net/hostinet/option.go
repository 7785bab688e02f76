package hostinet

import (
	"slices"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

func option(level, name int) (host.InetOption, bool) {
	i := slices.IndexFunc(host.InetOptions, func(o host.InetOption) bool { return o.Level == level && o.Name == name })
	if i < 0 {
		return host.InetOption{}, false
	}
	return host.InetOptions[i], true
}

// privileged are options that the host gives nobody without CAP_NET_ADMIN or
// CAP_NET_RAW of its own: whatever a guest is inside, it is told so.
var privileged = [][2]int{
	{linux.SOL_SOCKET, linux.SO_SNDBUFFORCE}, {linux.SOL_SOCKET, linux.SO_RCVBUFFORCE},
	{linux.SOL_IP, linux.IP_TRANSPARENT}, {linux.SOL_IPV6, linux.IPV6_TRANSPARENT},
}

// Option implements socket.Socket.
func (s *Socket) Option(_ *vfs.Ctx, level, name int) ([]byte, error) {
	o, ok := option(level, name)
	if !ok || o.Get == 0 {
		return nil, linux.ENOPROTOOPT
	}
	v, err := host.GetOption(s.fd, level, name, make([]byte, o.Get))
	return v, errno(err)
}

// SetOption implements socket.Socket.
func (s *Socket) SetOption(_ *vfs.Ctx, level, name int, value []byte) error {
	o, ok := option(level, name)
	switch {
	case slices.Contains(privileged, [2]int{level, name}):
		return linux.EPERM
	case !ok || o.Set == 0:
		return linux.ENOPROTOOPT
	}
	return errno(host.SetOption(s.fd, level, name, value[:min(len(value), o.Set)]))
}

// passed are the options that Base keeps and the host must know.
var passed = []int{
	linux.SO_REUSEADDR, linux.SO_REUSEPORT, linux.SO_BROADCAST, linux.SO_KEEPALIVE, linux.SO_OOBINLINE, linux.SO_DONTROUTE,
	linux.SO_NO_CHECK, linux.SO_TIMESTAMP,
}

// Changed implements socket.Observer. What Base took the host takes.
func (s *Socket) Changed(name int) {
	switch {
	case slices.Contains(passed, name):
		_ = host.SetOption(s.fd, linux.SOL_SOCKET, name, socket.Int(on(s.On(name))))
	case name == linux.SO_RCVLOWAT:
		_ = host.SetOption(s.fd, linux.SOL_SOCKET, name, socket.Int(int(s.RecvLowat.Load())))
	case name == linux.SO_PRIORITY:
		// Above 6 takes a capability there; it is the guest's own matter then.
		v, _ := s.Base.Option(name)
		_ = host.SetOption(s.fd, linux.SOL_SOCKET, name, v)
	case name == linux.SO_LINGER:
		// Only without a time: with one the host would keep close(2), and a thread
		// of ours, waiting.
		l := s.Linger()
		if l.Linger != 0 {
			l = linux.Linger{}
		}
		_ = host.SetOption(s.fd, linux.SOL_SOCKET, name, linux.Bytes(&l))
	}
}

func on(b bool) int {
	if b {
		return 1
	}
	return 0
}
