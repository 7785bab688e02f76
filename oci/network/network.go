// Package network takes over what is in a network namespace of the host: its
// interfaces, addresses, routes and neighbours, as Docker and CNI prepare them
// (namespaces(7), rtnetlink(7), packet(7)).
//
// Frames go through a packet socket on each interface. Its addresses are taken away, so
// that the host's own TCP/IP in there does not answer for them as well, and are given back
// with the namespace: Restore.
package network

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"glovebox/boot"
)

// Inside calls f in the network namespace of descriptor ns, on a thread of its own.
func Inside(ns int, f func() error) error {
	result := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		err := unix.Setns(ns, unix.CLONE_NEWNET)
		if err != nil {
			err = fmt.Errorf("enter the network namespace: %w", err)
		} else {
			err = f()
		}
		result <- err
	}()
	return <-result
}

// Take takes over the namespace ns. The descriptors are packet sockets, by number in the
// links. note is called before anything is changed. On an error all is as it was.
func Take(ns int, note func(boot.Network) error) (n boot.Network, fds []int, err error) {
	err = Inside(ns, func() error {
		var err error
		if n, err = read(); err != nil {
			return err
		}
		if fds, err = open(n.Links); err != nil {
			return err
		}
		if fd, err := resolver(); err != nil {
			return err
		} else if fd >= 0 {
			at := len(fds)
			n.Resolver, fds = &at, append(fds, fd)
		}
		if err := note(n); err != nil {
			return err
		}
		return clear(n)
	})
	if err != nil {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return boot.Network{}, nil, err
	}
	return n, fds, nil
}

// TakeOwn takes over the namespace that the process is in. The links have the descriptors
// themselves.
func TakeOwn() (*boot.Network, error) {
	ns, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	n, fds, err := Take(int(ns.Fd()), func(boot.Network) error { return nil })
	if err != nil {
		return nil, err
	}
	return &n, n.Claim(fds)
}

// read returns what there is but for lo.
func read() (n boot.Network, err error) {
	links, err := netlink.LinkList()
	if err != nil {
		return n, fmt.Errorf("list interfaces: %w", err)
	}
	there := map[int]bool{}
	for _, l := range links {
		a := l.Attrs()
		if a.Flags&net.FlagLoopback != 0 || a.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return n, fmt.Errorf("addresses of %s: %w", a.Name, err)
		}
		if len(addrs) == 0 {
			continue // nobody's, or another sandbox has taken it
		}
		link := boot.Link{Name: a.Name, Index: int32(a.Index), Address: a.HardwareAddr, MTU: uint32(a.MTU)}
		for i := range addrs {
			if p, ok := prefix(addrs[i].IPNet); ok {
				link.Addresses = append(link.Addresses, p)
			}
		}
		n.Links = append(n.Links, link)
		there[a.Index] = true
	}
	if n.Routes, err = routes(there); err != nil {
		return n, fmt.Errorf("list routes: %w", err)
	}
	if n.Neighbours, err = neighbours(there); err != nil {
		return n, fmt.Errorf("list neighbours: %w", err)
	}
	return n, nil
}

func routes(there map[int]bool) (all []boot.Route, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := netlink.RouteList(nil, family) // the main table
		if err != nil {
			return nil, err
		}
		for i := range list {
			r := &list[i]
			if !there[r.LinkIndex] || r.Type != unix.RTN_UNICAST {
				continue
			}
			p, ok := prefix(r.Dst)
			if !ok {
				p = everything(family)
			}
			all = append(all, boot.Route{Prefix: p, Gateway: addr(r.Gw), Source: addr(r.Src), Link: int32(r.LinkIndex), MTU: uint32(max(r.MTU, 0))})
		}
	}
	return all, nil
}

func neighbours(there map[int]bool) (all []boot.Neighbour, err error) {
	for i := range there {
		list, err := netlink.NeighList(i, netlink.FAMILY_ALL)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if e.State&netlink.NUD_PERMANENT != 0 && len(e.HardwareAddr) == 6 && addr(e.IP).IsValid() {
				all = append(all, boot.Neighbour{IP: addr(e.IP), Address: e.HardwareAddr, Link: int32(i)})
			}
		}
	}
	return all, nil
}

// open opens the packet sockets of links.
func open(links []boot.Link) (fds []int, err error) {
	for i := range links {
		l := &links[i]
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fds, fmt.Errorf("packet socket: %w", err)
		}
		l.FD = len(fds)
		fds = append(fds, fd)
		// Before it is bound: not a frame comes that is not wanted.
		l.Offload = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1) // since Linux 4.20
		for _, o := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, buffer) // smaller ones do, too
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: int(l.Index)}); err != nil {
			return fds, fmt.Errorf("packet socket on %s: %w", l.Name, err)
		}
		all := unix.PacketMreq{Ifindex: l.Index, Type: unix.PACKET_MR_ALLMULTI}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &all); err != nil {
			return fds, fmt.Errorf("packet socket on %s: %w", l.Name, err)
		}
	}
	return fds, nil
}

// buffer is the size in bytes of what may wait in a packet socket.
const buffer = 4 << 20

func htons(n uint16) uint16 { return n<<8 | n>>8 }

// resolver returns a socket that is connected to Docker's, -1 if there is none.
func resolver() (int, error) {
	here, err := os.ReadFile("/proc/thread-self/net/udp")
	if err != nil || !bytes.Contains(here, []byte(" 0B00007F:")) { // 127.0.0.11
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 11}, Port: 53}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to Docker's resolver: %w", err)
	}
	return fd, nil
}

// clear takes the addresses away; routes by them go with them.
func clear(n boot.Network) error {
	for _, l := range n.Links {
		for i, p := range l.Addresses {
			if err := netlink.AddrDel(link(l.Index), &netlink.Addr{IPNet: ipNet(p)}); err != nil {
				l.Addresses = l.Addresses[:i]
				return errors.Join(fmt.Errorf("take %v from %s: %w", p, l.Name, err), give(n))
			}
		}
	}
	return nil
}

// Restore gives a namespace back what Take took. What is there already, or whose
// interface is gone, is left.
func Restore(ns int, n boot.Network) error { return Inside(ns, func() error { return give(n) }) }

// own reports whether a route comes with an address.
func own(n boot.Network, r boot.Route) bool {
	return !r.Gateway.IsValid() && slices.ContainsFunc(n.Links, func(l boot.Link) bool {
		return l.Index == r.Link && slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Masked() == r.Prefix })
	})
}

func give(n boot.Network) error {
	var errs []error
	for _, l := range n.Links {
		for _, p := range l.Addresses {
			errs = append(errs, netlink.AddrReplace(link(l.Index), &netlink.Addr{IPNet: ipNet(p), Flags: unix.IFA_F_NODAD}))
		}
	}
	// First those that gateways are found by.
	for _, gateways := range []bool{false, true} {
		for _, r := range n.Routes {
			if r.Gateway.IsValid() != gateways || own(n, r) {
				continue
			}
			errs = append(errs, netlink.RouteReplace(&netlink.Route{
				LinkIndex: int(r.Link), Dst: ipNet(r.Prefix), Gw: ip(r.Gateway), Src: ip(r.Source), MTU: int(r.MTU), Scope: scope(r),
			}))
		}
	}
	for i, err := range errs {
		if errors.Is(err, unix.ENODEV) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

func scope(r boot.Route) netlink.Scope {
	if r.Gateway.IsValid() || r.Prefix.Addr().Is6() {
		return netlink.SCOPE_UNIVERSE
	}
	return netlink.SCOPE_LINK
}

func link(index int32) netlink.Link {
	return &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: int(index)}}
}

func everything(family int) netip.Prefix {
	if family == netlink.FAMILY_V4 {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	bits, _ := n.Mask.Size()
	a := addr(n.IP)
	return netip.PrefixFrom(a, bits), a.IsValid()
}

func addr(b net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}

func ip(a netip.Addr) net.IP {
	if !a.IsValid() {
		return nil
	}
	return a.AsSlice()
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
