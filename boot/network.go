package boot

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/sentry/net/hostinet"
	"glovebox/sentry/net/inet"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/net/stack"
)

// A Network is what a container's network namespace of the host had, which becomes the
// sandbox's.
type Network struct {
	Links      []Link      `json:"links,omitempty"`
	Routes     []Route     `json:"routes,omitempty"`
	Neighbours []Neighbour `json:"neighbours,omitempty"`
	// Resolver is a socket that is connected to Docker's resolver, which the links'
	// frames do not reach, by its number among the descriptors; nil if there is none.
	Resolver *int `json:"resolver,omitempty"`
}

// A Link is an interface (netdevice(7)).
type Link struct {
	Name  string `json:"name"`
	Index int32  `json:"index"`
	// Address is its link address; none: an interface without.
	Address   []byte         `json:"address,omitempty"`
	MTU       uint32         `json:"mtu"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	// Offload says that frames come with a virtio_net_hdr, segments of up to 64 KiB
	// among them (PACKET_VNET_HDR of packet(7)).
	Offload bool `json:"offload,omitempty"`
	// FD is a packet socket, by its number among the descriptors that come along.
	FD int `json:"fd"`
}

// A Route is one of the main table.
type Route struct {
	Prefix  netip.Prefix `json:"prefix"`
	Gateway netip.Addr   `json:"gateway,omitzero"`
	Source  netip.Addr   `json:"source,omitzero"`
	Link    int32        `json:"link"`
	MTU     uint32       `json:"mtu,omitempty"`
}

// A Neighbour is a permanent entry.
type Neighbour struct {
	IP      netip.Addr `json:"ip"`
	Address []byte     `json:"address"`
	Link    int32      `json:"link"`
}

// hostNetwork is the kind of network (Config.Network) that is the host's.
const hostNetwork = "host"

// openNetwork returns the network that cfg names. It is not sealed yet.
func openNetwork(cfg *Config) (netns.Internet, error) {
	if cfg.Network != hostNetwork {
		return new(inet.Namespace), nil
	}
	n, err := hostinet.Open(cfg.ProcFD)
	if err != nil {
		return nil, fmt.Errorf("the host's network: %w", err)
	}
	return n, nil
}

// takeNetwork gives the sandbox the network that Start says.
func (s *sandbox) takeNetwork(a control.StartArgs, files []*os.File) error {
	fds, err := detach(files)
	if err != nil {
		return err
	}
	var n Network
	if err = json.Unmarshal(a.Network, &n); err == nil {
		err = n.Claim(fds)
	}
	if err != nil {
		closeFDs(fds)
		return control.Errorf(control.Invalid, "network: %v", err)
	}
	return s.connect(&n)
}

// connect gives the sandbox a network, whose descriptors become its own.
func (s *sandbox) connect(n *Network) error {
	st, err := s.net.Stack()
	if err != nil {
		n.closeLinks(0)
		if n.Resolver != nil {
			unix.Close(*n.Resolver)
		}
	} else {
		err = n.add(st)
	}
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nil
}

// closeLinks closes the descriptors of the links from the given one on.
func (n *Network) closeLinks(from int) {
	for _, l := range n.Links[from:] {
		unix.Close(l.FD)
	}
}

// Claim turns numbers of descriptors that came along into the descriptors: one for
// each link, and then the resolver's.
func (n *Network) Claim(fds []int) error {
	var all []*int
	for i := range n.Links {
		all = append(all, &n.Links[i].FD)
	}
	if n.Resolver != nil {
		all = append(all, n.Resolver)
	}
	if len(all) != len(fds) {
		return fmt.Errorf("%d descriptors, want %d", len(fds), len(all))
	}
	for i, p := range all {
		if *p != i {
			return fmt.Errorf("descriptor %d of %d", *p, len(fds))
		}
		*p = fds[i]
	}
	return nil
}

// add adds n to a stack, whose its descriptors become.
func (n *Network) add(st *stack.Stack) error {
	if n.Resolver != nil {
		if err := startResolver(st, *n.Resolver); err != nil {
			n.closeLinks(0)
			return fmt.Errorf("resolver: %w", err)
		}
	}
	for i, l := range n.Links {
		err := st.AddLink(stack.Link{ID: l.Index, Name: l.Name, LinkAddr: l.Address, MTU: l.MTU, Offload: l.Offload, FD: l.FD})
		if err != nil {
			n.closeLinks(i)
			return fmt.Errorf("interface %s: %w", l.Name, err)
		}
		for _, p := range l.Addresses {
			if err := st.AddAddress(l.Index, p); err != nil {
				n.closeLinks(i + 1)
				return fmt.Errorf("interface %s: address %v: %w", l.Name, p, err)
			}
		}
	}
	for _, r := range n.Routes {
		st.AddRoute(stack.Route{Prefix: r.Prefix, Gateway: r.Gateway, Source: r.Source, NIC: r.Link, MTU: r.MTU})
	}
	for _, e := range n.Neighbours {
		if err := st.AddNeighbour(stack.Neighbour{NIC: e.Link, IP: e.IP, LinkAddr: e.Address}); err != nil {
			return fmt.Errorf("neighbour %v: %w", e.IP, err)
		}
	}
	return nil
}
