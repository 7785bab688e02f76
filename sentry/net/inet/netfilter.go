package inet

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/netfilter"
	"glovebox/sentry/vfs"
)

// ruleOption returns which of iptables' options one is, and of which family; false for none
// of them.
func (s *Socket) ruleOption(level, name int) (option int, v6, ok bool) {
	// IP6T_SO_GET_REVISION_*, whose numbers IPv4 has two below.
	const revision6, shift = 68, 2
	switch {
	case level == linux.SOL_IP && s.Domain == linux.AF_INET && name >= netfilter.First && name <= netfilter.Last:
		return name, false, true
	case level == linux.SOL_IPV6 && s.Domain == linux.AF_INET6 && (name == netfilter.GetInfo || name == netfilter.GetEntries):
		return name, true, true
	case level == linux.SOL_IPV6 && s.Domain == linux.AF_INET6 && (name == revision6 || name == revision6+1):
		return name - shift, true, true
	}
	return 0, false, false
}

// Asks implements socket.Questioned.
func (s *Socket) Asks(level, name int) bool {
	_, _, ok := s.ruleOption(level, name)
	return ok
}

// Answer implements socket.Questioned.
func (s *Socket) Answer(c *vfs.Ctx, level, name int, value []byte) ([]byte, error) {
	option, v6, _ := s.ruleOption(level, name)
	if !c.Creds.Has(auth.CapNetAdmin) {
		return nil, linux.EPERM
	}
	return s.ns.rules.Get(v6, option, value)
}

// setRules is IPT_SO_SET_*.
func (s *Socket) setRules(c *vfs.Ctx, option int, v6 bool, value []byte) error {
	switch {
	case !c.Creds.Has(auth.CapNetAdmin):
		return linux.EPERM
	case option == netfilter.SetAddCounters:
		return nil // nothing is counted
	case option != netfilter.SetReplace:
		return linux.ENOPROTOOPT
	}
	to, n, err := s.ns.rules.Replace(s.ns.stack, v6, value)
	if t, ok := c.Task.(*kernel.Task); ok && err == nil {
		// The old rules' counters. If they cannot be stored, the rules are there all the same.
		_, _ = t.Mem().CopyOut(guest.Addr(to), make([]byte, n))
	}
	return err
}

// Rules returns the namespace's tables of rules.
func (ns *Namespace) Rules() *netfilter.Tables { return &ns.rules }

// originalDst is SO_ORIGINAL_DST.
func (s *Socket) originalDst() ([]byte, error) {
	if !s.stream() {
		return nil, linux.ENOPROTOOPT
	}
	a, err := s.ep.Load().OriginalDst()
	if err != nil {
		return nil, err
	}
	return sockaddr(s.Domain, a), nil
}
