package netlink

import (
	"weak"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// nsid is the number that another namespace has here: the next one when it is told of
// first.
func (ns *Namespace) nsid(st *stack.Stack) uint32 {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	p := weak.Make(st)
	id, ok := ns.ids[p]
	if !ok {
		if ns.ids == nil {
			ns.ids = map[weak.Pointer[stack.Stack]]uint32{}
		}
		for o := range ns.ids {
			if o.Value() == nil {
				delete(ns.ids, o)
			}
		}
		id = ns.lastNS
		ns.lastNS++
		ns.ids[p] = id
	}
	return id
}

// getNSID is RTM_GETNSID: what number a namespace has, -1 for none.
func getNSID(s *Socket, st *stack.Stack, r *request) error {
	const (
		sizeOfRtgenmsg = 4
		nsid, pid, fd  = 1, 2, 3 // NETNSA_*
	)
	attrs, err := r.attributes(sizeOfRtgenmsg)
	if err != nil {
		return err
	}
	if r.dump() {
		return dumpAll(s, r, []int(nil), 0, nil) // by number nobody finds one
	}
	o, err := s.namespace(r, nil, map[uint16][]byte{linux.IFLA_NET_NS_PID: attrs[pid], linux.IFLA_NET_NS_FD: attrs[fd]})
	switch {
	case err != nil:
		return err
	case o == nil:
		return linux.EINVAL
	}
	id := ^uint32(0)
	s.ns.mu.Lock()
	if n, ok := s.ns.ids[weak.Make(o)]; ok {
		id = n
	}
	s.ns.mu.Unlock()
	var b builder
	b.begin(r, linux.RTM_NEWNSID, 0)
	b.u32(0)
	b.attr32(nsid, id)
	b.end()
	s.reply(&b)
	return nil
}
