package unix

import (
	stdbytes "bytes"
	"fmt"
	"sync"
	"testing"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

func ctx() *vfs.Ctx { return &vfs.Ctx{Creds: &auth.Creds{}, TGID: 7} }

func pair(t *testing.T, ns *Namespace, typ int) (a, b *Socket) {
	t.Helper()
	x, y, err := ns.Pair(ctx(), typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	return x.(*Socket), y.(*Socket)
}

func send(s *Socket, data string, m *socket.Outgoing) (int64, error) {
	if m == nil {
		m = &socket.Outgoing{}
	}
	b := guest.Local([]byte(data))
	return s.Send(ctx(), &b, m)
}

func recv(s *Socket, n int, m *socket.Incoming) (string, error) {
	if m == nil {
		m = &socket.Incoming{}
	}
	p := make([]byte, n)
	b := guest.Local(p)
	k, err := s.Recv(ctx(), &b, m)
	return string(p[:k]), err
}

func abstract(name string) []byte { return append(unnamed(), "\x00"+name...) }

func TestStream(t *testing.T) {
	a, b := pair(t, New(nil), linux.SOCK_STREAM)
	for _, s := range []string{"one", "two", "three"} {
		if n, err := send(a, s, nil); n != int64(len(s)) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got, err := recv(b, 4, &socket.Incoming{Flags: linux.MSG_PEEK}); got != "onet" || err != nil {
		t.Errorf("peeked %q, %v", got, err)
	}
	if got, err := recv(b, 100, nil); got != "onetwothree" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := recv(b, 1, nil); err != linux.EAGAIN {
		t.Errorf("empty: %v", err)
	}
	big := string(make([]byte, 1<<20))
	n, err := send(a, big, nil)
	if n == 0 || n >= 1<<20 || err != linux.EAGAIN {
		t.Errorf("a large write: %d, %v", n, err)
	}
	if a.Ready()&wait.Out != 0 {
		t.Error("writable when full")
	}
	e, ch := wait.NewChan(wait.Out)
	a.Queue().Register(e)
	if got, _ := recv(b, 1<<20, nil); int64(len(got)) != n {
		t.Errorf("received %d of %d", len(got), n)
	}
	select {
	case <-ch:
	default:
		t.Error("the sender did not hear of room")
	}
	send(b, "unread", nil)
	send(a, "last", nil)
	b.Release()
	if m := a.Ready(); m&(wait.Hup|wait.RdHup|wait.In) != wait.Hup|wait.RdHup|wait.In {
		t.Errorf("ready %#x after the peer was closed", m)
	}
	if got, _ := recv(a, 100, nil); got != "unread" {
		t.Errorf("got %q", got)
	}
	if _, err := recv(a, 1, nil); err != linux.ECONNRESET {
		t.Errorf("after unread data was lost: %v", err)
	}
	if got, err := recv(a, 1, nil); got != "" || err != nil {
		t.Errorf("at the end: %v", err)
	}
	if _, err := send(a, "x", nil); err != linux.EPIPE {
		t.Errorf("write to nobody: %v", err)
	}
}

func TestConnect(t *testing.T) {
	for _, typ := range []int{linux.SOCK_STREAM, linux.SOCK_SEQPACKET} {
		ns := New(nil)
		l, _ := ns.create(typ, 0)
		c, _ := ns.create(typ, 0)
		if _, err := c.Connect(ctx(), abstract("srv")); err != linux.ECONNREFUSED {
			t.Errorf("nobody there: %v", err)
		}
		if err := l.Listen(ctx(), 5); err != linux.EINVAL {
			t.Errorf("listen without a name: %v", err)
		}
		if err := l.Bind(ctx(), abstract("srv")); err != nil {
			t.Fatal(err)
		}
		if err := l.Listen(ctx(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Connect(ctx(), abstract("srv")); err != nil {
			t.Fatal(err)
		}
		second, _ := ns.create(typ, 0)
		if q, err := second.Connect(ctx(), abstract("srv")); err != linux.EAGAIN || q != &l.room {
			t.Errorf("beyond the backlog: %v", err)
		}
		send(c, "early", nil)
		x, err := l.Accept(ctx())
		if err != nil {
			t.Fatal(err)
		}
		s := x.(*Socket)
		if got, err := recv(s, 10, nil); got != "early" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if name, _ := c.Peer(); !stdbytes.Equal(name, abstract("srv")) {
			t.Errorf("peer is %q", name)
		}
		if name, _ := s.Peer(); !stdbytes.Equal(name, unnamed()) {
			t.Errorf("client is %q", name)
		}
		if v, _ := s.Option(ctx(), linux.SOL_SOCKET, linux.SO_PEERCRED); v[0] != 7 {
			t.Errorf("peer's credentials %v", v)
		}
		if _, err := c.Connect(ctx(), abstract("srv")); err != linux.EISCONN {
			t.Errorf("connected twice: %v", err)
		}
		if _, err := second.Connect(ctx(), abstract("srv")); err != nil {
			t.Fatal(err)
		}
		l.Release()
		if _, err := recv(second, 1, nil); err != linux.ECONNRESET {
			t.Errorf("never accepted: %v", err)
		}
		if len(ns.abstract) != 0 {
			t.Error("the name was not given up")
		}
	}
}

func TestDatagram(t *testing.T) {
	ns := New(nil)
	r, _ := ns.create(linux.SOCK_DGRAM, 0)
	s, _ := ns.create(linux.SOCK_DGRAM, 0)
	r.Bind(ctx(), abstract("r"))
	s.Bind(ctx(), abstract("s"))
	to := &socket.Outgoing{To: abstract("r")}
	for _, d := range []string{"first", "", "third"} {
		if n, err := send(s, d, to); n != int64(len(d)) || err != nil {
			t.Fatal(n, err)
		}
	}
	m := &socket.Incoming{}
	if got, err := recv(r, 3, m); got != "fir" || err != nil || m.Full != 5 || m.Out != linux.MSG_TRUNC {
		t.Errorf("got %q, %v, %+v", got, err, m)
	}
	if !stdbytes.Equal(m.From, abstract("s")) {
		t.Errorf("from %q", m.From)
	}
	if got, err := recv(r, 3, nil); got != "" || err != nil {
		t.Errorf("empty datagram: %q, %v", got, err)
	}
	recv(r, 10, nil)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = send(s, "x", to)
	}
	if err != linux.EAGAIN || to.Wait != &r.room || n != maxQueued+2 {
		t.Errorf("full after %d: %v", n, err)
	}
	if _, err := send(s, string(make([]byte, 1<<20)), to); err != linux.EMSGSIZE {
		t.Errorf("too long: %v", err)
	}
	if _, err := s.Connect(ctx(), abstract("r")); err != nil {
		t.Fatal(err)
	}
	third, _ := ns.create(linux.SOCK_DGRAM, 0)
	if _, err := send(third, "x", &socket.Outgoing{To: abstract("s")}); err != linux.EPERM {
		t.Errorf("to a socket that is connected elsewhere: %v", err)
	}
	r.Release()
	if _, err := send(s, "x", nil); err != linux.ECONNREFUSED {
		t.Errorf("to a closed socket: %v", err)
	}
	if _, err := send(s, "x", nil); err != linux.ENOTCONN {
		t.Errorf("and again: %v", err)
	}
}

func TestSeqpacket(t *testing.T) {
	a, b := pair(t, New(nil), linux.SOCK_SEQPACKET)
	send(a, "one", nil)
	send(a, "two", nil)
	if got, _ := recv(b, 100, nil); got != "one" {
		t.Errorf("got %q", got)
	}
	a.Shutdown(ctx(), linux.SHUT_WR)
	if got, err := recv(b, 100, nil); got != "two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := recv(b, 100, nil); got != "" || err != nil {
		t.Errorf("at the end: %q, %v", got, err)
	}
	if _, err := send(a, "x", nil); err != linux.EPIPE {
		t.Errorf("after shutdown: %v", err)
	}
}

// file wraps s as a descriptor would.
func file(s *Socket) *vfs.File { return vfs.NewAnonFile("socket:[1]", s, linux.O_RDWR) }

func rights(files ...*vfs.File) *socket.Outgoing {
	return &socket.Outgoing{Control: socket.Control{Files: files, MaxInFlight: 100}}
}

func TestRights(t *testing.T) {
	ns := New(nil)
	a, b := pair(t, ns, linux.SOCK_STREAM)
	c, d := pair(t, ns, linux.SOCK_STREAM)
	f := file(c)
	send(a, "plain", nil)
	f.Inc()
	m := rights(f)
	if _, err := send(a, "with", m); err != nil || m.Control.Files != nil {
		t.Fatal(err, m.Control.Files)
	}
	send(a, "after", nil)
	in := &socket.Incoming{}
	if got, err := recv(b, 100, in); got != "plainwith" || err != nil || len(in.Control.Files) != 1 {
		t.Fatalf("got %q, %v, %v", got, err, in.Control.Files)
	}
	if in.Control.Files[0] != f || f.Refs() != 2 {
		t.Errorf("%d references", f.Refs())
	}
	f.Dec()
	f.Dec()
	if _, err := send(d, "x", nil); err != linux.EPIPE {
		t.Errorf("not closed: %v", err)
	}
	if len(ns.users)+len(ns.sockets)+len(ns.cargo) != 0 {
		t.Errorf("left on the way: %v %v %v", ns.users, ns.sockets, ns.cargo)
	}
	for i := 0; ; i++ {
		_, err := send(a, "x", &socket.Outgoing{Control: socket.Control{Files: []*vfs.File{file(d)}, MaxInFlight: 3}})
		if err == linux.ETOOMANYREFS && i == 4 {
			break
		}
		if err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
}

// TestCycles sends sockets over each other and closes them: all must go.
func TestCycles(t *testing.T) {
	ns := New(nil)
	for _, n := range []int{1, 2, 5, 10000} {
		outside, watch := pair(t, ns, linux.SOCK_STREAM)
		watched := file(outside)
		files := make([]*vfs.File, n)
		tx := make([]*vfs.File, n)
		for i := range files {
			a, b := pair(t, ns, linux.SOCK_STREAM)
			tx[i], files[i] = file(a), file(b)
		}
		for i := range files {
			next := files[(i+1)%n]
			next.Inc()
			m := rights(next)
			m.Control.MaxInFlight = 1 << 20
			if i == 0 {
				watched.Inc()
				m.Control.Files = append(m.Control.Files, watched)
			}
			if _, err := send(tx[i].Ops().(*Socket), "x", m); err != nil {
				t.Fatal(err)
			}
		}
		watched.Dec()
		for i := range files {
			tx[i].Dec()
			files[i].Dec()
		}
		for range 100 { // collections are spread over closes
			a, b := pair(t, ns, linux.SOCK_STREAM)
			a.Release()
			b.Release()
			if len(ns.sockets) == 0 {
				break
			}
			ns.flightMu.Lock()
			ns.closes = len(ns.sockets)
			ns.flightMu.Unlock()
		}
		if len(ns.sockets) != 0 {
			t.Errorf("cycle of %d: %d sockets are left", n, len(ns.sockets))
		}
		if _, err := send(watch, "x", nil); err != linux.EPIPE {
			t.Errorf("cycle of %d: what it held is open: %v", n, err)
		}
	}
}

func TestReachableIsKept(t *testing.T) {
	ns := New(nil)
	l, _ := ns.create(linux.SOCK_STREAM, 0)
	l.Bind(ctx(), abstract("l"))
	l.Listen(ctx(), 5)
	lf := file(l)
	c, _ := ns.create(linux.SOCK_STREAM, 0)
	c.Connect(ctx(), abstract("l"))
	a, b := pair(t, ns, linux.SOCK_STREAM)
	bf := file(b)
	send(c, "x", rights(bf)) // waits at the listener, the only reference
	for range 10 {
		x, y := pair(t, ns, linux.SOCK_STREAM)
		x.Release()
		y.Release()
	}
	if _, err := send(a, "y", nil); err != nil {
		t.Fatalf("a socket in reach was collected: %v", err)
	}
	lf.Dec()
	if _, err := send(a, "y", nil); err != linux.EPIPE {
		t.Errorf("%v", err)
	}
}

func TestCredentials(t *testing.T) {
	a, b := pair(t, New(nil), linux.SOCK_STREAM)
	b.SetOptionBase(t)
	send(a, "one", nil)
	c := ctx()
	c.TGID = 8
	buf := guest.Local([]byte("two"))
	a.Send(c, &buf, &socket.Outgoing{})
	for i, want := range []struct {
		data string
		pid  int32
	}{{"one", 7}, {"two", 8}} {
		m := &socket.Incoming{}
		got, err := recv(b, 100, m)
		if got != want.data || err != nil || m.Control.Creds == nil || m.Control.Creds.PID != want.pid {
			t.Errorf("message %d: %q, %v, %+v", i, got, err, m.Control.Creds)
		}
	}
	if _, err := send(a, "x", &socket.Outgoing{Control: socket.Control{Creds: &linux.Ucred{PID: 1}}}); err != linux.EPERM {
		t.Errorf("a false pid: %v", err)
	}
}

// SetOptionBase turns SO_PASSCRED on.
func (s *Socket) SetOptionBase(t *testing.T) {
	if err, ok := s.Common().SetOption(ctx().Creds, linux.SO_PASSCRED, socket.Int(1)); err != nil || !ok {
		t.Fatal(err, ok)
	}
}

// TestConcurrent closes, connects and sends from many goroutines.
func TestConcurrent(t *testing.T) {
	ns := New(nil)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			name := abstract(fmt.Sprint(i % 2))
			for range 300 {
				for _, typ := range []int{linux.SOCK_STREAM, linux.SOCK_DGRAM} {
					l, _ := ns.create(typ, 0)
					l.Bind(ctx(), name)
					l.Listen(ctx(), 1)
					c, _ := ns.create(typ, 0)
					c.Connect(ctx(), name)
					send(c, "hello", rights(file(l)))
					if x, err := l.Accept(ctx()); err == nil {
						m := &socket.Incoming{}
						recv(x.(*Socket), 3, m)
						for _, f := range m.Control.Files {
							f.Dec()
						}
						x.Release()
					}
					c.Ready()
					c.Release()
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkPingPong(b *testing.B) {
	x, y, _ := New(nil).Pair(ctx(), linux.SOCK_STREAM, 0)
	p, c := make([]byte, 64), ctx()
	buf, out, in := new(guest.Buf), new(socket.Outgoing), new(socket.Incoming)
	b.ReportAllocs()
	for b.Loop() {
		*buf = guest.Local(p)
		x.Send(c, buf, out)
		*buf = guest.Local(p)
		y.Recv(c, buf, in)
	}
}
