package p9

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// A hostileGofer answers each request with what a script says next:
//
//	how[1] len[1] body[len]
//
// Bits of how spoil what would else be the reply's type and tag, or add a
// descriptor. Behind the script's end it hangs up.
type hostileGofer struct {
	fd     int
	script []byte
	file   string // what it donates
}

const (
	howError = 1 << iota // an Rlerror
	howType              // the type is the body's first byte
	howTag               // so is the tag, for 2 bytes
	howDescriptor
	howTwo // two descriptors
	howPieces
	howLonger // says that it is longer than it is
	howTwice
)

func (g *hostileGofer) run() {
	defer unix.Close(g.fd)
	for {
		head, err := g.read(headerSize)
		if err != nil || len(g.script) < 2 {
			return
		}
		if _, err := g.read(int(le.Uint32(head)) - headerSize); err != nil {
			return
		}
		how, n := g.script[0], min(int(g.script[1]), len(g.script)-2)
		body := g.script[2 : 2+n]
		g.script = g.script[2+n:]
		if err := g.answer(head, how, body); err != nil {
			return
		}
	}
}

func (g *hostileGofer) read(n int) ([]byte, error) {
	p := make([]byte, n)
	for done := 0; done < n; {
		m, err := unix.Read(g.fd, p[done:])
		if err != nil {
			return nil, err
		}
		if m == 0 {
			return nil, io.EOF
		}
		done += m
	}
	return p, nil
}

func (g *hostileGofer) answer(head []byte, how byte, body []byte) error {
	typ, tag := head[4]+1, le.Uint16(head[5:])
	if how&howError != 0 {
		typ = rlerror
	}
	if how&howType != 0 && len(body) > 0 {
		typ, body = body[0], body[1:]
	}
	if how&howTag != 0 && len(body) > 1 {
		tag, body = le.Uint16(body), body[2:]
	}
	var e encoder
	e.start(typ, tag)
	e.b = append(e.b, body...)
	msg := e.finish()
	if how&howLonger != 0 {
		le.PutUint32(msg, uint32(len(msg))+defaultMSize/2)
	}
	var fds []int
	for range int(how&howDescriptor/howDescriptor + how&howTwo/howTwo*2) {
		fd, err := unix.Open(g.file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	if how&howTwice != 0 {
		msg = append(msg, msg...)
	}
	piece := len(msg)
	if how&howPieces != 0 {
		piece = 5
	}
	for len(msg) > 0 {
		var oob []byte
		if len(fds) > 0 {
			oob = unix.UnixRights(fds...)
			fds = nil
		}
		n, err := unix.SendmsgN(g.fd, msg[:min(piece, len(msg))], oob, nil, unix.MSG_NOSIGNAL)
		if err != nil {
			return err
		}
		msg = msg[n:]
	}
	if how&howLonger != 0 {
		return io.EOF // the rest never comes
	}
	return nil
}

// use calls everything that a client has, and checks what the Sentry relies on.
func use(t *testing.T, c *Client) {
	check := func(what string, err error) bool {
		if err == nil {
			return true
		}
		if e, ok := err.(linux.Errno); !ok || e == 0 || e > 4095 {
			t.Errorf("%s: %v is no errno", what, err)
		}
		return false
	}
	attr := func(a Attr) {
		if err := checkAttr(&a); err != nil {
			t.Errorf("attributes %+v", a)
		}
	}
	root, a, err := c.Attach("/")
	if !check("attach", err) {
		return
	}
	defer root.Close()
	attr(a)
	f, a, err := root.Walk("a", "b")
	if !check("walk", err) {
		return
	}
	defer f.Close()
	attr(a)
	if g, a, fd, err := f.WalkDonate("c"); check("walk and donate", err) {
		attr(a)
		g.Close()
		if fd >= 0 {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil {
				t.Errorf("descriptor %d: %v", fd, err)
			}
			unix.Close(fd)
		}
	}
	if a, err := f.GetAttr(); check("getattr", err) {
		attr(a)
	}
	if s, err := f.Readlink(); check("readlink", err) && (s == "" || len(s) > maxTarget || strings.ContainsRune(s, 0)) {
		t.Errorf("target %q", s)
	}
	if fd, err := f.Donate(linux.O_RDONLY); check("donate", err) {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil {
			t.Errorf("descriptor %d: %v", fd, err)
		}
		unix.Close(fd)
	}
	if o, err := f.Open(linux.O_RDWR); check("open", err) {
		p := make([]byte, 100)
		if n, err := o.ReadAt(p, 5); check("read", err) && (n < 0 || n > len(p)) {
			t.Errorf("read %d", n)
		}
		if n, err := o.WriteAt(p, 5); check("write", err) && (n < 0 || n > len(p)) {
			t.Errorf("wrote %d", n)
		}
		_, err := o.ReadDir(0, func(d Dirent) {
			if d.Name == "" || len(d.Name) > maxName || strings.ContainsAny(d.Name, "/\x00") {
				t.Errorf("entry %q", d.Name)
			}
		})
		check("readdir", err)
		check("fsync", o.Fsync(true))
		check("lock", o.TryLock(Lock{Type: LockRead}))
		if _, err := o.GetLock(Lock{Type: LockRead}); err != nil {
			check("getlock", err)
		}
		o.Close()
	}
	if v, err := f.GetXattr("user.a"); check("getxattr", err) && len(v) > maxXattr {
		t.Errorf("a value of %d bytes", len(v))
	}
	if names, err := f.ListXattr(); check("listxattr", err) {
		for _, n := range names {
			if n == "" || len(n) > maxName {
				t.Errorf("an attribute's name %q", n)
			}
		}
	}
	check("setxattr", f.SetXattr("user.a", []byte("value"), 0))
	check("removexattr", f.RemoveXattr("user.a"))
	if _, err := f.StatFS(); err != nil {
		check("statfs", err)
	}
	check("setattr", f.SetAttr(SetAttr{Valid: SetMode}))
	for _, kind := range []uint32{linux.S_IFREG, linux.S_IFDIR, linux.S_IFLNK, linux.S_IFIFO} {
		if g, a, err := root.Make(New{Name: "n", Mode: kind | 0o600, Target: "t"}); check("make", err) {
			attr(a)
			g.Close()
		}
	}
	check("link", root.Link("l", f))
	check("rename", root.Rename("l", root, "m", 0))
	check("unlink", root.Unlink("m", 0))
}

// FuzzClient is a gofer that somebody has taken over: the Sentry's client takes
// any reply.
func FuzzClient(f *testing.F) {
	file := filepath.Join(f.TempDir(), "file")
	if err := os.WriteFile(file, []byte("donated"), 0o600); err != nil {
		f.Fatal(err)
	}
	// reply is a step of the script.
	reply := func(how byte, fields func(*encoder)) []byte {
		var e encoder
		if fields != nil {
			fields(&e)
		}
		return append([]byte{how, byte(len(e.b))}, e.b...)
	}
	version := func(msize uint32, v string) []byte {
		return reply(0, func(e *encoder) { e.u32(msize); e.str(v) })
	}
	a := Attr{Valid: AttrBasic, Mode: linux.S_IFREG | 0o644, Size: 7}
	devAttr := reply(0, func(e *encoder) { e.devAttr(&a) })
	plainAttr := reply(0, func(e *encoder) { e.attr(&a) })
	qid := reply(0, func(e *encoder) { e.qid(QID{}) })
	empty := reply(0, nil)
	walked := reply(0, func(e *encoder) { e.u16(2); e.qid(QID{}); e.qid(QID{}) })
	cloned := reply(0, func(e *encoder) { e.u16(0) })
	opened := reply(0, func(e *encoder) { e.qid(QID{}); e.u32(0) })
	target := reply(0, func(e *encoder) { e.str("target") })
	data := reply(0, func(e *encoder) { e.data([]byte("data")) })
	wrote := reply(0, func(e *encoder) { e.u32(100) })
	entries := reply(0, func(e *encoder) {
		var d encoder
		for _, n := range []string{".", "..", "name"} {
			d.dirent(&Dirent{Next: 1, Type: linux.DT_REG, Name: n})
		}
		e.data(d.b)
	})
	unlocked := reply(0, func(e *encoder) { e.lock(&Lock{Type: LockNone}) })
	locked := reply(0, func(e *encoder) { e.u8(lockSuccess) })
	names := reply(0, func(e *encoder) { e.data([]byte("user.a\x00user.b\x00")) })
	stat := reply(0, func(e *encoder) { e.statFS(&StatFS{}) })
	refused := reply(howError, func(e *encoder) { e.u32(uint32(linux.EPERM)) })
	list := func(steps ...[]byte) (b []byte) {
		for _, s := range steps {
			b = append(b, s...)
		}
		return b
	}
	hello := list(version(defaultMSize, versionGlovebox), qid, devAttr, empty) // and a clunk
	fd := reply(howDescriptor, nil)
	f.Add(list(hello, devAttr, plainAttr, target, fd, cloned, opened, data, wrote, entries, empty, locked, unlocked, empty,
		data, names, empty, empty, stat, empty, devAttr, empty, devAttr, empty, devAttr, empty, devAttr, empty, empty, empty, empty))
	plain := list(version(8192, versionPlain), qid, plainAttr)
	f.Add(list(plain, walked, plainAttr, plainAttr, target, cloned, opened, data, wrote, entries, empty, locked, unlocked, empty))
	f.Add(list(version(100, versionPlain)))
	f.Add(list(version(8192, versionUnknown), version(8192, versionGlovebox)))
	f.Add(list(hello, devAttr, refused, refused, refused, refused, refused, refused, refused))
	f.Add(list(hello, devAttr, plainAttr, target, reply(howDescriptor|howTwo|howPieces, nil), reply(howTwice, nil)))
	f.Add(list(hello, devAttr, plainAttr, target, reply(howDescriptor, func(e *encoder) { e.u8(1) })))
	f.Add(list(hello, devAttr, plainAttr, target, empty)) // nothing donated
	f.Add(list(hello, devAttr, refused, refused, refused, refused, data, reply(0, func(e *encoder) { e.data([]byte("user.a\x00\x00")) })))
	f.Add(list(hello, reply(howTag, func(e *encoder) { e.u16(77) })))
	f.Add(list(hello, reply(howLonger, nil)))
	f.Add(list(hello, devAttr, plainAttr, reply(0, func(e *encoder) { e.str("a\x00b") })))
	f.Add(list(hello, devAttr, plainAttr, target, refused, cloned, opened, reply(0, func(e *encoder) { e.u32(0xffffffff) }), reply(0, func(e *encoder) { e.u32(101) })))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 1<<14 {
			t.Skip("more of the same")
		}
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			g := hostileGofer{fd: fds[1], script: script, file: file}
			g.run()
		}()
		used := make(chan struct{})
		go func() {
			defer close(used)
			c, err := NewClientFD(fds[0])
			if err == nil {
				use(t, c)
				c.Close()
			}
		}()
		for _, wait := range []chan struct{}{used, over} {
			select {
			case <-wait:
			case <-time.After(time.Minute):
				buf := make([]byte, 1<<20)
				t.Fatalf("hangs:\n%s", buf[:runtime.Stack(buf, true)])
			}
		}
		if left := donated(t, file); left != 0 {
			t.Errorf("%d descriptors are left open", left)
		}
	})
}

// donated counts this process's descriptors of a file.
func donated(t *testing.T, file string) (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && name == file {
			n++
		}
	}
	return n
}
