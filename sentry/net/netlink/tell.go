package netlink

import (
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// Groups of NETLINK_ROUTE (enum rtnetlink_groups), by family where there are two.
const (
	groupLink   = 1
	groupAddr4  = 5
	groupRoute4 = 7
	groupAddr6  = 9
	groupRoute6 = 11
)

// tell sends a message to all who have joined a group (rtnl_notify).
func (ns *Namespace) tell(group int, typ uint16, put func(b *builder)) {
	var to []*Socket
	ns.mu.Lock()
	for p, s := range ns.ports {
		if p.protocol == linux.NETLINK_ROUTE {
			to = append(to, s)
		}
	}
	ns.mu.Unlock()
	var b builder
	for _, s := range to {
		s.mu.Lock()
		joined := s.groups&(1<<(group-1)) != 0
		s.mu.Unlock()
		if !joined {
			continue
		}
		if b.b == nil {
			b.begin(&request{}, typ, 0)
			put(&b)
			b.end()
		}
		s.put(b.b)
	}
}

func (ns *Namespace) tellLink(typ uint16, n stack.NIC) {
	ns.tell(groupLink, typ, func(b *builder) { ns.putLink(b, n) })
}

func (ns *Namespace) tellAddr(st *stack.Stack, typ uint16, id int32, p netip.Prefix) {
	n, ok := st.NIC(id)
	if !ok {
		return
	}
	ns.tell(by(p.Addr(), groupAddr4, groupAddr6), typ, func(b *builder) { putAddr(b, ifaddr{n, p}) })
}

func (ns *Namespace) tellRoute(st *stack.Stack, typ uint16, r stack.Route) {
	n, _ := st.NIC(r.NIC)
	ns.tell(by(r.Prefix.Addr(), groupRoute4, groupRoute6), typ, func(b *builder) { putRoute(b, told(r, n.Loopback)) })
}

func by(ip netip.Addr, v4, v6 int) int {
	if ip.Is4() {
		return v4
	}
	return v6
}
