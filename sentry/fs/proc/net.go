package proc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/netfilter"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
)

// A Writer is an Internet of somebody else's, who writes files of /proc/net: the host.
type Writer interface {
	// ProcNet returns what one holds; false for one that is not among them.
	ProcNet(name string) ([]byte, bool)
	// Settings returns what the files of /proc/sys/net hold, by their paths there.
	Settings() map[string]string
}

// written is a file that the network's Writer writes, or else f.
func written(name string, f func(*process, *bytes.Buffer)) entry {
	return show(name, func(p *process, w *bytes.Buffer) {
		if n := p.net(); n != nil {
			if n, ok := n.Internet.(Writer); ok {
				if b, ok := n.ProcNet(name); ok {
					w.Write(b)
					return
				}
			}
		}
		f(p, w)
	})
}

// net returns the network namespace that p is in, nil for a process that has exited.
func (p *process) net() *netns.Namespace {
	n, _ := p.live().NetNamespace().(*netns.Namespace)
	return n
}

// engine returns its stack, nil if there is none.
func (p *process) engine() *stack.Stack {
	n := p.net()
	if n == nil {
		return nil
	}
	st, err := n.Stack()
	if err != nil {
		return nil
	}
	return st
}

// nics are the interfaces.
func (p *process) nics() []stack.NIC {
	if st := p.engine(); st != nil {
		return st.NICs()
	}
	return nil
}

// netEntries are the files in /proc/PID/net (proc_pid_net(5)).
var netEntries = []entry{
	show("unix", unixSockets),
	show("tcp", sockets(linux.AF_INET, linux.IPPROTO_TCP, linux.SOCK_STREAM)),
	show("tcp6", sockets(linux.AF_INET6, linux.IPPROTO_TCP, linux.SOCK_STREAM)),
	show("udp", sockets(linux.AF_INET, linux.IPPROTO_UDP, linux.SOCK_DGRAM)),
	show("udp6", sockets(linux.AF_INET6, linux.IPPROTO_UDP, linux.SOCK_DGRAM)),
	show("icmp", sockets(linux.AF_INET, linux.IPPROTO_ICMP, linux.SOCK_DGRAM)),
	show("icmp6", sockets(linux.AF_INET6, linux.IPPROTO_ICMPV6, linux.SOCK_DGRAM)),
	show("raw", sockets(linux.AF_INET, -1, linux.SOCK_RAW)),
	show("raw6", sockets(linux.AF_INET6, -1, linux.SOCK_RAW)),
	written("dev", netDev),
	written("route", netRoute),
	written("ipv6_route", netRoute6),
	written("if_inet6", netIf6),
	written("arp", netARP),
	written("snmp", netSNMP),
	show("sockstat", func(p *process, w *bytes.Buffer) { sockstat(p, w, linux.AF_INET, "") }),
	show("sockstat6", func(p *process, w *bytes.Buffer) { sockstat(p, w, linux.AF_INET6, "6") }),
	show("packet", packetSockets),
	guard("ip_tables_names", 0o440, func(p *process, w *bytes.Buffer) { ruleTables(p, w, false) }),
	guard("ip6_tables_names", 0o440, func(p *process, w *bytes.Buffer) { ruleTables(p, w, true) }),
	netFile("netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"),
	netFile("protocols", "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n"),
	written("igmp", func(_ *process, w *bytes.Buffer) {
		w.WriteString("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n")
	}),
}

func (p *process) entries() []socket.Entry {
	if n := p.net(); n != nil {
		return n.Entries()
	}
	return nil
}

// words is an address as Linux prints it: as it lies in memory.
func words(ip netip.Addr) (s string) {
	b := ip.AsSlice()
	for ; len(b) >= 4; b = b[4:] {
		s += fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b))
	}
	return s
}

// sockets returns what shows those of a domain, a protocol, or -1 for any, and a type
// (tcp4_seq_show and its like).
func sockets(domain, protocol, typ int) func(*process, *bytes.Buffer) {
	return func(p *process, w *bytes.Buffer) {
		pad := ""
		if domain == linux.AF_INET6 {
			pad = "                        "
		}
		head := fmt.Sprintf("  sl  local_address %srem_address   %sst tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode", pad, pad)
		if domain == linux.AF_INET6 {
			head = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
		}
		width, digits := 149, 4
		if typ != linux.SOCK_STREAM {
			head += " ref pointer drops"
			width, digits = 127, 5
			if domain == linux.AF_INET {
				head = " " + head
			}
		}
		if domain == linux.AF_INET {
			head = fmt.Sprintf("%-*s", width, head)
		}
		w.WriteString(head + "\n")
		n := 0
		for _, e := range p.entries() {
			if e.Domain != domain || e.Type != typ || protocol >= 0 && e.Protocol != protocol {
				continue
			}
			line := fmt.Sprintf("%*d: %s:%04X %s:%04X %02X %08X:%08X 00:00000000 00000000 %5d        0 %d 1 0000000000000000",
				digits, n, words(e.Local.Addr()), e.Local.Port(), words(e.Remote.Addr()), e.Remote.Port(), e.State, e.Unsent, e.Unread, e.UID, e.ID)
			if typ == linux.SOCK_STREAM {
				line += " 100 0 0 10 0"
			} else {
				line += fmt.Sprintf(" %d", e.Drops)
			}
			if domain == linux.AF_INET {
				line = fmt.Sprintf("%-*s", width, line)
			}
			w.WriteString(line + "\n")
			n++
		}
	}
}

// unixSockets is unix_seq_show. There is no address to tell: the kernel's would be 0 as
// well for who may not see it.
func unixSockets(p *process, w *bytes.Buffer) {
	w.WriteString("Num       RefCount Protocol Flags    Type St Inode Path\n")
	n := p.net()
	if n == nil {
		return
	}
	for _, e := range n.Unix.Entries() {
		const accepting, unconnected, connected = 1 << 16, 1, 3
		flags, state, refs := 0, unconnected, 2
		if e.Listening {
			flags = accepting
		}
		if e.Connected {
			state, refs = connected, 3
		}
		fmt.Fprintf(w, "%016x: %08X %08X %08X %04X %02X %5d", 0, refs, 0, flags, e.Type, state, e.ID)
		if e.Path != "" {
			w.WriteString(" " + e.Path)
		}
		w.WriteString("\n")
	}
}

// ruleTables is the names of iptables' tables, which somebody has asked for.
func ruleTables(p *process, w *bytes.Buffer, v6 bool) {
	n := p.net()
	if n == nil {
		return
	}
	if r, ok := n.Internet.(interface{ Rules() *netfilter.Tables }); ok {
		for _, name := range r.Rules().Names(v6) {
			fmt.Fprintln(w, name)
		}
	}
}

// packetSockets is packet_seq_show.
func packetSockets(p *process, w *bytes.Buffer) {
	w.WriteString("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n")
	n := p.net()
	if n == nil {
		return
	}
	for _, e := range n.Packets() {
		running := 0
		if e.Bound {
			running = 1
		}
		fmt.Fprintf(w, "%016x %-6d %-4d %04x   %-5d %1d %-6d %-6d %-6d\n", 0, 3, e.Type, e.Proto, e.NIC, running, e.Unread, e.UID, e.ID)
	}
}

func netDev(p *process, w *bytes.Buffer) {
	w.WriteString("Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n")
	for _, n := range p.nics() {
		s := &n.Stats
		fmt.Fprintf(w, "%6s: %7d %7d %4d %4d %4d %5d %10d %9d %8d %7d %4d %4d %4d %5d %7d %10d\n", n.Name,
			s.RxBytes, s.RxPackets, 0, s.RxDropped, 0, 0, 0, 0, s.TxBytes, s.TxPackets, 0, s.TxDropped, 0, 0, 0, 0)
	}
}

// names are those of the interfaces by number.
func (p *process) names() map[int32]string {
	m := map[int32]string{}
	for _, n := range p.nics() {
		m[n.ID] = n.Name
	}
	return m
}

// Flags of a route.
const (
	routeUp      = 1
	routeGateway = 2
	routeHost    = 4
)

// netRoute is the main table of IPv4: what is lo's is in the local one.
func netRoute(p *process, w *bytes.Buffer) {
	line := func(s string) { fmt.Fprintf(w, "%-127s\n", s) }
	line("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")
	st := p.engine()
	if st == nil {
		return
	}
	names := p.names()
	for _, r := range st.Routes() {
		if !r.Prefix.Addr().Is4() || r.NIC == stack.LoopbackNIC {
			continue
		}
		flags, gateway := routeUp, netip.IPv4Unspecified()
		if r.Gateway.IsValid() {
			flags, gateway = flags|routeGateway, r.Gateway
		}
		if r.Prefix.Bits() == 32 {
			flags |= routeHost
		}
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], ^uint32(0)<<(32-r.Prefix.Bits()))
		line(fmt.Sprintf("%s\t%s\t%s\t%04X\t0\t0\t0\t%s\t%d\t0\t0", names[r.NIC], words(r.Prefix.Addr()), words(gateway), flags,
			words(netip.AddrFrom4(mask)), r.MTU))
	}
}

func netRoute6(p *process, w *bytes.Buffer) {
	st := p.engine()
	if st == nil {
		return
	}
	names := p.names()
	none := netip.IPv6Unspecified().As16()
	for _, r := range st.Routes() {
		if r.Prefix.Addr().Is4() {
			continue
		}
		flags, gateway := routeUp, none
		if r.Gateway.IsValid() {
			flags, gateway = flags|routeGateway, r.Gateway.As16()
		}
		dst := r.Prefix.Addr().As16()
		fmt.Fprintf(w, "%x %02x %x 00 %x 00000100 00000001 00000000 %08x %8s\n", dst[:], r.Prefix.Bits(), none[:], gateway[:], flags, names[r.NIC])
	}
}

func netIf6(p *process, w *bytes.Buffer) {
	for _, n := range p.nics() {
		for _, a := range n.Addresses {
			if a.Addr().Is4() {
				continue
			}
			scope := 0 // IPV6_ADDR_* of ipv6_addr_scope
			switch {
			case a.Addr().IsLoopback():
				scope = 0x10
			case a.Addr().IsLinkLocalUnicast():
				scope = 0x20
			}
			b := a.Addr().As16()
			fmt.Fprintf(w, "%x %02x %02x %02x 80 %8s\n", b[:], n.ID, a.Bits(), scope, n.Name)
		}
	}
}

func netARP(p *process, w *bytes.Buffer) {
	w.WriteString("IP address       HW type     Flags       HW address            Mask     Device\n")
	st := p.engine()
	for _, nic := range p.nics() {
		for _, n := range st.Neighbours(nic.ID) {
			if !n.IP.Is4() {
				continue
			}
			const complete, permanent, static = 2, 4, 0x80
			flags, mac := 0, "00:00:00:00:00:00"
			if len(n.LinkAddr) == 6 {
				l := n.LinkAddr
				flags, mac = complete, fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", l[0], l[1], l[2], l[3], l[4], l[5])
			}
			if n.State == static {
				flags |= permanent
			}
			fmt.Fprintf(w, "%-16s 0x%-10x0x%-10x%-17s     *        %s\n", n.IP, linux.ARPHRD_ETHER, flags, mac, nic.Name)
		}
	}
}

// netSNMP is the counters of RFC 1213, as far as the engine counts.
func netSNMP(p *process, w *bytes.Buffer) {
	var c stack.Counters
	if st := p.engine(); st != nil {
		c = st.Counters()
	}
	established := 0
	for _, e := range p.entries() {
		if e.State == linux.TCP_ESTABLISHED && e.Protocol == linux.IPPROTO_TCP {
			established++
		}
	}
	fmt.Fprintf(w, "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates\n"+
		"Ip: 2 64 %d %d %d 0 0 0 %d %d 0 %d 0 0 0 0 0 0 0\n", c.IPIn, c.IPMalformed, c.IPBadAddress, c.IPDelivered, c.IPOut, c.IPNoRoute)
	fmt.Fprintf(w, "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps\n"+
		"Icmp: %d 0 0 %d 0 0 0 0 %d %d 0 0 0 0 %d 0 %d 0 0 0 0 %d %d 0 0 0 0\n",
		c.ICMPIn.Unreachable+c.ICMPIn.Echo+c.ICMPIn.EchoReply, c.ICMPIn.Unreachable, c.ICMPIn.Echo, c.ICMPIn.EchoReply,
		c.ICMPOut.Unreachable+c.ICMPOut.Echo+c.ICMPOut.EchoReply, c.ICMPOut.Unreachable, c.ICMPOut.Echo, c.ICMPOut.EchoReply)
	fmt.Fprintf(w, "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n"+
		"Tcp: 1 200 120000 -1 %d %d %d %d %d %d %d %d %d %d %d\n", c.TCPActive, c.TCPPassive, c.TCPFailed, c.TCPResets, established,
		c.TCPIn, c.TCPOut, c.TCPRetransmits, c.TCPErrors, c.TCPResetsSent, c.TCPChecksum)
	fmt.Fprintf(w, "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\n"+
		"Udp: %d %d %d %d %d 0 %d 0 0\n", c.UDPIn, c.UDPNoPort, c.UDPErrors, c.UDPOut, c.UDPErrors, c.UDPChecksum)
	w.WriteString("UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\n" +
		"UdpLite: 0 0 0 0 0 0 0 0 0\n")
}

func sockstat(p *process, w *bytes.Buffer, domain int, suffix string) {
	var tcp, udp, raw, all int
	for _, e := range p.entries() {
		all++
		if e.Domain != domain {
			continue
		}
		switch e.Type {
		case linux.SOCK_STREAM:
			tcp++
		case linux.SOCK_RAW:
			raw++
		default:
			udp++
		}
	}
	if suffix == "" {
		fmt.Fprintf(w, "sockets: used %d\nTCP: inuse %d orphan 0 tw 0 alloc %d mem 0\nUDP: inuse %d mem 0\n", all, tcp, tcp, udp)
	} else {
		fmt.Fprintf(w, "TCP6: inuse %d\nUDP6: inuse %d\n", tcp, udp)
	}
	fmt.Fprintf(w, "UDPLITE%s: inuse 0\nRAW%s: inuse %d\nFRAG%s: inuse 0 memory 0\n", suffix, suffix, raw, suffix)
}
