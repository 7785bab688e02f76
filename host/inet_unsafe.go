package host

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SizeOfName is how long an address of AF_INET or AF_INET6 is at most.
const SizeOfName = unix.SizeofSockaddrInet6

// A Name is room for an address as the kernel writes it.
type Name struct {
	b [SizeOfName]byte
	n uint32
}

// Bytes returns the address; it may be longer than the room for it was.
func (n *Name) Bytes() []byte { return n.b[:min(n.n, SizeOfName)] }

// The calls below take and return addresses as the kernel has them. All of them are
// about sockets that do not block. What a pointer handed to the kernel points to is
// alive until the call returns, and the length that goes with it is that of the slice.

// InetSocket is socket(2), of AF_INET and AF_INET6 only: inetRules.
func InetSocket(domain, typ, protocol int) (int, error) {
	return unix.Socket(domain, typ|inetType, protocol)
}

// Bind is bind(2).
func Bind(fd int, name []byte) error {
	_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(name))), uintptr(len(name)))
	return check(e)
}

// Connect is connect(2).
func Connect(fd int, name []byte) error {
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(name))), uintptr(len(name)))
	return check(e)
}

// Listen is listen(2).
func Listen(fd, backlog int) error { return unix.Listen(fd, backlog) }

// Shutdown is shutdown(2).
func Shutdown(fd, how int) error { return unix.Shutdown(fd, how) }

// Accept is accept4(2).
func Accept(fd int) (n int, from Name, err error) {
	from.n = SizeOfName
	r, _, e := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from.b)), uintptr(unsafe.Pointer(&from.n)), inetType, 0, 0)
	return int(r), from, check(e)
}

// SockName is getsockname(2), PeerName getpeername(2).
func SockName(fd int) (Name, error) { return nameOf(unix.SYS_GETSOCKNAME, fd) }

// PeerName is getpeername(2).
func PeerName(fd int) (Name, error) { return nameOf(unix.SYS_GETPEERNAME, fd) }

func nameOf(call uintptr, fd int) (n Name, err error) {
	n.n = SizeOfName
	_, _, e := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&n.b)), uintptr(unsafe.Pointer(&n.n)))
	return n, check(e)
}

// GetOption is getsockopt(2): it returns what v got.
func GetOption(fd, level, name int, v []byte) ([]byte, error) {
	n := uint32(len(v))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(unsafe.SliceData(v))), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return nil, e
	}
	return v[:min(int(n), len(v))], nil
}

// SetOption is setsockopt(2).
func SetOption(fd, level, name int, v []byte) error {
	_, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(unsafe.SliceData(v))), uintptr(len(v)), 0)
	return check(e)
}

// Ioctl is ioctl(2) of those in InetIoctls, whose argument is arg's content.
func Ioctl(fd int, cmd uint32, arg []byte) error {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(cmd), uintptr(unsafe.Pointer(unsafe.SliceData(arg))))
	return check(e)
}

// InterfaceAddresses is SIOCGIFCONF: structs ifreq into b, as many as it has room for.
func InterfaceAddresses(fd int, b []byte) ([]byte, error) {
	conf := struct {
		n uint32
		_ uint32
		p unsafe.Pointer
	}{n: uint32(len(b)), p: unsafe.Pointer(unsafe.SliceData(b))}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFCONF, uintptr(unsafe.Pointer(&conf)))
	if e != 0 {
		return nil, e
	}
	return b[:min(int(conf.n), len(b))], nil
}

// A Packet is what passes sendmsg(2) and recvmsg(2): of a received one the slices are
// the room, and then what came.
type Packet struct {
	Name    []byte
	Data    []byte
	Control []byte
	Flags   int32 // MSG_* that came
}

func (p *Packet) header(iov *unix.Iovec) unix.Msghdr {
	iov.Base, iov.Len = unsafe.SliceData(p.Data), uint64(len(p.Data))
	h := unix.Msghdr{Iov: iov, Iovlen: 1}
	if len(p.Name) > 0 {
		h.Name, h.Namelen = unsafe.SliceData(p.Name), uint32(len(p.Name))
	}
	if len(p.Control) > 0 {
		h.Control, h.Controllen = unsafe.SliceData(p.Control), uint64(len(p.Control))
	}
	return h
}

// Send is sendmsg(2), never waiting nor raising SIGPIPE.
func Send(fd int, p *Packet, flags int) (int, error) {
	var iov unix.Iovec
	h := p.header(&iov)
	n, _, e := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&h)), uintptr(flags|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL))
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// Receive is recvmsg(2), never waiting. It returns the call's result, which is more than
// came with MSG_TRUNC.
func Receive(fd int, p *Packet, flags int) (int, error) {
	var iov unix.Iovec
	h := p.header(&iov)
	n, _, e := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&h)), uintptr(flags|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC))
	if e != 0 {
		return 0, e
	}
	p.Name = p.Name[:min(int(h.Namelen), len(p.Name))]
	p.Control = p.Control[:min(int(h.Controllen), len(p.Control))]
	p.Flags = h.Flags
	return int(n), nil
}

// PollNow returns which of events are there (poll(2)).
func PollNow(fd int, events int16) int16 {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	if _, err := unix.Poll(p, 0); err != nil {
		return 0 // interrupted: it will be asked again
	}
	return p[0].Revents
}

func check(e unix.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}
