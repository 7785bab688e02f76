package stack

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// A Link is an interface to the outside: frames that a packet socket of the host passes
// (packet(7)).
type Link struct {
	ID       int32
	Name     string
	LinkAddr []byte // none: packets without a frame
	MTU      uint32
	// Offload says that each frame comes with a virtio_net_hdr, and may be a segment
	// of up to offloadMax bytes.
	Offload bool
	// FD is the socket. It becomes the stack's.
	FD int
}

// offloadMax is the largest segment, in bytes.
const offloadMax = 64 << 10

// AddLink adds an interface, which is up.
func (st *Stack) AddLink(l Link) error {
	o := &fdbased.Options{
		FDs: []int{l.FD}, MTU: l.MTU, EthernetHeader: len(l.LinkAddr) > 0, Address: tcpip.LinkAddress(l.LinkAddr),
		PacketDispatchMode: fdbased.RecvMMsg,
		// Frames of this machine's other namespaces have no checksum yet; the host has
		// looked at those of others, and memory does not fail.
		RXChecksumOffload: true,
		GRO:               true,
		// The host has done what only it may.
		PreConfigured: true, IsPacketSocket: []bool{true},
		InterfaceIndex: int(l.ID),
	}
	if l.Offload {
		o.GSOMaxSize = offloadMax
	}
	ep, err := fdbased.New(o)
	if err != nil {
		return fmt.Errorf("interface %s: %w", l.Name, err)
	}
	id := tcpip.NICID(l.ID)
	rtnl.Lock()
	defer rtnl.Unlock()
	if err := st.s.CreateNICWithOptions(id, ep, engine.NICOptions{Name: l.Name, QDisc: newQueue(ep), DeliverLinkPackets: true}); err != nil {
		return errno(err)
	}
	st.tap(l.ID)
	return nil
}
