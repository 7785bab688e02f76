package netlink

import (
	"encoding/binary"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// network has lo and as many sockets as a test wants.
type network struct {
	st      *stack.Stack
	entries []socket.Entry
}

func (n *network) Stack() (*stack.Stack, error) { return n.st, nil }
func (n *network) Entries() []socket.Entry      { return n.entries }

func newNetwork(t testing.TB) *network {
	t.Helper()
	st, err := stack.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	if err := st.SetUp(stack.LoopbackNIC, true); err != nil {
		t.Fatal(err)
	}
	return &network{st: st}
}

func ctx() *vfs.Ctx {
	return &vfs.Ctx{Creds: &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps}, TGID: 7}
}

func open(t testing.TB, n Network, protocol int) *Socket {
	t.Helper()
	s, err := New(n, nil).Socket(ctx(), linux.SOCK_RAW, protocol)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Socket)
}

// message is a request.
func message(typ, flags uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(linux.SizeOfNlmsghdr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags|linux.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...)
	return append(b, data...)
}

func send(s *Socket, p []byte) error {
	b := guest.Local(p)
	_, err := s.Send(ctx(), &b, &socket.Outgoing{})
	return err
}

// recv returns the next message, nil if there is none.
func recv(s *Socket) []byte {
	p := make([]byte, 1<<16)
	b := guest.Local(p)
	n, err := s.Recv(ctx(), &b, &socket.Incoming{})
	if err != nil {
		return nil
	}
	return p[:n]
}

// TestDumpIsNotKept dumps more sockets than fit in what a socket may keep.
func TestDumpIsNotKept(t *testing.T) {
	n := newNetwork(t)
	const sockets = 20000
	for i := range sockets {
		n.entries = append(n.entries, socket.Entry{ID: uint64(i + 1), Domain: linux.AF_INET, Protocol: linux.IPPROTO_TCP, State: linux.TCP_LISTEN})
	}
	s := open(t, n, linux.NETLINK_SOCK_DIAG)
	req := make([]byte, sizeOfDiagReq)
	req[0], req[1] = linux.AF_INET, linux.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[4:], ^uint32(0))
	ask := message(linux.SOCK_DIAG_BY_FAMILY, linux.NLM_F_DUMP, req...)
	if err := send(s, ask); err != nil {
		t.Fatal(err)
	}
	if s.cost > maxPiece+overhead {
		t.Errorf("%d bytes are kept", s.cost)
	}
	// Another one at the same time is refused.
	if err := send(s, ask); err != nil {
		t.Fatal(err)
	}
	got, refused, ended := 0, false, false
	for p := recv(s); p != nil; p = recv(s) {
		for len(p) >= linux.SizeOfNlmsghdr {
			switch binary.NativeEndian.Uint16(p[4:]) {
			case linux.SOCK_DIAG_BY_FAMILY:
				got++
			case linux.NLMSG_ERROR:
				refused = int32(binary.NativeEndian.Uint32(p[16:])) == -int32(linux.EBUSY)
			case linux.NLMSG_DONE:
				ended = true
			}
			p = p[binary.NativeEndian.Uint32(p):]
		}
	}
	if got != sockets || !refused || !ended {
		t.Errorf("%d sockets, refused %v, ended %v", got, refused, ended)
	}
	if m := s.Ready(); m&readable != 0 {
		t.Errorf("ready %#x after the end", m)
	}
}

// TestAcknowledgementsAreBounded asks and does not listen.
func TestAcknowledgementsAreBounded(t *testing.T) {
	s := open(t, newNetwork(t), linux.NETLINK_ROUTE)
	for range 10000 {
		if err := send(s, message(linux.RTM_GETLINK, linux.NLM_F_ACK, make([]byte, sizeOfIfinfomsg)...)); err != nil {
			t.Fatal(err)
		}
	}
	if s.cost > defaultBuf+4096 {
		t.Errorf("%d bytes are kept", s.cost)
	}
	b := guest.Local(make([]byte, 100))
	if _, err := s.Recv(ctx(), &b, &socket.Incoming{}); err != linux.ENOBUFS {
		t.Errorf("nobody was told: %v", err)
	}
}

// TestAddresses changes what there is.
func TestAddresses(t *testing.T) {
	n := newNetwork(t)
	s := open(t, n, linux.NETLINK_ROUTE)
	add := []byte{linux.AF_INET, 24, 0, 0, 1, 0, 0, 0, 8, 0, linux.IFA_LOCAL, 0, 10, 1, 2, 3}
	for _, step := range []struct {
		typ, flags uint16
		want       linux.Errno
		addresses  int
	}{
		{linux.RTM_NEWADDR, 0, 0, 3}, {linux.RTM_NEWADDR, linux.NLM_F_EXCL, linux.EEXIST, 3},
		{linux.RTM_DELADDR, 0, 0, 2}, {linux.RTM_DELADDR, 0, linux.EADDRNOTAVAIL, 2},
	} {
		if err := send(s, message(step.typ, step.flags|linux.NLM_F_ACK, add...)); err != nil {
			t.Fatal(err)
		}
		p := recv(s)
		if got := -int32(binary.NativeEndian.Uint32(p[16:])); got != int32(step.want) {
			t.Errorf("type %d: errno %d, not %d", step.typ, got, step.want)
		}
		if got := len(n.st.NICs()[0].Addresses); got != step.addresses {
			t.Errorf("type %d: %d addresses", step.typ, got)
		}
	}
}

func FuzzMessages(f *testing.F) {
	n := newNetwork(f)
	for typ := range routes {
		f.Add(false, message(typ, linux.NLM_F_DUMP, make([]byte, 16)...))
		f.Add(false, message(typ, linux.NLM_F_ACK|linux.NLM_F_CREATE, linux.AF_INET, 24, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 10, 1, 2, 3))
		f.Add(false, message(typ, 0, linux.AF_INET6, 128, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 4, 0, 1, 0, 0, 0))
	}
	f.Add(true, message(linux.SOCK_DIAG_BY_FAMILY, linux.NLM_F_DUMP, make([]byte, sizeOfDiagReq)...))
	f.Fuzz(func(t *testing.T, diag bool, p []byte) {
		protocol := linux.NETLINK_ROUTE
		if diag {
			protocol = linux.NETLINK_SOCK_DIAG
		}
		s := open(t, n, protocol)
		defer s.Release()
		_ = send(s, p)
		for range 100 {
			if recv(s) == nil {
				break
			}
		}
	})
}
