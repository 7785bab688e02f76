package stack

import (
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Kinds of interfaces that are made here (IFLA_INFO_KIND of rtnetlink(7)).
const (
	Veth   = "veth"   // one end of a pair (veth(4))
	Bridge = "bridge" // a switch that other interfaces are ports of
	Dummy  = "dummy"  // what it is sent is gone
	Tun    = "tun"    // frames go to a program and come from it
)

// A device is an interface that is software: an Ethernet, or for a program's packets
// (tun without frames) only IP. It implements the engine's LinkEndpoint.
//
// What comes over the wire of a pair waits in a queue for a goroutine: whoever sends holds
// locks of an endpoint that an answer would need.
type device struct {
	kind     string
	bare     bool        // packets without a frame
	arriving chan []byte // what the other end sent
	gone     chan struct{}

	// Guarded by rtnl.
	stack   *Stack // nil while it is in none
	id      int32
	ended   bool
	peer    *device // of Veth
	ownAddr bool    // somebody chose addr
	onEnd   func()  // nil for none

	mu         sync.RWMutex // a leaf
	dispatcher engine.NetworkDispatcher
	mtu        uint32
	addr       tcpip.LinkAddress
	up         bool
	// bridge is whose port it is, self what it is if it is one. send passes a frame to the other end.
	bridge, self *bridge
	send         func(frame []byte)
}

// backlog is how many frames wait for a device (netdev_max_backlog).
const backlog = 1000

// ethernetMTU is what an Ethernet has unless told otherwise, in bytes.
const ethernetMTU = 1500

func newDevice(kind string, s Spec) *device {
	d := &device{kind: kind, bare: s.Bare, gone: make(chan struct{}), mtu: s.MTU, addr: tcpip.LinkAddress(s.LinkAddr), ownAddr: len(s.LinkAddr) > 0}
	if d.mtu == 0 {
		d.mtu = ethernetMTU
	}
	if !d.ownAddr && !d.bare {
		d.addr = tcpip.GetRandMacAddr()
	}
	d.send = func([]byte) {}
	return d
}

// run takes what comes over the wire until d is gone.
func (d *device) run() {
	for {
		select {
		case f := <-d.arriving:
			d.receive(f)
		case <-d.gone:
			return
		}
	}
}

// arrive takes a frame from the wire, which becomes d's; one too many is lost.
func (d *device) arrive(f []byte) {
	d.mu.RLock()
	fits := d.up && len(f) <= int(d.mtu)+header.EthernetMinimumSize
	d.mu.RUnlock()
	if !fits {
		return
	}
	select {
	case d.arriving <- f:
	default:
	}
}

// receive passes a frame on: to the bridge whose port d is, or to the stack.
func (d *device) receive(f []byte) {
	d.mu.RLock()
	b, up := d.bridge, d.up
	d.mu.RUnlock()
	switch {
	case !up:
	case b != nil:
		b.forward(d, f)
	default:
		d.deliver(f)
	}
}

// deliver gives a frame to the stack (eth_type_trans). What is for another address only
// packet sockets hear of.
func (d *device) deliver(f []byte) {
	d.mu.RLock()
	to, own, up := d.dispatcher, d.addr, d.up
	d.mu.RUnlock()
	if to == nil || !up {
		return
	}
	pkt := engine.NewPacketBuffer(engine.PacketBufferOptions{Payload: buffer.MakeWithData(f)})
	defer pkt.DecRef()
	if d.bare {
		if proto, ok := ipVersion(f); ok {
			pkt.PktType = tcpip.PacketHost
			to.DeliverNetworkPacket(proto, pkt)
		}
		return
	}
	h, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	if !ok {
		return
	}
	eth := header.Ethernet(h)
	switch dst := eth.DestinationAddress(); {
	case dst == header.EthernetBroadcastAddress:
		pkt.PktType = tcpip.PacketBroadcast
	case header.IsMulticastEthernetAddress(dst):
		pkt.PktType = tcpip.PacketMulticast
	case dst == own:
		pkt.PktType = tcpip.PacketHost
	default:
		pkt.PktType = tcpip.PacketOtherHost
		to.DeliverLinkPacket(eth.Type(), pkt)
		return
	}
	to.DeliverNetworkPacket(eth.Type(), pkt)
}

// ipVersion is the protocol of a packet without a frame.
func ipVersion(p []byte) (tcpip.NetworkProtocolNumber, bool) {
	if len(p) == 0 {
		return 0, false
	}
	switch p[0] >> 4 {
	case 4:
		return header.IPv4ProtocolNumber, true
	case 6:
		return header.IPv6ProtocolNumber, true
	}
	return 0, false
}

// WritePackets implements LinkEndpoint. As on Linux, what an interface that is down is
// given is lost.
func (d *device) WritePackets(pkts engine.PacketBufferList) (int, tcpip.Error) {
	d.mu.RLock()
	up, send := d.up, d.send
	d.mu.RUnlock()
	all := pkts.AsSlice()
	if !up {
		return len(all), nil
	}
	for _, p := range all {
		f := make([]byte, 0, p.Size())
		for _, s := range p.AsSlices() {
			f = append(f, s...)
		}
		send(f)
	}
	return len(all), nil
}

// MTU implements LinkEndpoint. It does not count the frame.
func (d *device) MTU() uint32 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.mtu
}

// SetMTU implements LinkEndpoint.
func (d *device) SetMTU(n uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mtu = n
}

// LinkAddress implements LinkEndpoint.
func (d *device) LinkAddress() tcpip.LinkAddress {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.addr
}

// SetLinkAddress implements LinkEndpoint.
func (d *device) SetLinkAddress(a tcpip.LinkAddress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addr = a
}

// Attach implements LinkEndpoint.
func (d *device) Attach(to engine.NetworkDispatcher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dispatcher = to
}

// IsAttached implements LinkEndpoint.
func (d *device) IsAttached() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.dispatcher != nil
}

// Capabilities implements LinkEndpoint.
func (d *device) Capabilities() engine.LinkEndpointCapabilities {
	if d.bare {
		return 0
	}
	return engine.CapabilityResolutionRequired
}

// MaxHeaderLength implements LinkEndpoint.
func (d *device) MaxHeaderLength() uint16 {
	if d.bare {
		return 0
	}
	return header.EthernetMinimumSize
}

// AddHeader implements LinkEndpoint.
func (d *device) AddHeader(p *engine.PacketBuffer) {
	if d.bare {
		return
	}
	header.Ethernet(p.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: p.EgressRoute.LocalLinkAddress, DstAddr: p.EgressRoute.RemoteLinkAddress, Type: p.NetworkProtocolNumber,
	})
}

// ParseHeader implements LinkEndpoint.
func (d *device) ParseHeader(p *engine.PacketBuffer) bool {
	if d.bare {
		return true
	}
	_, ok := p.LinkHeader().Consume(header.EthernetMinimumSize)
	return ok
}

// ARPHardwareType implements LinkEndpoint.
func (d *device) ARPHardwareType() header.ARPHardwareType {
	if d.bare {
		return header.ARPHardwareNone
	}
	return header.ARPHardwareEther
}

// Wait, Close and SetOnCloseAction implement LinkEndpoint: the stack ends its devices itself.
func (*device) Wait()                     {}
func (*device) Close()                    {}
func (*device) SetOnCloseAction(f func()) {}

// carrier reports whether there is another end that is up.
func (d *device) carrier() bool {
	d.mu.RLock()
	up, b := d.up, d.self
	d.mu.RUnlock()
	switch {
	case !up:
		return false
	case d.kind == Veth:
		d.peer.mu.RLock()
		defer d.peer.mu.RUnlock()
		return d.peer.up
	case b != nil:
		return b.carrier()
	}
	return true
}
