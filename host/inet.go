package host

import (
	"slices"

	"golang.org/x/sys/unix"
)

// An InetOption is a socket option that a guest's socket of the host may be asked for or
// given. What is not in the table does not reach the host.
type InetOption struct {
	Level, Name int
	// Get is how many bytes its value has at most, 0 if it cannot be read; Set the
	// same for writing. What the host wants beside that it says itself.
	Get, Set int
}

// Sizes of values.
const (
	number  = 4
	name    = 16
	tcpInfo = 256
	group   = 136 // struct group_req; group_source_req has 264
)

// InetOptions is the table, which the filter and the Sentry's sockets share. What takes
// a capability that no Sentry has is not in it (SO_MARK, IP_TRANSPARENT, TCP_REPAIR),
// nor is what runs programs or modules of the host's kernel (SO_ATTACH_FILTER, TCP_ULP).
var InetOptions = []InetOption{
	{unix.SOL_SOCKET, unix.SO_ERROR, number, 0},
	{unix.SOL_SOCKET, unix.SO_ACCEPTCONN, number, 0},
	{unix.SOL_SOCKET, unix.SO_PEERCRED, 12, 0},
	{unix.SOL_SOCKET, unix.SO_COOKIE, 8, 0},
	{unix.SOL_SOCKET, unix.SO_MEMINFO, 36, 0},
	{unix.SOL_SOCKET, unix.SO_INCOMING_NAPI_ID, number, 0},
	{unix.SOL_SOCKET, unix.SO_BINDTODEVICE, name, name},
	{unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, number, number},
	{unix.SOL_SOCKET, unix.SO_SNDBUF, number, number},
	{unix.SOL_SOCKET, unix.SO_RCVBUF, number, number},
	{unix.SOL_SOCKET, unix.SO_REUSEADDR, number, number},
	{unix.SOL_SOCKET, unix.SO_REUSEPORT, number, number},
	{unix.SOL_SOCKET, unix.SO_BROADCAST, number, number},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, number, number},
	{unix.SOL_SOCKET, unix.SO_OOBINLINE, number, number},
	{unix.SOL_SOCKET, unix.SO_DONTROUTE, number, number},
	{unix.SOL_SOCKET, unix.SO_NO_CHECK, number, number},
	{unix.SOL_SOCKET, unix.SO_LINGER, 8, 8},
	{unix.SOL_SOCKET, unix.SO_RCVLOWAT, number, number},
	{unix.SOL_SOCKET, unix.SO_PRIORITY, number, number},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMP, number, number},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, number, number},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMP_NEW, number, number},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, number, number},
	{unix.SOL_SOCKET, unix.SO_RXQ_OVFL, number, number},
	{unix.SOL_SOCKET, unix.SO_PEEK_OFF, number, number},
	{unix.SOL_SOCKET, unix.SO_INCOMING_CPU, number, number},
	{unix.SOL_SOCKET, unix.SO_SELECT_ERR_QUEUE, number, number},
	{unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, 8, 8},

	{unix.SOL_IP, unix.IP_TOS, number, number},
	{unix.SOL_IP, unix.IP_TTL, number, number},
	{unix.SOL_IP, unix.IP_MTU, number, 0},
	{unix.SOL_IP, unix.IP_PKTINFO, number, number},
	{unix.SOL_IP, unix.IP_RECVERR, number, number},
	{unix.SOL_IP, unix.IP_RECVTTL, number, number},
	{unix.SOL_IP, unix.IP_RECVTOS, number, number},
	{unix.SOL_IP, unix.IP_RECVORIGDSTADDR, number, number},
	{unix.SOL_IP, unix.IP_MTU_DISCOVER, number, number},
	{unix.SOL_IP, unix.IP_FREEBIND, number, number},
	{unix.SOL_IP, unix.IP_MINTTL, number, number},
	{unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, number, number},
	{unix.SOL_IP, unix.IP_LOCAL_PORT_RANGE, number, number},
	{unix.SOL_IP, unix.IP_UNICAST_IF, number, number},
	{unix.SOL_IP, unix.IP_MULTICAST_IF, number, 12},
	{unix.SOL_IP, unix.IP_MULTICAST_TTL, number, number},
	{unix.SOL_IP, unix.IP_MULTICAST_LOOP, number, number},
	{unix.SOL_IP, unix.IP_MULTICAST_ALL, number, number},
	{unix.SOL_IP, unix.IP_ADD_MEMBERSHIP, 0, 12},
	{unix.SOL_IP, unix.IP_DROP_MEMBERSHIP, 0, 12},
	{unix.SOL_IP, unix.IP_ADD_SOURCE_MEMBERSHIP, 0, 12},
	{unix.SOL_IP, unix.IP_DROP_SOURCE_MEMBERSHIP, 0, 12},
	{unix.SOL_IP, unix.IP_BLOCK_SOURCE, 0, 12},
	{unix.SOL_IP, unix.IP_UNBLOCK_SOURCE, 0, 12},
	{unix.SOL_IP, unix.MCAST_JOIN_GROUP, 0, group},
	{unix.SOL_IP, unix.MCAST_LEAVE_GROUP, 0, group},
	{unix.SOL_IP, unix.MCAST_JOIN_SOURCE_GROUP, 0, 2 * group},
	{unix.SOL_IP, unix.MCAST_LEAVE_SOURCE_GROUP, 0, 2 * group},
	{unix.SOL_IP, soOriginalDst, 16, 0},

	{unix.SOL_IPV6, unix.IPV6_V6ONLY, number, number},
	{unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, number, number},
	{unix.SOL_IPV6, unix.IPV6_MULTICAST_IF, number, number},
	{unix.SOL_IPV6, unix.IPV6_MULTICAST_HOPS, number, number},
	{unix.SOL_IPV6, unix.IPV6_MULTICAST_LOOP, number, number},
	{unix.SOL_IPV6, unix.IPV6_MULTICAST_ALL, number, number},
	{unix.SOL_IPV6, unix.IPV6_JOIN_GROUP, 0, 20},
	{unix.SOL_IPV6, unix.IPV6_LEAVE_GROUP, 0, 20},
	{unix.SOL_IPV6, unix.MCAST_JOIN_GROUP, 0, group},
	{unix.SOL_IPV6, unix.MCAST_LEAVE_GROUP, 0, group},
	{unix.SOL_IPV6, unix.MCAST_JOIN_SOURCE_GROUP, 0, 2 * group},
	{unix.SOL_IPV6, unix.MCAST_LEAVE_SOURCE_GROUP, 0, 2 * group},
	{unix.SOL_IPV6, unix.IPV6_MTU, number, number},
	{unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, number, number},
	{unix.SOL_IPV6, unix.IPV6_RECVERR, number, number},
	{unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, number, number},
	{unix.SOL_IPV6, unix.IPV6_RECVHOPLIMIT, number, number},
	{unix.SOL_IPV6, unix.IPV6_RECVTCLASS, number, number},
	{unix.SOL_IPV6, unix.IPV6_RECVORIGDSTADDR, number, number},
	{unix.SOL_IPV6, unix.IPV6_TCLASS, number, number},
	{unix.SOL_IPV6, unix.IPV6_AUTOFLOWLABEL, number, number},
	{unix.SOL_IPV6, ipv6FlowinfoSend, number, number},
	{unix.SOL_IPV6, unix.IPV6_ADDR_PREFERENCES, number, number},
	{unix.SOL_IPV6, unix.IPV6_MINHOPCOUNT, number, number},
	{unix.SOL_IPV6, unix.IPV6_FREEBIND, number, number},
	{unix.SOL_IPV6, unix.IPV6_UNICAST_IF, number, number},
	{unix.SOL_IPV6, soOriginalDst, 28, 0},

	{unix.SOL_TCP, unix.TCP_NODELAY, number, number},
	{unix.SOL_TCP, unix.TCP_MAXSEG, number, number},
	{unix.SOL_TCP, unix.TCP_CORK, number, number},
	{unix.SOL_TCP, unix.TCP_KEEPIDLE, number, number},
	{unix.SOL_TCP, unix.TCP_KEEPINTVL, number, number},
	{unix.SOL_TCP, unix.TCP_KEEPCNT, number, number},
	{unix.SOL_TCP, unix.TCP_SYNCNT, number, number},
	{unix.SOL_TCP, unix.TCP_LINGER2, number, number},
	{unix.SOL_TCP, unix.TCP_DEFER_ACCEPT, number, number},
	{unix.SOL_TCP, unix.TCP_WINDOW_CLAMP, number, number},
	{unix.SOL_TCP, unix.TCP_INFO, tcpInfo, 0},
	{unix.SOL_TCP, unix.TCP_QUICKACK, number, number},
	{unix.SOL_TCP, unix.TCP_CONGESTION, name, name},
	{unix.SOL_TCP, unix.TCP_USER_TIMEOUT, number, number},
	{unix.SOL_TCP, unix.TCP_NOTSENT_LOWAT, number, number},
	{unix.SOL_TCP, unix.TCP_INQ, number, number},

	{unix.SOL_UDP, unix.UDP_CORK, number, number},
	{unix.SOL_UDP, unix.UDP_SEGMENT, number, number},
	{unix.SOL_UDP, unix.UDP_GRO, number, number},
}

// What package unix lacks: SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST are one number.
const (
	soOriginalDst    = 80
	ipv6FlowinfoSend = 33
)

// InetIoctls is what the host is asked by ioctl(2): of a socket, and of the interfaces
// (netdevice(7)).
var InetIoctls = []uint32{
	unix.TIOCINQ, unix.TIOCOUTQ, unix.SIOCATMARK,
	unix.SIOCGIFNAME, unix.SIOCGIFCONF, unix.SIOCGIFFLAGS, unix.SIOCGIFADDR, unix.SIOCGIFDSTADDR, unix.SIOCGIFBRDADDR,
	unix.SIOCGIFNETMASK, unix.SIOCGIFMETRIC, unix.SIOCGIFMTU, unix.SIOCGIFHWADDR, unix.SIOCGIFINDEX, unix.SIOCGIFTXQLEN,
}

// inetType is the flags that a guest's socket is always made with.
const inetType = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC

// socketMask leaves a socket's type.
const socketMask = 0xf

// inetRules is the table of a Sentry whose guests' sockets are the host's: the Sentry's,
// and what makes and names sockets of AF_INET and AF_INET6. No other family can be had.
// A pair of unix sockets can be one that connect(2) connects to somebody else only if
// it is of datagrams.
var inetRules = slices.Concat(
	drop(sentryRules, unix.SYS_SOCKETPAIR, unix.SYS_GETSOCKOPT, unix.SYS_IOCTL),
	[]rule{
		allow(unix.SYS_SOCKETPAIR).when(equal32(0, unix.AF_UNIX), masked32(1, socketMask, unix.SOCK_SEQPACKET)),
		allow(unix.SYS_SOCKET).
			when(oneOf32(0, unix.AF_INET, unix.AF_INET6), equal32(1, unix.SOCK_STREAM|inetType), oneOf32(2, 0, unix.IPPROTO_TCP)).
			when(oneOf32(0, unix.AF_INET, unix.AF_INET6), equal32(1, unix.SOCK_DGRAM|inetType),
				oneOf32(2, 0, unix.IPPROTO_UDP, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6)),
		allow(unix.SYS_BIND),
		allow(unix.SYS_CONNECT),
		allow(unix.SYS_LISTEN),
		optionRule(unix.SYS_GETSOCKOPT, func(o InetOption) int { return o.Get }).when(equal32(1, unix.SOL_SOCKET)),
		optionRule(unix.SYS_SETSOCKOPT, func(o InetOption) int { return o.Set }),
		more(sentryRules, unix.SYS_IOCTL).when(oneOf32(1, InetIoctls...)),
	})

// optionRule allows the options of the table that have a size.
func optionRule(no uint32, size func(InetOption) int) rule {
	r := allow(no)
	for _, level := range []int{unix.SOL_SOCKET, unix.SOL_IP, unix.SOL_IPV6, unix.SOL_TCP, unix.SOL_UDP} {
		var names []uint32
		for _, o := range InetOptions {
			if o.Level == level && size(o) > 0 {
				names = append(names, uint32(o.Name))
			}
		}
		r = r.when(equal32(1, uint32(level)), oneOf32(2, names...))
	}
	return r
}

// drop returns rules without those of some calls, more the one of a call.
func drop(rules []rule, calls ...uint32) []rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return slices.Contains(calls, r.no) })
}

func more(rules []rule, no uint32) rule {
	return rules[slices.IndexFunc(rules, func(r rule) bool { return r.no == no })]
}
