package inet

import (
	"maps"
	"math"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/net/stack"
)

// An option is the level and the name of one.
type option uint32

func opt(level, name int) option { return option(level)<<16 | option(name) }

// Options that are looked at by others than those who set them.
const (
	soTimestampNS    = option(linux.SOL_SOCKET<<16 | linux.SO_TIMESTAMPNS)
	soTimestampNew   = option(linux.SOL_SOCKET<<16 | linux.SO_TIMESTAMP_NEW)
	soTimestampNSNew = option(linux.SOL_SOCKET<<16 | linux.SO_TIMESTAMPNS_NEW)
	soRxqOvfl        = option(linux.SOL_SOCKET<<16 | linux.SO_RXQ_OVFL)
	ipPktinfo        = option(linux.SOL_IP<<16 | linux.IP_PKTINFO)
	ipRecvTTL        = option(linux.SOL_IP<<16 | linux.IP_RECVTTL)
	ipRecvTOS        = option(linux.SOL_IP<<16 | linux.IP_RECVTOS)
	ipRecvOrigDst    = option(linux.SOL_IP<<16 | linux.IP_RECVORIGDSTADDR)
	ipv6V6only       = option(linux.SOL_IPV6<<16 | linux.IPV6_V6ONLY)
	ipv6RecvPktinfo  = option(linux.SOL_IPV6<<16 | linux.IPV6_RECVPKTINFO)
	ipv6RecvHoplimit = option(linux.SOL_IPV6<<16 | linux.IPV6_RECVHOPLIMIT)
	ipv6RecvTclass   = option(linux.SOL_IPV6<<16 | linux.IPV6_RECVTCLASS)
	tcpCork          = option(linux.SOL_TCP<<16 | linux.TCP_CORK)
	tcpInq           = option(linux.SOL_TCP<<16 | linux.TCP_INQ)
	synCount         = option(linux.SOL_TCP<<16 | linux.TCP_SYNCNT)
	userTimeout      = option(linux.SOL_TCP<<16 | linux.TCP_USER_TIMEOUT)
	udpCork          = option(linux.SOL_UDP<<16 | linux.UDP_CORK)
	udpSegment       = option(linux.SOL_UDP<<16 | linux.UDP_SEGMENT)
)

// kinds is a set of stack.Kind.
type kinds uint8

const (
	tcp      kinds = 1 << stack.TCP
	udp      kinds = 1 << stack.UDP
	ping     kinds = 1 << stack.Ping
	raw      kinds = 1 << stack.Raw
	anyKind        = tcp | udp | ping | raw
	messaged       = anyKind &^ tcp
)

// A row is an option whose value is a number.
type row struct {
	kinds kinds
	// def is the value before one is set; it may be set from min to max. Both 0 say
	// that it is on or off.
	def, min, max int
	// reset is a value that means def, if there is one: -1.
	reset int
	// engine is what the engine knows it as.
	engine stack.Option
	// negate says that the engine knows the opposite.
	negate bool
	cap    auth.Cap // who may set it; 0 for everybody
}

// table is what is set and read back as a number. Those that the engine does not know
// are remembered; they change nothing that a program sees on a network that works.
var table = map[option]row{
	soTimestampNS:    {kinds: anyKind},
	soTimestampNew:   {kinds: anyKind},
	soTimestampNSNew: {kinds: anyKind},
	soRxqOvfl:        {kinds: anyKind},
	opt(linux.SOL_SOCKET, linux.SO_TIMESTAMPING):     {kinds: anyKind, max: 1<<18 - 1},
	opt(linux.SOL_SOCKET, linux.SO_TIMESTAMPING_NEW): {kinds: anyKind, max: 1<<18 - 1},
	opt(linux.SOL_SOCKET, linux.SO_BUSY_POLL):        {kinds: anyKind, max: math.MaxInt32},
	opt(linux.SOL_SOCKET, linux.SO_INCOMING_CPU):     {kinds: anyKind, def: -1, min: -1, max: math.MaxInt32},
	opt(linux.SOL_SOCKET, linux.SO_LOCK_FILTER):      {kinds: anyKind},
	opt(linux.SOL_SOCKET, linux.SO_SELECT_ERR_QUEUE): {kinds: anyKind},
	opt(linux.SOL_SOCKET, linux.SO_ZEROCOPY):         {kinds: tcp | udp},
	opt(linux.SOL_SOCKET, linux.SO_MAX_PACING_RATE):  {kinds: anyKind, def: -1, min: math.MinInt32, max: math.MaxInt32},

	opt(linux.SOL_IP, linux.IP_TOS):                  {kinds: anyKind, max: 255, engine: stack.TOS},
	opt(linux.SOL_IP, linux.IP_TTL):                  {kinds: anyKind, def: 64, min: 1, max: 255, reset: -1, engine: stack.TTL},
	opt(linux.SOL_IP, linux.IP_HDRINCL):              {kinds: raw, engine: stack.HeaderIncluded},
	ipPktinfo:                                        {kinds: anyKind},
	ipRecvTTL:                                        {kinds: anyKind},
	ipRecvTOS:                                        {kinds: anyKind},
	ipRecvOrigDst:                                    {kinds: anyKind},
	opt(linux.SOL_IP, linux.IP_RECVOPTS):             {kinds: anyKind},
	opt(linux.SOL_IP, linux.IP_RETOPTS):              {kinds: anyKind},
	opt(linux.SOL_IP, linux.IP_MTU_DISCOVER):         {kinds: anyKind, def: 1, max: 5},
	opt(linux.SOL_IP, linux.IP_RECVERR):              {kinds: anyKind, engine: stack.RecvErr},
	opt(linux.SOL_IP, linux.IP_FREEBIND):             {kinds: anyKind},
	opt(linux.SOL_IP, linux.IP_TRANSPARENT):          {kinds: anyKind, cap: auth.CapNetAdmin},
	opt(linux.SOL_IP, linux.IP_MINTTL):               {kinds: anyKind, max: 255},
	opt(linux.SOL_IP, linux.IP_NODEFRAG):             {kinds: raw},
	opt(linux.SOL_IP, linux.IP_BIND_ADDRESS_NO_PORT): {kinds: anyKind},
	opt(linux.SOL_IP, linux.IP_MULTICAST_TTL):        {kinds: messaged, def: 1, max: 255, reset: -1, engine: stack.MulticastTTL},
	opt(linux.SOL_IP, linux.IP_MULTICAST_LOOP):       {kinds: anyKind, def: 1, engine: stack.MulticastLoop},
	opt(linux.SOL_IP, linux.IP_MULTICAST_ALL):        {kinds: anyKind, def: 1},
	opt(linux.SOL_IP, linux.IP_UNICAST_IF):           {kinds: anyKind, min: math.MinInt32, max: math.MaxInt32},
	opt(linux.SOL_IP, linux.IP_LOCAL_PORT_RANGE):     {kinds: anyKind, min: math.MinInt32, max: math.MaxInt32},

	ipv6V6only:       {kinds: anyKind, engine: stack.V6Only},
	ipv6RecvPktinfo:  {kinds: anyKind},
	ipv6RecvHoplimit: {kinds: anyKind},
	ipv6RecvTclass:   {kinds: anyKind},
	opt(linux.SOL_IPV6, linux.IPV6_UNICAST_HOPS):     {kinds: anyKind, def: 64, max: 255, reset: -1, engine: stack.HopLimit},
	opt(linux.SOL_IPV6, linux.IPV6_MULTICAST_HOPS):   {kinds: messaged, def: 1, max: 255, reset: -1, engine: stack.MulticastTTL},
	opt(linux.SOL_IPV6, linux.IPV6_MULTICAST_LOOP):   {kinds: anyKind, def: 1, max: 1, engine: stack.MulticastLoop},
	opt(linux.SOL_IPV6, linux.IPV6_MULTICAST_IF):     {kinds: messaged, max: math.MaxInt32, engine: stack.MulticastNIC6},
	opt(linux.SOL_IPV6, linux.IPV6_MTU_DISCOVER):     {kinds: anyKind, def: 1, max: 5},
	opt(linux.SOL_IPV6, linux.IPV6_RECVERR):          {kinds: anyKind, engine: stack.RecvErr6},
	opt(linux.SOL_IPV6, linux.IPV6_TCLASS):           {kinds: anyKind, max: 255, reset: -1, engine: stack.TrafficClass},
	opt(linux.SOL_IPV6, linux.IPV6_AUTOFLOWLABEL):    {kinds: anyKind, def: 1},
	opt(linux.SOL_IPV6, linux.IPV6_FREEBIND):         {kinds: anyKind},
	opt(linux.SOL_IPV6, linux.IPV6_TRANSPARENT):      {kinds: anyKind, cap: auth.CapNetAdmin},
	opt(linux.SOL_IPV6, linux.IPV6_MINHOPCOUNT):      {kinds: anyKind, max: 255},
	opt(linux.SOL_IPV6, linux.IPV6_RECVORIGDSTADDR):  {kinds: anyKind},
	opt(linux.SOL_IPV6, linux.IPV6_ADDR_PREFERENCES): {kinds: anyKind, def: 2, min: 1, max: 0x7ff},
	opt(linux.SOL_IPV6, linux.IPV6_FLOWINFO_SEND):    {kinds: anyKind},
	opt(linux.SOL_IPV6, linux.IPV6_UNICAST_IF):       {kinds: anyKind, min: math.MinInt32, max: math.MaxInt32},
	opt(linux.SOL_IPV6, linux.IPV6_CHECKSUM):         {kinds: raw, def: -1, min: -1, max: math.MaxInt32},

	opt(linux.SOL_TCP, linux.TCP_NODELAY):       {kinds: tcp, engine: stack.Nagle, negate: true},
	tcpCork:                                     {kinds: tcp, engine: stack.Cork},
	opt(linux.SOL_TCP, linux.TCP_KEEPIDLE):      {kinds: tcp, def: 7200, min: 1, max: 32767, engine: stack.KeepIdle},
	opt(linux.SOL_TCP, linux.TCP_KEEPINTVL):     {kinds: tcp, def: 75, min: 1, max: 32767, engine: stack.KeepInterval},
	opt(linux.SOL_TCP, linux.TCP_KEEPCNT):       {kinds: tcp, def: 9, min: 1, max: 127, engine: stack.KeepCount},
	synCount:                                    {kinds: tcp, def: 6, min: 1, max: 127, engine: stack.SynCount},
	userTimeout:                                 {kinds: tcp, max: math.MaxInt32, engine: stack.UserTimeout},
	opt(linux.SOL_TCP, linux.TCP_NOTSENT_LOWAT): {kinds: tcp, max: math.MaxInt32},
	opt(linux.SOL_TCP, linux.TCP_QUICKACK):      {kinds: tcp, def: 1},
	opt(linux.SOL_TCP, linux.TCP_WINDOW_CLAMP):  {kinds: tcp, max: math.MaxInt32},
	tcpInq: {kinds: tcp, max: 1},

	udpCork:                           {kinds: udp},
	udpSegment:                        {kinds: udp, max: 65535},
	opt(linux.SOL_UDP, linux.UDP_GRO): {kinds: udp},
}

// has reports whether an option is for sockets as s: those of IPv6 have those of IP,
// unless they are raw, and not the other way.
func (s *Socket) has(o option, r row) bool {
	switch int(o >> 16) {
	case linux.SOL_IP:
		if s.Domain == linux.AF_INET6 && s.kind == stack.Raw {
			return false
		}
	case linux.SOL_IPV6:
		if s.Domain != linux.AF_INET6 {
			return false
		}
	}
	return r.kinds&(1<<s.kind) != 0
}

// value is what a number is set to, or what it is before.
func (s *Socket) value(o option) int {
	s.optMu.Lock()
	defer s.optMu.Unlock()
	if v, ok := s.opts[o]; ok {
		return int(v)
	}
	return table[o].def
}

func (s *Socket) isSet(o option) bool { return s.value(o) != 0 }

func (s *Socket) v6only() bool { return s.isSet(ipv6V6only) }

// setNumber sets an option of the table.
func (s *Socket) setNumber(o option, r row, v int) error {
	switch {
	case r.reset != 0 && v == r.reset:
		v = r.def
	case r.min == 0 && r.max == 0:
		if v != 0 {
			v = 1
		}
	case v < r.min || v > r.max:
		return linux.EINVAL
	}
	if err := s.tell(s.ep.Load(), r, v); err != nil {
		return err
	}
	s.remember(o, v)
	return nil
}

// remember keeps a value for those who ask for it, and for the next endpoint.
func (s *Socket) remember(o option, v int) {
	s.optMu.Lock()
	defer s.optMu.Unlock()
	if s.opts == nil {
		s.opts = map[option]int32{}
	}
	s.opts[o] = int32(v)
}

// tell sets an option in the engine.
func (s *Socket) tell(ep *stack.Endpoint, r row, v int) error {
	if r.negate {
		v = 1 - v
	}
	return ep.Set(r.engine, v)
}

// base is what socket.Base remembers and the engine must know.
var base = map[int]stack.Option{
	linux.SO_REUSEADDR: stack.ReuseAddr,
	linux.SO_REUSEPORT: stack.ReusePort,
	linux.SO_BROADCAST: stack.Broadcast,
	linux.SO_KEEPALIVE: stack.KeepAlive,
	linux.SO_NO_CHECK:  stack.NoChecksum,
}

// Changed implements socket.Observer.
func (s *Socket) Changed(name int) {
	if o, ok := base[name]; ok {
		_ = s.ep.Load().Set(o, on(s.On(name))) // these cannot fail
	}
	if name == linux.SO_REUSEADDR || name == linux.SO_REUSEPORT {
		s.rebind()
	}
}

func on(b bool) int {
	if b {
		return 1
	}
	return 0
}

// apply sets in the engine all that was set of s.
func (s *Socket) apply(ep *stack.Endpoint) {
	for name, o := range base {
		if s.On(name) {
			_ = ep.Set(o, 1)
		}
	}
	s.optMu.Lock()
	opts, cc, groups := maps.Clone(s.opts), s.cc, s.groups
	s.optMu.Unlock()
	for o, v := range opts {
		if r, ok := table[o]; ok {
			_ = s.tell(ep, r, int(v)) // what one endpoint took another does
		} else if r, ok := sized[o]; ok {
			_ = ep.Set(r, int(v))
		}
	}
	if cc != "" {
		_ = ep.SetCongestion(cc)
	}
	for _, g := range groups {
		_ = ep.Join(g)
	}
	if d := s.device.Load(); d != 0 {
		_ = ep.Set(stack.Device, int(d))
	}
}

// inherit takes the options of the listener l.
func (s *Socket) inherit(l *Socket) {
	l.optMu.Lock()
	s.opts, s.cc = maps.Clone(l.opts), l.cc
	l.optMu.Unlock()
	s.device.Store(l.device.Load())
	for _, name := range []int{linux.SO_REUSEADDR, linux.SO_REUSEPORT, linux.SO_KEEPALIVE, linux.SO_BROADCAST,
		linux.SO_OOBINLINE, linux.SO_DONTROUTE, linux.SO_TIMESTAMP, linux.SO_DEBUG} {
		s.Inherit(&l.Base, name)
	}
	s.InheritValues(&l.Base)
}
