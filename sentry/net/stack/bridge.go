package stack

import (
	"slices"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// A bridge is a switch (bridge of ip-link(8)), without a spanning tree.
type bridge struct {
	dev *device // what of it the stack sees

	mu    sync.Mutex
	ports []*device // guarded by mu
	used  bool      // there was a port once; guarded by mu
	// table is where addresses were seen last; guarded by mu.
	table map[tcpip.LinkAddress]seen
}

type seen struct {
	port *device
	at   time.Time
}

const (
	// ageing is how long an address is remembered (IFLA_BR_AGEING_TIME).
	ageing = 300 * time.Second
	// maxTable is how many are. Frames to others go everywhere.
	maxTable = 4096
)

func newBridge(s Spec) *bridge {
	b := &bridge{dev: newDevice(Bridge, s), table: map[tcpip.LinkAddress]seen{}}
	b.dev.self = b
	b.dev.send = func(f []byte) { b.forward(nil, f) }
	return b
}

// forward passes on a frame that came by a port, or from the stack if that is nil
// (br_handle_frame_finish).
func (b *bridge) forward(from *device, f []byte) {
	if len(f) < header.EthernetMinimumSize || !b.dev.isUp() {
		return
	}
	eth := header.Ethernet(f)
	dst, src := eth.DestinationAddress(), eth.SourceAddress()
	own := dst == b.dev.LinkAddress()
	var to []*device
	b.mu.Lock()
	if from != nil {
		b.learn(src, from)
	}
	switch s, ok := b.table[dst]; {
	case own:
	case ok && time.Since(s.at) < ageing:
		if s.port != from {
			to = []*device{s.port}
		}
	default:
		to = slices.DeleteFunc(slices.Clone(b.ports), func(p *device) bool { return p == from })
		own = header.IsMulticastEthernetAddress(dst) || dst == header.EthernetBroadcastAddress
	}
	b.mu.Unlock()
	for _, p := range to {
		p.mu.RLock()
		up, send := p.up, p.send
		p.mu.RUnlock()
		if up {
			send(slices.Clone(f))
		}
	}
	if own && from != nil {
		b.dev.deliver(f)
	}
}

// learn notes by which port an address is reached. b.mu is held.
func (b *bridge) learn(a tcpip.LinkAddress, from *device) {
	if header.IsMulticastEthernetAddress(a) {
		return
	}
	if _, ok := b.table[a]; !ok && len(b.table) >= maxTable {
		for k, s := range b.table {
			if time.Since(s.at) >= ageing {
				delete(b.table, k)
			}
		}
		if len(b.table) >= maxTable {
			return
		}
	}
	b.table[a] = seen{from, time.Now()}
}

// add makes d a port. Without an address of its own choice the bridge has the lowest of
// its ports'. rtnl is held.
func (b *bridge) add(d *device) {
	b.mu.Lock()
	b.ports, b.used = append(b.ports, d), true
	b.mu.Unlock()
	d.mu.Lock()
	d.bridge = b
	d.mu.Unlock()
	b.readdress()
}

// remove undoes add. rtnl is held.
func (b *bridge) remove(d *device) {
	d.mu.Lock()
	d.bridge = nil
	d.mu.Unlock()
	b.mu.Lock()
	b.ports = slices.DeleteFunc(b.ports, func(p *device) bool { return p == d })
	for a, s := range b.table {
		if s.port == d {
			delete(b.table, a)
		}
	}
	b.mu.Unlock()
	b.readdress()
}

func (b *bridge) readdress() {
	if b.dev.ownAddr {
		return
	}
	lowest := tcpip.LinkAddress("") // all zero without any
	for _, p := range b.members() {
		if a := p.LinkAddress(); lowest == "" || a < lowest {
			lowest = a
		}
	}
	if lowest == "" {
		lowest = header.UnspecifiedEthernetAddress
	}
	b.dev.SetLinkAddress(lowest)
}

// members returns the ports.
func (b *bridge) members() []*device {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ports)
}

// carrier reports whether a port has one, or there never was a port.
func (b *bridge) carrier() bool {
	return !b.wasUsed() || slices.ContainsFunc(b.members(), (*device).carrier)
}

func (b *bridge) wasUsed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

func (d *device) isUp() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.up
}
