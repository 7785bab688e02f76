package inet

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

func ctx() *vfs.Ctx {
	return &vfs.Ctx{Creds: &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps}, TGID: 7}
}

func open(t testing.TB, ns *Namespace, domain, typ int) *Socket {
	t.Helper()
	s, err := ns.Families()[domain].Socket(ctx(), typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Socket)
}

func local(port int) []byte {
	return sockaddr(linux.AF_INET, stack.Addr{IP: loopback4, Port: uint16(port)})
}

// await waits until s is ready for any of m.
func await(t testing.TB, s *Socket, m wait.Mask) {
	t.Helper()
	e, ch := wait.NewChan(wait.All)
	s.queue.Register(e)
	defer s.queue.Unregister(e)
	for s.Ready()&m == 0 {
		select {
		case <-ch:
		case <-time.After(5 * time.Second):
			t.Errorf("not ready for %#x but for %#x", m, s.Ready())
			return
		}
	}
}

// dial makes a connection through a listener.
func dial(t testing.TB, ns *Namespace, l *Socket) (a, b *Socket) {
	t.Helper()
	a = open(t, ns, linux.AF_INET, linux.SOCK_STREAM)
	to, _ := l.Name()
	if _, err := a.Connect(ctx(), to); err != linux.EINPROGRESS {
		t.Fatal(err)
	}
	await(t, a, wait.Out)
	if _, err := a.Connect(ctx(), to); err != nil {
		t.Fatal(err)
	}
	await(t, l, wait.In)
	s, err := l.Accept(ctx())
	if err != nil {
		t.Fatal(err)
	}
	return a, s.(*Socket)
}

func listen(t testing.TB, ns *Namespace) *Socket {
	t.Helper()
	l := open(t, ns, linux.AF_INET, linux.SOCK_STREAM)
	if err := l.Bind(ctx(), local(0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(ctx(), 100); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestConcurrent uses the same sockets from many goroutines, as threads can.
func TestConcurrent(t *testing.T) {
	ns := new(Namespace)
	l := listen(t, ns)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				a := open(t, ns, linux.AF_INET, linux.SOCK_STREAM)
				to, _ := l.Name()
				_, _ = a.Connect(ctx(), to)
				var inner sync.WaitGroup
				for _, f := range []func(){
					func() { b := guest.Local(make([]byte, 1000)); _, _ = a.Send(ctx(), &b, &socket.Outgoing{}) },
					func() { b := guest.Local(make([]byte, 10)); _, _ = a.Recv(ctx(), &b, &socket.Incoming{}) },
					func() { a.Ready(); _, _ = a.Name(); _, _ = a.Peer() },
					func() { _, _ = a.Connect(ctx(), to) },
					func() { _ = a.Shutdown(ctx(), i%3) },
					func() { _ = a.SetOption(ctx(), linux.SOL_TCP, linux.TCP_NODELAY, socket.Int(i%2)) },
					func() { _, _ = a.Option(ctx(), linux.SOL_TCP, linux.TCP_INFO); ns.Entries() },
					func() {
						if s, err := l.Accept(ctx()); err == nil {
							s.Release()
						}
					},
				} {
					inner.Go(f)
				}
				inner.Wait()
				a.Release()

				u := open(t, ns, linux.AF_INET, linux.SOCK_DGRAM)
				_ = u.Bind(ctx(), local(0))
				me, _ := u.Name()
				for _, f := range []func(){
					func() { b := guest.Local(make([]byte, 10)); _, _ = u.Send(ctx(), &b, &socket.Outgoing{To: me}) },
					func() { b := guest.Local(make([]byte, 10)); _, _ = u.Recv(ctx(), &b, &socket.Incoming{}) },
					func() { _, _ = u.Connect(ctx(), me) },
					func() { _, _ = u.Connect(ctx(), make([]byte, 16)) },
					func() { u.Ready() },
				} {
					inner.Go(f)
				}
				inner.Wait()
				u.Release()
			}
		})
	}
	wg.Wait()
	l.Release()
	if n := len(ns.Sockets()); n != 0 {
		t.Errorf("%d sockets are left", n)
	}
}

// TestWriters has several write to one stream: no byte is lost or comes twice.
func TestWriters(t *testing.T) {
	ns := new(Namespace)
	l := listen(t, ns)
	a, b := dial(t, ns, l)
	const writers, each = 4, 500_000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			p := make([]byte, each)
			for i := range p {
				p[i] = byte(w)
			}
			buf := guest.Local(p)
			for buf.Len() > 0 {
				if _, err := a.Send(ctx(), &buf, &socket.Outgoing{}); err == linux.EAGAIN {
					await(t, a, wait.Out)
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var counts [writers]int
	for total := 0; total < writers*each; {
		p := make([]byte, 100_000)
		buf := guest.Local(p)
		n, err := b.Recv(ctx(), &buf, &socket.Incoming{})
		if err == linux.EAGAIN {
			await(t, b, wait.In)
			continue
		}
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		for _, c := range p[:n] {
			counts[c]++
		}
		total += int(n)
	}
	wg.Wait()
	if counts != [writers]int{each, each, each, each} {
		t.Errorf("received %v", counts)
	}
	for _, s := range []*Socket{a, b, l} {
		s.Release()
	}
}

// TestQueueIsBounded sends what takes no room in the engine's account.
func TestQueueIsBounded(t *testing.T) {
	ns := new(Namespace)
	r, s := open(t, ns, linux.AF_INET, linux.SOCK_DGRAM), open(t, ns, linux.AF_INET, linux.SOCK_DGRAM)
	_ = r.Bind(ctx(), local(0))
	to, _ := r.Name()
	for range 5000 {
		b := guest.Local(nil)
		if _, err := s.Send(ctx(), &b, &socket.Outgoing{To: to}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.recvd.queue); n < 100 || n > stack.Buffers.Default/overhead+1 {
		t.Errorf("%d empty messages are kept", n)
	}
	if r.recvd.drops == 0 {
		t.Error("none was dropped")
	}
}

// TestTimeWaitIsBounded makes and ends more connections than may be remembered.
func TestTimeWaitIsBounded(t *testing.T) {
	ns := new(Namespace)
	l := listen(t, ns)
	const n = 3000
	for range n {
		a, b := dial(t, ns, l)
		a.Release()
		b.Release()
	}
	deadline := time.Now().Add(5 * time.Second)
	for ns.stack.Connections() > n/2 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if got := ns.stack.Connections(); got > n/2 || got == 0 {
		t.Errorf("%d of %d connections are remembered", got, n)
	}
	l.Release()
}

// FuzzAddresses gives every call an address that makes no sense.
func FuzzAddresses(f *testing.F) {
	ns := new(Namespace)
	f.Add(uint8(0), local(80))
	f.Add(uint8(1), make([]byte, 28))
	f.Add(uint8(2), []byte{10, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0})
	f.Add(uint8(3), []byte{2})
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		if len(raw) > linux.SizeOfSockaddrStorage {
			return
		}
		s := open(t, ns, []int{linux.AF_INET, linux.AF_INET6}[kind&1], []int{linux.SOCK_STREAM, linux.SOCK_DGRAM}[kind>>1&1])
		defer s.Release()
		_ = s.Bind(ctx(), raw)
		_, _ = s.Connect(ctx(), raw)
		b := guest.Local([]byte("data"))
		_, _ = s.Send(ctx(), &b, &socket.Outgoing{To: raw})
		_, _ = s.Name()
		_, _ = s.Peer()
		s.Ready()
	})
}

// FuzzOptions sets any option to anything.
func FuzzOptions(f *testing.F) {
	ns := new(Namespace)
	for o := range table {
		f.Add(uint8(0), int(o>>16), int(o&0xffff), []byte{1, 0, 0, 0})
		f.Add(uint8(3), int(o>>16), int(o&0xffff), []byte{255, 255, 255, 255, 0, 0, 0, 0, 1, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, kind uint8, level, name int, value []byte) {
		s := open(t, ns, []int{linux.AF_INET, linux.AF_INET6}[kind&1], []int{linux.SOCK_STREAM, linux.SOCK_DGRAM}[kind>>1&1])
		defer s.Release()
		_ = s.SetOption(ctx(), level, name, value)
		_, _ = s.Option(ctx(), level, name)
		if name > 0 && name < 32 && len(value) > 0 {
			m := &socket.Outgoing{To: local(9), Control: socket.Control{Others: []socket.Cmsg{{Level: int32(level), Type: int32(name), Data: value}}}}
			b := guest.Local([]byte("data"))
			_, _ = s.Send(ctx(), &b, m)
		}
		s.mu.Lock()
		s.renewLocked()
		s.mu.Unlock()
	})
}

// FuzzPackets sends to oneself what no honest stack would.
func FuzzPackets(f *testing.F) {
	ns := new(Namespace)
	u := open(f, ns, linux.AF_INET6, linux.SOCK_DGRAM)
	_ = u.Bind(ctx(), sockaddr(linux.AF_INET6, stack.Addr{Port: 53}))
	l := open(f, ns, linux.AF_INET6, linux.SOCK_STREAM)
	_ = l.Bind(ctx(), sockaddr(linux.AF_INET6, stack.Addr{Port: 80}))
	_ = l.Listen(ctx(), 5)
	for _, proto := range []uint8{1, 2, 6, 17, 41, 58, 255} {
		f.Add(false, proto, []byte{0, 80, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255, 0, 0, 0, 0})
		f.Add(true, proto, []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0})
		f.Add(false, proto, []byte{0x45, 0, 0, 28, 0, 0, 0x20, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 53, 0, 53, 0, 8, 0, 0})
	}
	f.Fuzz(func(t *testing.T, v6 bool, proto uint8, p []byte) {
		if proto == 0 {
			return
		}
		domain, to := linux.AF_INET, local(0)
		if v6 {
			domain, to = linux.AF_INET6, sockaddr(linux.AF_INET6, stack.Addr{IP: loopback6})
		}
		x, err := ns.Families()[domain].Socket(ctx(), linux.SOCK_RAW, int(proto))
		if err != nil {
			return // the engine does not know the protocol
		}
		s := x.(*Socket)
		defer s.Release()
		b := guest.Local(p)
		_, _ = s.Send(ctx(), &b, &socket.Outgoing{To: to})
		_ = s.SetOption(ctx(), linux.SOL_IP, linux.IP_HDRINCL, socket.Int(1))
		b = guest.Local(p)
		_, _ = s.Send(ctx(), &b, &socket.Outgoing{To: to})
		b = guest.Local(make([]byte, 100))
		_, _ = s.Recv(ctx(), &b, &socket.Incoming{})
		if c, err := l.Accept(ctx()); err == nil {
			c.Release()
		}
		u.recvMu.Lock()
		u.recvd.clear()
		u.recvMu.Unlock()
	})
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		st, err := stack.New()
		if err != nil {
			b.Fatal(err)
		}
		st.Close()
	}
}

func BenchmarkPingPong(b *testing.B) {
	ns := new(Namespace)
	l := listen(b, ns)
	x, y := dial(b, ns, l)
	p := make([]byte, 64)
	for b.Loop() {
		for _, d := range [][2]*Socket{{x, y}, {y, x}} {
			buf := guest.Local(p)
			if _, err := d[0].Send(ctx(), &buf, &socket.Outgoing{}); err != nil {
				b.Fatal(err)
			}
			await(b, d[1], wait.In)
			buf = guest.Local(p)
			if _, err := d[1].Recv(ctx(), &buf, &socket.Incoming{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDatagram(b *testing.B) {
	ns := new(Namespace)
	r, s := open(b, ns, linux.AF_INET, linux.SOCK_DGRAM), open(b, ns, linux.AF_INET, linux.SOCK_DGRAM)
	_ = r.Bind(ctx(), local(0))
	to, _ := r.Name()
	p := make([]byte, 1400)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		buf := guest.Local(p)
		if _, err := s.Send(ctx(), &buf, &socket.Outgoing{To: to}); err != nil {
			b.Fatal(err)
		}
		buf = guest.Local(p)
		if _, err := r.Recv(ctx(), &buf, &socket.Incoming{}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAddresses goes from the guest's form to the engine's and back.
func TestAddresses(t *testing.T) {
	for _, a := range []string{"1.2.3.4", "::1", "fe80::1", "::ffff:1.2.3.4"} {
		raw := make([]byte, linux.SizeOfSockaddrIn6)
		domain := linux.AF_INET6
		var ip [16]byte
		s := stack.Addr{Port: 80}
		if err := s.IP.UnmarshalText([]byte(a)); err != nil {
			t.Fatal(err)
		}
		if s.IP.Is4() {
			domain, raw = linux.AF_INET, raw[:linux.SizeOfSockaddrIn]
			copy(raw[4:], s.IP.AsSlice())
		} else {
			ip = s.IP.As16()
			copy(raw[8:], ip[:])
			if scoped(s.IP) {
				s.NIC = 3
				raw[24] = 3
			}
		}
		binary.NativeEndian.PutUint16(raw, uint16(domain))
		binary.BigEndian.PutUint16(raw[2:], 80)
		got, mapped, err := parse(raw)
		if err != nil || got != s || mapped != s.IP.Is4In6() {
			t.Errorf("%s: %+v, %v, %v", a, got, mapped, err)
		}
		if string(sockaddr(domain, got)) != string(raw) {
			t.Errorf("%s: %x, not %x", a, sockaddr(domain, got), raw)
		}
	}
}

// TestEndIsTold: who looks as soon as something happens sees the end of a stream.
func TestEndIsTold(t *testing.T) {
	ns := new(Namespace)
	l := listen(t, ns)
	for i := range 10000 {
		a, b := dial(t, ns, l)
		var told atomic.Int32
		e := &wait.Entry{Mask: wait.In | wait.RdHup, Notify: func(wait.Mask) { told.Add(1) }}
		b.queue.Register(e)
		a.Release()
		seen := int32(0)
		for end := time.Now().Add(5 * time.Second); b.Ready()&wait.RdHup == 0; {
			for told.Load() == seen {
				if time.Now().After(end) {
					t.Fatalf("round %d: told %d times, and looked each time", i, seen)
				}
			}
			seen = told.Load()
		}
		b.queue.Unregister(e)
		b.Release()
	}
}
