package stack

// Counters is what the engine has counted (proc_pid_net(5), snmp).
type Counters struct {
	IPIn, IPMalformed, IPBadAddress, IPDelivered, IPOut, IPNoRoute uint64

	ICMPIn, ICMPOut ICMPCounters

	TCPActive, TCPPassive, TCPFailed, TCPResets, TCPIn, TCPOut uint64
	TCPRetransmits, TCPErrors, TCPResetsSent, TCPChecksum      uint64

	UDPIn, UDPNoPort, UDPErrors, UDPOut, UDPChecksum uint64
}

// ICMPCounters are those of one direction.
type ICMPCounters struct{ Unreachable, Echo, EchoReply uint64 }

// Counters returns them.
func (st *Stack) Counters() Counters {
	s := st.s.Stats()
	in, out := &s.ICMP.V4.PacketsReceived, &s.ICMP.V4.PacketsSent
	return Counters{
		IPIn: s.IP.PacketsReceived.Value(), IPMalformed: s.IP.MalformedPacketsReceived.Value(),
		IPBadAddress: s.IP.InvalidDestinationAddressesReceived.Value(), IPDelivered: s.IP.PacketsDelivered.Value(),
		IPOut: s.IP.PacketsSent.Value(), IPNoRoute: s.IP.OutgoingPacketErrors.Value(),
		ICMPIn:    ICMPCounters{in.DstUnreachable.Value(), in.EchoRequest.Value(), in.EchoReply.Value()},
		ICMPOut:   ICMPCounters{out.DstUnreachable.Value(), out.EchoRequest.Value(), out.EchoReply.Value()},
		TCPActive: s.TCP.ActiveConnectionOpenings.Value(), TCPPassive: s.TCP.PassiveConnectionOpenings.Value(),
		TCPFailed: s.TCP.FailedConnectionAttempts.Value(), TCPResets: s.TCP.EstablishedResets.Value(),
		TCPIn: s.TCP.ValidSegmentsReceived.Value(), TCPOut: s.TCP.SegmentsSent.Value(),
		TCPRetransmits: s.TCP.Retransmits.Value(), TCPErrors: s.TCP.InvalidSegmentsReceived.Value(),
		TCPResetsSent: s.TCP.ResetsSent.Value(), TCPChecksum: s.TCP.ChecksumErrors.Value(),
		UDPIn: s.UDP.PacketsReceived.Value(), UDPNoPort: s.UDP.UnknownPortErrors.Value(),
		UDPErrors: s.UDP.ReceiveBufferErrors.Value(), UDPOut: s.UDP.PacketsSent.Value(), UDPChecksum: s.UDP.ChecksumErrors.Value(),
	}
}
