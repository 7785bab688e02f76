package sys

import (
	"bytes"
	"fmt"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// A Network is what /sys/class/net shows.
type Network interface {
	// NICs returns the interfaces by number.
	NICs() []stack.NIC
}

// interfaces is /sys/class/net: a directory for each, as many as there are by then.
func (t tree) interfaces() *synth.LiveDir { return t.LiveDir(synth.Meta{Perm: 0o755}, nics{t}) }

// nics implements synth.Names.
type nics struct{ t tree }

func (n nics) all() []stack.NIC {
	if n.t.net == nil {
		return nil
	}
	return n.t.net.NICs()
}

func (n nics) find(name string) (stack.NIC, bool) {
	for _, nic := range n.all() {
		if nic.Name == name {
			return nic, true
		}
	}
	return stack.NIC{}, false
}

// Lookup implements synth.Names.
func (n nics) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	if _, ok := n.find(name); !ok {
		return nil, linux.ENOENT
	}
	return n.t.nic(n, name), nil
}

// Valid implements synth.Names.
func (n nics) Valid(_ *vfs.Ctx, name string, _ vfs.Inode) bool {
	_, ok := n.find(name)
	return ok
}

// List implements synth.Names.
func (n nics) List(_ *vfs.Ctx, from int64, add func(cookie int64, name string, kind uint32) bool) error {
	for _, nic := range n.all() {
		if int64(nic.ID) >= from && !add(int64(nic.ID), nic.Name, linux.S_IFDIR) {
			break
		}
	}
	return nil
}

// nicFiles is what /sys/class/net/NAME holds, a line each
// (Documentation/ABI/testing/sysfs-class-net).
var nicFiles = map[string]func(n stack.NIC) string{
	"address":      func(n stack.NIC) string { return mac(n.LinkAddr) },
	"addr_len":     func(stack.NIC) string { return "6" },
	"carrier":      func(n stack.NIC) string { return strconv.Itoa(int(n.Flags & linux.IFF_RUNNING / linux.IFF_RUNNING)) },
	"dev_id":       func(stack.NIC) string { return "0x0" },
	"dormant":      func(stack.NIC) string { return "0" },
	"ifalias":      func(stack.NIC) string { return "" },
	"ifindex":      func(n stack.NIC) string { return strconv.Itoa(int(n.ID)) },
	"iflink":       func(n stack.NIC) string { return strconv.Itoa(int(n.Lower)) },
	"link_mode":    func(stack.NIC) string { return "0" },
	"mtu":          func(n stack.NIC) string { return strconv.Itoa(int(n.MTU)) },
	"tx_queue_len": func(n stack.NIC) string { return strconv.Itoa(int(n.QueueLen)) },
	"broadcast": func(n stack.NIC) string {
		if n.Loopback {
			return mac(make([]byte, 6))
		}
		return "ff:ff:ff:ff:ff:ff"
	},
	// Whether it runs is not among those of struct net_device (dev_get_flags).
	"flags":     func(n stack.NIC) string { return fmt.Sprintf("%#x", n.Flags&^linux.IFF_RUNNING) },
	"operstate": func(n stack.NIC) string { return operStates[min(int(n.OperState), len(operStates)-1)] },
	"type":      func(n stack.NIC) string { return strconv.Itoa(int(n.HardwareType)) },
	"uevent":    func(n stack.NIC) string { return fmt.Sprintf("INTERFACE=%s\nIFINDEX=%d", n.Name, n.ID) },
}

// operStates are IF_OPER_* (operstates in net/core/net-sysfs.c).
var operStates = []string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

// statistics are those of an interface that the engine counts.
var statistics = map[string]func(s *stack.NICStats) uint64{
	"rx_bytes":   func(s *stack.NICStats) uint64 { return s.RxBytes },
	"rx_packets": func(s *stack.NICStats) uint64 { return s.RxPackets },
	"rx_dropped": func(s *stack.NICStats) uint64 { return s.RxDropped },
	"rx_errors":  func(s *stack.NICStats) uint64 { return s.RxErrors },
	"tx_bytes":   func(s *stack.NICStats) uint64 { return s.TxBytes },
	"tx_packets": func(s *stack.NICStats) uint64 { return s.TxPackets },
	"tx_dropped": func(s *stack.NICStats) uint64 { return s.TxDropped },
	"tx_errors":  func(s *stack.NICStats) uint64 { return s.TxErrors },
	"collisions": func(s *stack.NICStats) uint64 { return s.Collisions },
	"multicast":  func(s *stack.NICStats) uint64 { return s.Multicast },
}

func mac(b []byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
}

// nic is the directory of an interface.
func (t tree) nic(n nics, name string) *synth.Dir {
	line := func(of func(stack.NIC) string) vfs.Inode {
		return t.File(synth.Meta{Perm: 0o444, Size: 4096}, func(_ *vfs.Ctx, w *bytes.Buffer) error {
			nic, ok := n.find(name)
			if !ok {
				return linux.ENODEV
			}
			w.WriteString(of(nic) + "\n")
			return nil
		}, nil)
	}
	d, counts := t.dir(), t.dir()
	for file, of := range nicFiles {
		d.Add(file, line(of))
	}
	for file, of := range statistics {
		counts.Add(file, line(func(nic stack.NIC) string { return strconv.FormatUint(of(&nic.Stats), 10) }))
	}
	return d.Add("statistics", counts).Add("queues", t.dir())
}
