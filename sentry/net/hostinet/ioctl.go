package hostinet

import (
	"encoding/binary"
	"slices"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// Ioctl implements vfs.FileOps.
func (s *Socket) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	a := guest.Addr(arg)
	switch cmd {
	case linux.SIOCINQ, linux.SIOCOUTQ, linux.SIOCATMARK:
		n, err := s.queued(cmd)
		if err != nil {
			return 0, err
		}
		_, err = mem.CopyOut(a, linux.Bytes(&n))
		return 0, err
	}
	return s.ns.Netdevice(c, mem, cmd, a)
}

// queued is an ioctl whose answer is a number.
func (s *Socket) queued(cmd uint32) (uint32, error) {
	var b [4]byte
	err := host.Ioctl(s.fd, cmd, b[:])
	return binary.NativeEndian.Uint32(b[:]), errno(err)
}

// Netdevice answers what netdevice(7) asks, of any socket, whatever its family: all
// that are told by a struct ifreq.
func (ns *Namespace) Netdevice(_ *vfs.Ctx, mem guest.Memory, cmd uint32, a guest.Addr) (uintptr, error) {
	if cmd == linux.SIOCGIFCONF {
		return 0, ns.ifconf(mem, a)
	}
	if cmd < linux.SIOCGIFNAME || !slices.Contains(host.InetIoctls, cmd) {
		return 0, linux.ENOTTY
	}
	var req [linux.SizeOfIfreq]byte
	if _, err := mem.CopyIn(a, req[:]); err != nil {
		return 0, err
	}
	if err := host.Ioctl(ns.host.Control, cmd, req[:]); err != nil {
		return 0, errno(err)
	}
	_, err := mem.CopyOut(a, req[:])
	return 0, err
}

// maxInterfaces bounds how many addresses SIOCGIFCONF tells of.
const maxInterfaces = 4096

// ifconf is SIOCGIFCONF: the interfaces with an address of IPv4.
func (ns *Namespace) ifconf(mem guest.Memory, a guest.Addr) error {
	var conf [16]byte // struct ifconf
	if _, err := mem.CopyIn(a, conf[:]); err != nil {
		return err
	}
	size := int32(binary.NativeEndian.Uint32(conf[:]))
	to := guest.Addr(binary.NativeEndian.Uint64(conf[8:]))
	all, err := host.InterfaceAddresses(ns.host.Control, make([]byte, maxInterfaces*linux.SizeOfIfreq))
	if err != nil {
		return errno(err)
	}
	if to != 0 {
		if size < 0 {
			return linux.EINVAL
		}
		all = all[:min(len(all), int(size)/linux.SizeOfIfreq*linux.SizeOfIfreq)]
		if _, err := mem.CopyOut(to, all); err != nil {
			return err
		}
	}
	binary.NativeEndian.PutUint32(conf[:], uint32(len(all)))
	_, err = mem.CopyOut(a, conf[:4])
	return err
}
