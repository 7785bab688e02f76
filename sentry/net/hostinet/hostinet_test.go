package hostinet

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

func open(t testing.TB) *Namespace {
	t.Helper()
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(proc)
	ns, err := Open(proc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ns.poller.Close)
	return ns
}

func ctx(caps uint64) *vfs.Ctx {
	return &vfs.Ctx{Creds: &auth.Creds{Permitted: auth.CapSet(caps), Effective: auth.CapSet(caps)}}
}

func make1(t testing.TB, ns *Namespace, typ int) *Socket {
	t.Helper()
	s, err := ns.Families()[linux.AF_INET].Socket(ctx(0), typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if ns.sockets[s.(*Socket).ID] != nil {
			s.Release()
		}
	})
	return s.(*Socket)
}

func loopback(port int) []byte {
	b := make([]byte, 16)
	binary.NativeEndian.PutUint16(b, linux.AF_INET)
	binary.BigEndian.PutUint16(b[2:], uint16(port))
	copy(b[4:], []byte{127, 0, 0, 1})
	return b
}

func await(t testing.TB, s *Socket, m wait.Mask) {
	t.Helper()
	e, ch := wait.NewChan(wait.All)
	s.queue.Register(e)
	defer s.queue.Unregister(e)
	for s.Ready()&m == 0 {
		select {
		case <-ch:
		case <-time.After(5 * time.Second):
			t.Fatalf("not ready for %#x but for %#x", m, s.Ready())
		}
	}
}

// TestStream moves more than buffers hold, by the poller's word alone.
func TestStream(t *testing.T) {
	ns := open(t)
	l, a := make1(t, ns, linux.SOCK_STREAM), make1(t, ns, linux.SOCK_STREAM)
	if err := l.Bind(ctx(0), loopback(0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(ctx(0), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(ctx(0)); err != linux.EAGAIN {
		t.Errorf("accept: %v", err)
	}
	name, err := l.Name()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Connect(ctx(0), name); err != nil && err != linux.EINPROGRESS {
		t.Fatal(err)
	}
	await(t, l, wait.In)
	n, err := l.Accept(ctx(0))
	if err != nil {
		t.Fatal(err)
	}
	b := n.(*Socket)
	defer b.Release()
	if own, _ := a.Name(); !bytes.Equal(own, b.From()) {
		t.Errorf("from %v, is %v", b.From(), own)
	}
	if es := ns.Entries(); len(es) != 3 || es[0].State != linux.TCP_LISTEN || es[1].State != linux.TCP_ESTABLISHED {
		t.Errorf("entries %+v", es)
	}
	data := bytes.Repeat([]byte("0123456789abcde\n"), 1<<20)
	sent := make(chan error, 1)
	go func() {
		for buf := guest.Local(data); buf.Len() > 0; {
			_, err := a.Send(ctx(0), &buf, &socket.Outgoing{})
			if err == linux.EAGAIN {
				await(t, a, wait.Out)
			} else if err != nil {
				sent <- err
				return
			}
		}
		sent <- a.Shutdown(ctx(0), linux.SHUT_WR)
	}()
	var got []byte
	for {
		p := make([]byte, 100_000)
		buf := guest.Local(p)
		n, err := b.Recv(ctx(0), &buf, &socket.Incoming{})
		if err == linux.EAGAIN {
			await(t, b, wait.In)
			continue
		}
		if err != nil || n == 0 {
			break
		}
		got = append(got, p[:n]...)
	}
	if err := <-sent; err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
	}
}

// TestPrivilegedPort: the guest's capabilities are asked first.
func TestPrivilegedPort(t *testing.T) {
	ns := open(t)
	if ns.host.FirstPort = 1024; ns.FirstPort() != 1024 {
		t.Fatal(ns.FirstPort())
	}
	if err := make1(t, ns, linux.SOCK_STREAM).Bind(ctx(0), loopback(1023)); err != linux.EACCES {
		t.Errorf("bind: %v", err)
	}
}

// TestRefused is what never reaches the host.
func TestRefused(t *testing.T) {
	ns := open(t)
	s := make1(t, ns, linux.SOCK_DGRAM)
	for _, f := range []uint16{linux.AF_UNIX, linux.AF_NETLINK, 17, 40, 0xffff} {
		a := loopback(80)
		binary.NativeEndian.PutUint16(a, f)
		if err := s.Bind(ctx(0), a); err != linux.EAFNOSUPPORT {
			t.Errorf("family %d: bind: %v", f, err)
		}
		if _, err := s.Connect(ctx(0), a); err != linux.EAFNOSUPPORT {
			t.Errorf("family %d: connect: %v", f, err)
		}
		buf := guest.Local([]byte("x"))
		if _, err := s.Send(ctx(0), &buf, &socket.Outgoing{To: a}); err != linux.EAFNOSUPPORT {
			t.Errorf("family %d: send: %v", f, err)
		}
	}
	for _, o := range [][2]int{{linux.SOL_SOCKET, linux.SO_ATTACH_FILTER}, {linux.SOL_TCP, 31}, {linux.SOL_IP, 64}, {270, 1}, {-1, -1}} {
		if err := s.SetOption(ctx(^uint64(0)), o[0], o[1], make([]byte, 100)); err != linux.ENOPROTOOPT {
			t.Errorf("option %v: %v", o, err)
		}
	}
	for _, p := range []struct {
		typ, protocol int
		want          error
	}{{linux.SOCK_RAW, 1, linux.EPERM}, {linux.SOCK_RAW, 0, linux.EPROTONOSUPPORT}, {linux.SOCK_STREAM, 262, linux.EPROTONOSUPPORT},
		{linux.SOCK_STREAM, 132, linux.EPROTONOSUPPORT}, {linux.SOCK_SEQPACKET, 0, linux.ESOCKTNOSUPPORT}, {linux.SOCK_STREAM, -1, linux.EINVAL}} {
		if _, err := ns.Families()[linux.AF_INET].Socket(ctx(^uint64(0)), p.typ, p.protocol); err != p.want {
			t.Errorf("type %d, protocol %d: %v", p.typ, p.protocol, err)
		}
	}
	control := func(m ...socket.Cmsg) error {
		_, err := s.controlled(m)
		return err
	}
	if err := control(socket.Cmsg{Level: linux.SOL_IP, Type: linux.IP_TTL, Data: make([]byte, 4)}); err != nil {
		t.Error(err)
	}
	if err := control(socket.Cmsg{Level: linux.SOL_IP, Type: linux.IP_RETOPTS, Data: make([]byte, 4)}); err != linux.EINVAL {
		t.Error(err)
	}
	if err := control(socket.Cmsg{Level: linux.SOL_IP, Type: linux.IP_PKTINFO, Data: make([]byte, 400)}); err != linux.EINVAL {
		t.Error(err)
	}
	many := make([]socket.Cmsg, 100)
	for i := range many {
		many[i] = socket.Cmsg{Level: linux.SOL_IP, Type: linux.IP_TTL, Data: make([]byte, 4)}
	}
	if err := control(many...); err != linux.ENOBUFS {
		t.Error(err)
	}
}

// TestAsk: the host tells of its interfaces, to several at once.
func TestAsk(t *testing.T) {
	ns := open(t)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 50 {
				nics := ns.NICs()
				ok = ok && len(nics) > 0 && nics[0].Name == "lo" && nics[0].Loopback && nics[0].MTU > 0
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("no lo")
		}
	}
	if _, err := ns.Ask(linux.RTM_GETROUTE, 0, []byte{linux.AF_INET}); err != linux.EINVAL {
		t.Errorf("half a question: %v", err)
	}
	if _, err := ns.Ask(linux.RTM_GETLINK, linux.NLM_F_DUMP, make([]byte, 16)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if b, ok := ns.ProcNet("dev"); !ok || !bytes.Contains(b, []byte("lo:")) {
		t.Errorf("/proc/net/dev: %q", b)
	}
	if _, ok := ns.ProcNet("tcp"); ok {
		t.Error("others' sockets are shown")
	}
}

// FuzzTold: ancillary data and interfaces as no kernel makes them.
func FuzzTold(f *testing.F) {
	f.Add([]byte("\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x40\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, m := range new(Socket).told(p) {
			if n, ok := find(received, &m); !ok || len(m.Data) < n.least || len(m.Data) > n.most {
				t.Errorf("told %+v", m)
			}
		}
		if len(p) >= sizeOfIfinfomsg {
			nic(p)
		}
	})
}
