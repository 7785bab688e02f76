package linux

// Protocols (ip(7), protocols(5)).
const (
	IPPROTO_IP      = 0
	IPPROTO_ICMP    = 1
	IPPROTO_TCP     = 6
	IPPROTO_UDP     = 17
	IPPROTO_IPV6    = 41
	IPPROTO_ICMPV6  = 58
	IPPROTO_UDPLITE = 136
	IPPROTO_RAW     = 255
	IPPROTO_MPTCP   = 262

	SOL_IP     = 0
	SOL_TCP    = 6
	SOL_UDP    = 17
	SOL_IPV6   = 41
	SOL_ICMPV6 = 58
	SOL_RAW    = 255
)

// States of a TCP socket (net/tcp_states.h).
const (
	TCP_ESTABLISHED = 1
	TCP_SYN_SENT    = 2
	TCP_SYN_RECV    = 3
	TCP_FIN_WAIT1   = 4
	TCP_FIN_WAIT2   = 5
	TCP_TIME_WAIT   = 6
	TCP_CLOSE       = 7
	TCP_CLOSE_WAIT  = 8
	TCP_LAST_ACK    = 9
	TCP_LISTEN      = 10
	TCP_CLOSING     = 11
)

// Options of SOL_IP (ip(7)).
const (
	IP_TOS                    = 1
	IP_TTL                    = 2
	IP_HDRINCL                = 3
	IP_OPTIONS                = 4
	IP_RECVOPTS               = 6
	IP_RETOPTS                = 7
	IP_PKTINFO                = 8
	IP_MTU_DISCOVER           = 10
	IP_RECVERR                = 11
	IP_RECVTTL                = 12
	IP_RECVTOS                = 13
	IP_MTU                    = 14
	IP_FREEBIND               = 15
	IP_TRANSPARENT            = 19
	IP_RECVORIGDSTADDR        = 20
	IP_MINTTL                 = 21
	IP_NODEFRAG               = 22
	IP_BIND_ADDRESS_NO_PORT   = 24
	IP_MULTICAST_IF           = 32
	IP_MULTICAST_TTL          = 33
	IP_MULTICAST_LOOP         = 34
	IP_ADD_MEMBERSHIP         = 35
	IP_DROP_MEMBERSHIP        = 36
	IP_ADD_SOURCE_MEMBERSHIP  = 39
	IP_DROP_SOURCE_MEMBERSHIP = 40
	MCAST_JOIN_GROUP          = 42
	MCAST_LEAVE_GROUP         = 45
	IP_MULTICAST_ALL          = 49
	IP_UNICAST_IF             = 50
	IP_LOCAL_PORT_RANGE       = 51
	SO_ORIGINAL_DST           = 80
)

// Options of SOL_IPV6 (ipv6(7)).
const (
	IPV6_ADDRFORM         = 1
	IPV6_CHECKSUM         = 7
	IPV6_UNICAST_HOPS     = 16
	IPV6_MULTICAST_IF     = 17
	IPV6_MULTICAST_HOPS   = 18
	IPV6_MULTICAST_LOOP   = 19
	IPV6_JOIN_GROUP       = 20
	IPV6_LEAVE_GROUP      = 21
	IPV6_MTU_DISCOVER     = 23
	IPV6_MTU              = 24
	IPV6_RECVERR          = 25
	IPV6_V6ONLY           = 26
	IPV6_FLOWINFO_SEND    = 33
	IPV6_RECVPKTINFO      = 49
	IPV6_PKTINFO          = 50
	IPV6_RECVHOPLIMIT     = 51
	IPV6_HOPLIMIT         = 52
	IPV6_RECVTCLASS       = 66
	IPV6_TCLASS           = 67
	IPV6_AUTOFLOWLABEL    = 70
	IPV6_ADDR_PREFERENCES = 72
	IPV6_MINHOPCOUNT      = 73
	IPV6_FREEBIND         = 78
	IPV6_RECVORIGDSTADDR  = 74
	IPV6_TRANSPARENT      = 75
	IPV6_UNICAST_IF       = 76
	ICMPV6_FILTER         = 1
	ICMP_FILTER           = 1
)

// What an ICMP message says of a port: type and code.
const (
	ICMP_DEST_UNREACH   = 3
	ICMP_PORT_UNREACH   = 3
	ICMPV6_DEST_UNREACH = 1
	ICMPV6_PORT_UNREACH = 4
)

// Options of SOL_TCP (tcp(7)).
const (
	TCP_NODELAY          = 1
	TCP_MAXSEG           = 2
	TCP_CORK             = 3
	TCP_KEEPIDLE         = 4
	TCP_KEEPINTVL        = 5
	TCP_KEEPCNT          = 6
	TCP_SYNCNT           = 7
	TCP_LINGER2          = 8
	TCP_DEFER_ACCEPT     = 9
	TCP_WINDOW_CLAMP     = 10
	TCP_INFO             = 11
	TCP_QUICKACK         = 12
	TCP_CONGESTION       = 13
	TCP_USER_TIMEOUT     = 18
	TCP_FASTOPEN         = 23
	TCP_NOTSENT_LOWAT    = 25
	TCP_FASTOPEN_CONNECT = 30
	TCP_INQ              = 36

	UDP_CORK    = 1
	UDP_SEGMENT = 103
	UDP_GRO     = 104
)

// Options of SOL_SOCKET that came late.
const (
	SO_TIMESTAMP_NEW         = 63
	SO_TIMESTAMPNS_NEW       = 64
	SO_TIMESTAMPING_NEW      = 65
	SO_BINDTOIFINDEX         = 62
	SO_MAX_PACING_RATE       = 47
	SO_INCOMING_NAPI_ID      = 56
	SO_MEMINFO               = 55
	SO_PREFER_BUSY_POLL      = 69
	SO_TXREHASH              = 74
	SO_SELECT_ERR_QUEUE      = 45
	SO_NOFCS                 = 43
	SO_WIFI_STATUS           = 41
	SO_GET_FILTER            = SO_ATTACH_FILTER
	SO_ATTACH_BPF            = 50
	SO_ATTACH_REUSEPORT_CBPF = 51
)

// Ioctls of sockets (netdevice(7)).
const (
	SIOCGSTAMP     = 0x8906
	SIOCADDRT      = 0x890B
	SIOCGIFNAME    = 0x8910
	SIOCGIFCONF    = 0x8912
	SIOCGIFFLAGS   = 0x8913
	SIOCSIFFLAGS   = 0x8914
	SIOCGIFADDR    = 0x8915
	SIOCSIFADDR    = 0x8916
	SIOCGIFDSTADDR = 0x8917
	SIOCGIFBRDADDR = 0x8919
	SIOCGIFNETMASK = 0x891b
	SIOCSIFNETMASK = 0x891c
	SIOCGIFMETRIC  = 0x891d
	SIOCGIFMTU     = 0x8921
	SIOCSIFMTU     = 0x8922
	SIOCSIFNAME    = 0x8923
	SIOCSIFHWADDR  = 0x8924
	SIOCGIFHWADDR  = 0x8927
	SIOCGIFINDEX   = 0x8933
	SIOCGIFTXQLEN  = 0x8942
	SIOCETHTOOL    = 0x8946

	IFF_UP          = 0x1
	IFF_BROADCAST   = 0x2
	IFF_LOOPBACK    = 0x8
	IFF_POINTOPOINT = 0x10
	IFF_RUNNING     = 0x40
	IFF_NOARP       = 0x80
	IFF_MULTICAST   = 0x1000
	IFF_LOWER_UP    = 0x10000

	IFNAMSIZ        = 16
	SizeOfIfreq     = 40
	ARPHRD_ETHER    = 1
	ARPHRD_LOOPBACK = 772
	ARPHRD_NONE     = 0xfffe
)

// Sizes of addresses.
const (
	SizeOfSockaddrIn  = 16
	SizeOfSockaddrIn6 = 28
	MinSockaddrIn6    = 24 // RFC 2133's, without a scope
)
