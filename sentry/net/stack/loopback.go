package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	linkloop "gvisor.dev/gvisor/pkg/tcpip/link/loopback"
	"gvisor.dev/gvisor/pkg/tcpip/link/nested"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// A loopback is lo. What goes from here to any address of the namespace goes by it; an
// echo request to one that is another interface's the engine leaves without an answer, so
// that lo gives it.
type loopback struct {
	nested.Endpoint
	st *Stack
}

func newLoopback(st *Stack) *loopback {
	l := &loopback{st: st}
	l.Init(linkloop.New(), l)
	return l
}

// WritePackets implements engine.LinkEndpoint.
func (l *loopback) WritePackets(pkts engine.PacketBufferList) (int, tcpip.Error) {
	n, err := l.Endpoint.WritePackets(pkts)
	for _, p := range pkts.AsSlice() {
		if p.NetworkProtocolNumber == header.IPv4ProtocolNumber && p.TransportProtocolNumber == header.ICMPv4ProtocolNumber {
			l.answer(p)
		}
	}
	return n, err
}

func (l *loopback) answer(p *engine.PacketBuffer) {
	b := p.ToBuffer()
	defer b.Release()
	frame := b.Flatten()
	ip4 := header.IPv4(frame)
	if !ip4.IsValid(len(frame)) || ip4.FragmentOffset() != 0 || ip4.More() {
		return
	}
	icmp := header.ICMPv4(frame[ip4.HeaderLength():])
	to := ip4.DestinationAddress()
	if len(icmp) < header.ICMPv4MinimumSize || icmp.Type() != header.ICMPv4Echo || !l.elsewhere(ip(to)) {
		return
	}
	ip4.SetDestinationAddress(ip4.SourceAddress())
	ip4.SetSourceAddress(to)
	ip4.SetTTL(64)
	ip4.SetChecksum(0)
	ip4.SetChecksum(^ip4.CalculateChecksum())
	icmp.SetType(header.ICMPv4EchoReply)
	icmp.SetChecksum(0)
	icmp.SetChecksum(^checksum.Checksum(icmp, 0))
	reply := engine.NewPacketBuffer(engine.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
	defer reply.DecRef()
	l.DeliverNetworkPacket(header.IPv4ProtocolNumber, reply)
}

// elsewhere reports whether ip is an address of another interface than lo.
func (l *loopback) elsewhere(to netip.Addr) (found bool) {
	for id, i := range l.st.s.NICInfo() {
		for _, a := range i.ProtocolAddresses {
			own := netip.PrefixFrom(ip(a.AddressWithPrefix.Address), a.AddressWithPrefix.PrefixLen)
			switch {
			case id == LoopbackNIC && own.Contains(to):
				return false // all of lo's networks are its own
			case own.Addr() == to:
				found = true
			}
		}
	}
	return found
}
