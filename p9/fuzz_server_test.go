package p9_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/gofer"
	"glovebox/host"
)

var le = binary.LittleEndian

// u appends numbers of the given widths in bytes, in turn with their values.
func u(widthAndValue ...uint64) (b []byte) {
	for i := 0; i < len(widthAndValue); i += 2 {
		b = append(b, le.AppendUint64(nil, widthAndValue[i+1])[:widthAndValue[i]]...)
	}
	return b
}

func str(s string) []byte { return append(u(2, uint64(len(s))), s...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// step is one message as FuzzServer takes it: a type, a length, a body.
func step(typ byte, body ...[]byte) []byte {
	b := join(body...)
	return join([]byte{typ, byte(len(b))}, b)
}

// A hostileSentry is a server over a directory with a neighbour that the client
// must never see or change.
type hostileSentry struct {
	t    *testing.T
	top  string // holds root, which is served, and the secret
	conn *net.UnixConn
	done chan error

	replied chan struct{} // one a reply; closed when the server hung up
}

const secret = "what lies outside"

// when the secret was written, which its attributes would say.
var when = time.Unix(0x1ec2e75e, 0)

func newHostileSentry(t *testing.T) *hostileSentry {
	h := &hostileSentry{t: t, top: t.TempDir(), done: make(chan error, 1), replied: make(chan struct{}, 1<<16)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(h.top, name) }
	must(os.MkdirAll(in("root/d/e"), 0o755))
	must(os.WriteFile(in("root/f"), []byte("content"), 0o644))
	must(os.Symlink("../secret", in("root/up")))
	must(os.Symlink(in("secret"), in("root/absolute")))
	must(os.Symlink("d", in("root/l")))
	must(os.WriteFile(in("secret"), []byte(secret), 0o644))
	must(os.Chtimes(in("secret"), when, when))
	self, err := host.SelfFDs()
	must(err)
	root, err := unix.Open(in("root"), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(err)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	go func() {
		h.done <- gofer.ServeFD(fds[0], gofer.Options{Attach: []gofer.Attach{{Name: "/", Root: root}}, SelfFDs: self})
		unix.Close(self)
		unix.Close(root)
	}()
	f := os.NewFile(uintptr(fds[1]), "client")
	conn, err := net.FileConn(f)
	must(err)
	f.Close()
	h.conn = conn.(*net.UnixConn)
	return h
}

// end hangs up and checks that the server ends, and that all outside is as it
// was.
func (h *hostileSentry) end() {
	select {
	case <-h.done:
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		h.t.Fatalf("the server hangs:\n%s", buf[:runtime.Stack(buf, true)])
	}
	entries, err := os.ReadDir(h.top)
	if err != nil || len(entries) != 2 || entries[0].Name() != "root" || entries[1].Name() != "secret" {
		h.t.Errorf("beside the root: %v, %v", entries, err)
	}
	b, err := os.ReadFile(filepath.Join(h.top, "secret"))
	st, err2 := os.Lstat(filepath.Join(h.top, "secret"))
	if err != nil || err2 != nil || string(b) != secret || !st.ModTime().Equal(when) || st.Mode() != 0o644 {
		h.t.Errorf("the secret is %q, %v, %v, %v", b, st, err, err2)
	}
}

// receive reads until the server hangs up, and checks what it sent: nothing of
// the secret, no descriptor from outside.
func (h *hostileSentry) receive() {
	defer close(h.replied)
	var all []byte
	next := 0 // where in all the next reply begins
	var fds []int
	p, oob := make([]byte, 64<<10), make([]byte, 1024)
	for {
		n, oobn, _, _, err := h.conn.ReadMsgUnix(p, oob)
		if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
			for _, m := range msgs {
				got, err := unix.ParseUnixRights(&m)
				if err != nil {
					h.t.Error(err)
				}
				fds = append(fds, got...)
			}
		}
		all = append(all, p[:n]...)
		for next+4 <= len(all) && next+int(le.Uint32(all[next:])) <= len(all) {
			next += int(le.Uint32(all[next:]))
			h.replied <- struct{}{}
		}
		if err != nil || n == 0 {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
				h.t.Error(err)
			}
			break
		}
	}
	if bytes.Contains(all, []byte(secret)) || bytes.Contains(all, u(8, uint64(when.Unix()))) {
		h.t.Errorf("the secret is in the replies:\n%q", all)
	}
	for _, fd := range fds {
		name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		var st unix.Stat_t
		if err != nil || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || !strings.HasPrefix(name, filepath.Join(h.top, "root")+"/") {
			h.t.Errorf("a descriptor of %s, mode %#o, %v", name, st.Mode, err)
		}
		unix.Close(fd)
	}
}

// FuzzServer is a Sentry that a guest has taken over: it sends any messages to a
// gofer, first one after another, then whatever bytes.
func FuzzServer(f *testing.F) {
	const root, at, other = 0, 1, 2
	walk := func(from, to uint64, names ...string) []byte {
		b := u(4, from, 4, to, 2, uint64(len(names)))
		for _, n := range names {
			b = append(b, str(n)...)
		}
		return b
	}
	for _, seed := range [][]byte{
		// Ways out.
		join(step(110, walk(root, at, "..")), step(110, walk(root, at, "../secret")), step(110, walk(root, at, "/etc")), step(200, walk(root, at, "d", "..", "..", "secret"))),
		join(step(110, walk(root, at, "up")), step(12, u(4, at, 4, 0)), step(202, u(4, at, 4, 0)), step(22, u(4, at))),
		join(step(200, walk(root, at, "absolute")), step(200, walk(at, other, "x")), step(202, u(4, at, 4, 2))),
		join(step(200, walk(root, at, "l", "e")), step(16, u(4, root), str("new"), str("../../secret"), u(4, 0)), step(200, walk(root, at, "new")), step(12, u(4, at, 4, 0))),
		join(step(72, u(4, root), str("../m"), u(4, 0o755, 4, 0)), step(76, u(4, root), str(".."), u(4, 0x200)), step(70, u(4, root, 4, root), str("../x"))),
		join(step(200, walk(root, at, "d")), step(74, u(4, root), str("f"), u(4, at), str("../../secret")), step(212, u(4, root), str("f"), u(4, at), str("g"), u(4, 2)), step(20, u(4, at, 4, root), str("h"))),
		// Files used as they are meant to be, and then otherwise.
		join(step(200, walk(root, at, "f")), step(202, u(4, at, 4, 0)), step(202, u(4, at, 4, 2)), step(12, u(4, at, 4, 2)), step(116, u(4, at, 8, 0, 4, 0xffffffff)), step(118, u(4, at, 8, 1<<40, 4, 3), []byte("abc")), step(50, u(4, at, 4, 1)), step(120, u(4, at)), step(120, u(4, at))),
		join(step(110, walk(root, at)), step(12, u(4, at, 4, 0)), step(40, u(4, at, 8, 0, 4, 4096)), step(40, u(4, at, 8, 1<<62, 4, 0xffffffff)), step(116, u(4, at, 8, 0, 4, 1))),
		join(step(110, walk(root, at)), step(14, u(4, at), str("made"), u(4, 0o1102, 4, 0o644, 4, 0)), step(118, u(4, at, 8, 0, 4, 1), []byte("x")), step(122, u(4, at))),
		join(step(204, u(4, root, 4, at, 4, 0o20644, 8, 0x103, 4, 0, 4, 0), str("dev"), str("")), step(12, u(4, at, 4, 0)), step(202, u(4, at, 4, 0)), step(18, u(4, root), str("fifo"), u(4, 0o10644, 4, 0, 4, 0, 4, 0))),
		join(step(24, u(4, root, 8, 0x7ff)), step(26, u(4, root, 4, 0x1ff, 4, 0o700, 4, 1, 4, 1, 8, 1<<63-1, 8, 1, 8, 1, 8, 1, 8, 1)), step(8, u(4, root))),
		join(step(200, walk(root, at, "f")), step(32, u(4, at), str("user.a"), u(8, 3, 4, 0)), step(118, u(4, at, 8, 0, 4, 3), []byte("abc")), step(120, u(4, at)), step(200, walk(root, at, "f")), step(30, u(4, at, 4, other), str("user.a")), step(116, u(4, other, 8, 0, 4, 10)), step(206, u(4, at, 4, 100), str("")), step(208, u(4, at, 4, 0), str("user.b"), u(4, 1), []byte("v")), step(210, u(4, at), str("user.b"))),
		join(step(200, walk(root, at, "f")), step(12, u(4, at, 4, 2)), step(52, u(4, at, 1, 1, 4, 0, 8, 0, 8, 0, 4, 1), str("me")), step(54, u(4, at, 1, 0, 8, 1, 8, 1<<62, 4, 1), str("me"))),
		join(step(108, u(2, 3)), step(100, u(4, 8192), str("9P2000.L")), step(104, u(4, 9, 4, 0xffffffff), str(""), str("/"), u(4, 0)), step(104, u(4, root, 4, 0xffffffff), str(""), str("/../"), u(4, 0))),
	} {
		f.Add(seed, []byte{})
	}
	f.Add([]byte{}, []byte{7, 0, 0, 0, 120, 1, 0, 0xff, 0xff, 0xff, 0xff, 116, 2, 0})
	f.Fuzz(func(t *testing.T, framed, raw []byte) {
		if len(framed)+len(raw) > 1<<14 {
			t.Skip("more of the same")
		}
		h := newHostileSentry(t)
		go h.receive()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		messages := 0
		send := func(typ byte, tag uint16, body []byte) {
			messages++
			// An error means that the server hung up, as it should.
			_, _ = h.conn.Write(join(u(4, uint64(7+len(body)), 1, uint64(typ), 2, uint64(tag)), body))
			<-h.replied
		}
		send(100, 0xffff, join(u(4, 1<<20), str("9P2000.L.glovebox1")))
		send(104, 1, join(u(4, root, 4, 0xffffffff), str(""), str("/"), u(4, 0)))
		for tag := uint16(2); len(framed) >= 2; tag++ {
			typ, n := framed[0], min(int(framed[1]), len(framed)-2)
			if typ == 100 {
				tag = 0xffff
			}
			send(typ, tag, framed[2:2+n])
			framed = framed[2+n:]
		}
		_, _ = h.conn.Write(raw)
		_ = h.conn.CloseWrite()
		for range h.replied {
		}
		h.end()
		h.conn.Close()
		runtime.ReadMemStats(&after)
		// A message may ask for one reply of the largest size, and the
		// rest of raw may announce a body of it.
		messages += len(raw)/7 + 1
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(messages)*(3<<20)+(8<<20); got > most {
			t.Errorf("%d messages made the server take %d bytes", messages, got)
		}
	})
}
