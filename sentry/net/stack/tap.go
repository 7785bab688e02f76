package stack

import (
	"slices"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"

	"glovebox/abi/linux"
)

// A Packet is what an interface sent or received (packet(7)).
type Packet struct {
	NIC          int32
	Proto        uint16 // ETH_P_*
	Type         uint8  // PACKET_*
	HardwareType uint16 // ARPHRD_*
	// Frame has the link's header in front, of Header bytes.
	Frame  []byte
	Header int
}

// From is the link address of who sent p, nil if there is none.
func (p *Packet) From() []byte {
	if p.Header < header.EthernetMinimumSize {
		return nil
	}
	return p.Frame[6:12]
}

// A Tap sees the packets of interfaces.
type Tap struct {
	st    *Stack
	nic   int32
	proto tcpip.NetworkProtocolNumber
	f     func(*Packet)
}

// Tap calls f with each packet of a protocol, all for ETH_P_ALL, that an interface, any for
// 0, receives or, if it is all protocols, sends. f is called with locks of the engine held.
func (st *Stack) Tap(nic int32, proto uint16, f func(*Packet)) (*Tap, error) {
	rtnl.Lock()
	defer rtnl.Unlock()
	t := &Tap{st, nic, tcpip.NetworkProtocolNumber(proto), f}
	if err := st.s.RegisterPacketEndpoint(tcpip.NICID(nic), t.proto, t); err != nil {
		return nil, errno(err)
	}
	if nic == 0 {
		st.taps = append(st.taps, t)
	}
	return t, nil
}

// Close ends it.
func (t *Tap) Close() {
	rtnl.Lock()
	defer rtnl.Unlock()
	t.st.taps = slices.DeleteFunc(t.st.taps, func(o *Tap) bool { return o == t })
	t.st.s.UnregisterPacketEndpoint(tcpip.NICID(t.nic), t.proto, t)
}

// tap has those who listen to every interface listen to a new one. rtnl is held.
func (st *Stack) tap(nic int32) {
	for _, t := range st.taps {
		_ = st.s.RegisterPacketEndpoint(tcpip.NICID(nic), t.proto, t) // it is there
	}
}

// packetTypes is PACKET_* by the engine's types.
var packetTypes = map[tcpip.PacketType]uint8{
	tcpip.PacketHost: linux.PACKET_HOST, tcpip.PacketOtherHost: linux.PACKET_OTHERHOST, tcpip.PacketOutgoing: linux.PACKET_OUTGOING,
	tcpip.PacketBroadcast: linux.PACKET_BROADCAST, tcpip.PacketMulticast: linux.PACKET_MULTICAST,
}

// HandlePacket implements the engine's PacketEndpoint.
func (t *Tap) HandlePacket(nic tcpip.NICID, proto tcpip.NetworkProtocolNumber, pkt *engine.PacketBuffer) {
	p := &Packet{NIC: int32(nic), Proto: uint16(proto), Type: packetTypes[pkt.PktType], HardwareType: linux.ARPHRD_ETHER, Header: len(pkt.LinkHeader().Slice())}
	b := pkt.ToBuffer()
	p.Frame = b.Flatten()
	b.Release()
	switch {
	case nic == LoopbackNIC:
		// Linux's lo is an Ethernet all of whose addresses are zero.
		p.HardwareType, p.Header = linux.ARPHRD_LOOPBACK, header.EthernetMinimumSize
		h := make([]byte, header.EthernetMinimumSize, header.EthernetMinimumSize+len(p.Frame))
		h[12], h[13] = byte(proto>>8), byte(proto)
		p.Frame = append(h, p.Frame...)
	case p.Header == 0:
		p.HardwareType = linux.ARPHRD_NONE
	case pkt.PktType == tcpip.PacketHost && header.IsMulticastEthernetAddress(header.Ethernet(p.Frame).DestinationAddress()):
		// The host's links do not say.
		p.Type = linux.PACKET_MULTICAST
		if header.Ethernet(p.Frame).DestinationAddress() == header.EthernetBroadcastAddress {
			p.Type = linux.PACKET_BROADCAST
		}
	}
	t.f(p)
}

// Inject sends a packet by an interface as it is: with its frame, or without to a link
// address. ENETDOWN: it is down.
func (st *Stack) Inject(nic int32, proto uint16, to []byte, data []byte) error {
	n, ok := st.NIC(nic)
	number := tcpip.NetworkProtocolNumber(proto)
	framed := to == nil
	switch {
	case !ok:
		return linux.ENXIO
	case n.Flags&linux.IFF_UP == 0:
		return linux.ENETDOWN
	}
	size := header.EthernetMinimumSize
	if n.HardwareType == linux.ARPHRD_NONE {
		size = 0
	}
	if framed && len(data) < size {
		return linux.EINVAL
	}
	if framed && size > 0 {
		number = header.Ethernet(data).Type()
	}
	const vlan = 4
	most := int(n.MTU)
	if framed {
		most += size + vlan
	}
	if len(data) > most {
		return linux.EMSGSIZE
	}
	if framed && !n.Loopback {
		return errno(st.s.WriteRawPacket(tcpip.NICID(nic), number, buffer.MakeWithData(data)))
	}
	if framed {
		data = data[size:]
	}
	return errno(st.s.WritePacketToRemote(tcpip.NICID(nic), tcpip.LinkAddress(to), number, buffer.MakeWithData(data)))
}
