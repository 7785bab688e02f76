package gofer_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/gofer"
	"glovebox/host"
)

var le = binary.LittleEndian

// A sentry is one that does not stick to what p9.Client checks: it sends what
// bytes it likes.
type sentry struct {
	*testing.T
	conn *net.UnixConn
	dir  string // what is served as "/", and read-only as "ro"
	tag  uint16
}

// Fids of every session.
const (
	root = iota
	rootRO
	free // and what is above
)

// newSentry starts a gofer, agrees on a version and attaches.
func newSentry(t *testing.T) *sentry {
	t.Helper()
	s := &sentry{T: t, dir: t.TempDir()}
	at, err := unix.Open(s.dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	s.must(err)
	self, err := host.SelfFDs()
	s.must(err)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	s.must(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = gofer.ServeFD(fds[0], gofer.Options{ // some of these tests break the protocol
			Attach:  []gofer.Attach{{Name: "/", Root: at}, {Name: "ro", Root: at, ReadOnly: true}},
			SelfFDs: self,
		})
	}()
	f := os.NewFile(uintptr(fds[1]), "sentry")
	conn, err := net.FileConn(f)
	s.must(err)
	f.Close()
	s.conn = conn.(*net.UnixConn)
	t.Cleanup(func() {
		s.conn.Close()
		<-done
		unix.Close(self)
		unix.Close(at)
	})
	s.send(100, 0xffff, uint32(1<<20), "9P2000.L.glovebox1")
	if typ, body, _ := s.reply(); typ != 101 || !bytes.HasSuffix(body, []byte("9P2000.L.glovebox1")) {
		t.Fatalf("version: %d, %q", typ, body)
	}
	s.call(nil, 104, uint32(root), ^uint32(0), "", "/", uint32(0))
	s.call(nil, 104, uint32(rootRO), ^uint32(0), "", "ro", uint32(0))
	return s
}

func (s *sentry) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// message encodes fields: numbers, strings and (as []byte) what is as it is.
func message(typ uint8, tag uint16, fields ...any) []byte {
	b := []byte{0, 0, 0, 0, typ, byte(tag), byte(tag >> 8)}
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(le.AppendUint16(b, uint16(len(f))), f...)
		case []byte:
			b = append(b, f...)
		default:
			var w bytes.Buffer
			if err := binary.Write(&w, le, f); err != nil {
				panic(err)
			}
			b = append(b, w.Bytes()...)
		}
	}
	le.PutUint32(b, uint32(len(b)))
	return b
}

func (s *sentry) send(typ uint8, tag uint16, fields ...any) {
	s.Helper()
	_, err := s.conn.Write(message(typ, tag, fields...))
	s.must(err)
}

// reply reads one, and the descriptor that came along, or -1. Type 0 stands for a
// gofer that hung up.
func (s *sentry) reply() (typ uint8, body []byte, fd int) {
	s.Helper()
	fd = -1
	p, oob := make([]byte, 7), make([]byte, 64)
	n, oobn, _, _, err := s.conn.ReadMsgUnix(p, oob)
	if n == 0 || errors.Is(err, unix.ECONNRESET) {
		return 0, nil, -1
	}
	s.must(err)
	_, err = io.ReadFull(s.conn, p[n:])
	s.must(err)
	if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(msgs) == 1 {
		fds, err := unix.ParseUnixRights(&msgs[0])
		s.must(err)
		fd = fds[0]
		s.Cleanup(func() { unix.Close(fd) })
	}
	body = make([]byte, le.Uint32(p)-7)
	_, err = io.ReadFull(s.conn, body)
	s.must(err)
	return p[4], body, fd
}

// call sends a request and checks the error that comes back, nil for success.
func (s *sentry) call(want error, typ uint8, fields ...any) (body []byte, fd int) {
	s.Helper()
	s.tag++
	s.send(typ, s.tag, fields...)
	got, body, fd := s.reply()
	var err error
	switch got {
	case 7:
		err = linux.Errno(le.Uint32(body))
	case typ + 1:
	default:
		s.Fatalf("message %d: a reply of type %d", typ, got)
	}
	if err != want {
		s.Errorf("message %d, %q: %v, want %v", typ, fields, err, want)
	}
	return body, fd
}

// walk makes fid stand for what names lead to.
func (s *sentry) walk(want error, fid uint32, from uint32, names ...string) {
	s.Helper()
	fields := []any{from, fid, uint16(len(names))}
	for _, n := range names {
		fields = append(fields, n)
	}
	s.call(want, twalkgetattr, fields...)
}

// Messages: p9/proto.go.
const (
	tlopen, tlcreate, tsymlink, tmknod, trename, treadlink = 12, 14, 16, 18, 20, 22
	tsetattr, txattrwalk, txattrcreate, treaddir           = 26, 30, 32, 40
	tlink, tmkdir, trenameat, tunlinkat, tattach           = 70, 72, 74, 76, 104
	twalk, tread, twrite, tclunk, tremove                  = 110, 116, 118, 120, 122
	twalkgetattr, topenfd, tmake, tgetxattr, tsetxattr     = 200, 202, 204, 206, 208
	tremovexattr, trename2                                 = 210, 212
)

func (s *sentry) file(name, content string) {
	s.Helper()
	s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o644))
}

// TestNames: nothing but the entries of a directory can be named.
func TestNames(t *testing.T) {
	s := newSentry(t)
	s.file("f", "")
	s.must(os.Mkdir(filepath.Join(s.dir, "d"), 0o755))
	s.must(os.Symlink("d", filepath.Join(s.dir, "l")))
	s.must(os.Symlink("/", filepath.Join(s.dir, "top")))
	fid := uint32(free)
	for _, bad := range []string{"", ".", "..", "/", "/etc", "a/b", "../x", "d/", "a\x00b", strings.Repeat("n", 256)} {
		want := error(linux.EINVAL)
		if len(bad) > 255 {
			want = linux.ENAMETOOLONG
		}
		s.call(want, twalk, uint32(root), fid, uint16(1), bad)
		s.walk(want, fid, root, bad)
		s.walk(want, fid, root, "d", bad)
		s.call(want, tmkdir, uint32(root), bad, uint32(0o755), uint32(0))
		s.call(want, tmknod, uint32(root), bad, uint32(linux.S_IFREG), uint32(0), uint32(0), uint32(0))
		s.call(want, tsymlink, uint32(root), bad, "target", uint32(0))
		s.call(want, tlcreate, uint32(root), bad, uint32(2), uint32(0o644), uint32(0))
		s.call(want, tmake, uint32(root), fid, uint32(linux.S_IFIFO), uint64(0), uint32(0), uint32(0), bad, "")
		if bad != "" { // a regular file without a name
			s.call(want, tmake, uint32(root), fid, uint32(linux.S_IFREG), uint64(0), uint32(0), uint32(0), bad, "")
		}
		s.call(want, tlink, uint32(root), uint32(root), bad)
		s.call(want, tunlinkat, uint32(root), bad, uint32(0))
		s.call(want, trenameat, uint32(root), bad, uint32(root), "x")
		s.call(want, trenameat, uint32(root), "f", uint32(root), bad)
		s.call(want, trename2, uint32(root), "f", uint32(root), bad, uint32(1))
	}
	// Links are files, not ways.
	s.walk(linux.ENOTDIR, fid, root, "l", "x")
	s.walk(linux.ENOTDIR, fid, root, "top", "etc")
	s.walk(linux.ENOTDIR, fid, root, "f", "x")
	s.call(linux.ENOENT, tattach, fid, ^uint32(0), "", "/etc", uint32(0))
	s.call(linux.ENOENT, tattach, fid, ^uint32(0), "", "", uint32(0))
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 4 {
		t.Errorf("what is there: %v, %v", entries, err)
	}
}

// TestKinds: only regular files and directories are opened.
func TestKinds(t *testing.T) {
	s := newSentry(t)
	s.file("f", "content")
	s.must(os.Symlink("f", filepath.Join(s.dir, "l")))
	s.must(unix.Mkfifo(filepath.Join(s.dir, "fifo"), 0o644))
	names := []string{"l", "fifo"}
	if os.Geteuid() == 0 {
		s.must(unix.Mknod(filepath.Join(s.dir, "zero"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))))
		names = append(names, "zero")
	}
	for i, name := range names {
		fid := uint32(free + i)
		s.walk(nil, fid, root, name)
		want := error(linux.ENXIO)
		if name == "l" {
			want = linux.ELOOP
		}
		for _, flags := range []uint32{linux.O_RDONLY, linux.O_WRONLY, linux.O_RDWR} {
			s.call(want, tlopen, fid, flags)
			s.call(linux.EOPNOTSUPP, topenfd, fid, flags)
		}
		s.call(linux.EBADF, tread, fid, uint64(0), uint32(1))
		s.call(linux.EBADF, twrite, fid, uint64(0), uint32(1), []byte("x"))
	}
	dir := uint32(free + 9)
	s.walk(nil, dir, root)
	s.call(linux.EOPNOTSUPP, topenfd, dir, uint32(0))
	s.call(linux.EISDIR, tlopen, dir, uint32(linux.O_RDWR))
	s.call(nil, tlopen, dir, uint32(linux.O_RDONLY))
	s.call(linux.EISDIR, tread, dir, uint64(0), uint32(1))
	s.call(linux.EISDIR, twrite, dir, uint64(0), uint32(1), []byte("x"))
}

// TestReadOnly: every message that changes something is refused, and what is
// donated can only be read.
func TestReadOnly(t *testing.T) {
	s := newSentry(t)
	s.file("f", "content")
	f, f2, d := uint32(free), uint32(free+1), uint32(free+2)
	s.walk(nil, f, rootRO, "f")
	s.walk(nil, d, rootRO)
	for _, flags := range []uint32{linux.O_WRONLY, linux.O_RDWR, linux.O_RDONLY | linux.O_TRUNC, linux.O_RDWR | linux.O_TRUNC} {
		s.call(linux.EROFS, tlopen, f, flags)
		if flags&linux.O_ACCMODE != 0 {
			s.call(linux.EROFS, topenfd, f, flags)
		}
	}
	_, fd := s.call(nil, topenfd, f, uint32(linux.O_RDONLY|linux.O_TRUNC))
	if got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || got&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("donated with %#x, %v", got, err)
	}
	times := []any{uint64(1), uint64(1), uint64(1), uint64(1)}
	for bit := range 9 {
		valid := uint32(1) << bit
		want := error(linux.EROFS)
		s.call(want, tsetattr, append([]any{f, valid, uint32(0o777), uint32(1), uint32(1), uint64(1)}, times...)...)
	}
	s.call(linux.EROFS, tmkdir, uint32(rootRO), "x", uint32(0o755), uint32(0))
	s.call(linux.EROFS, tmknod, uint32(rootRO), "x", uint32(linux.S_IFREG), uint32(0), uint32(0), uint32(0))
	s.call(linux.EROFS, tsymlink, uint32(rootRO), "x", "f", uint32(0))
	s.call(linux.EROFS, tlcreate, d, "x", uint32(2), uint32(0o644), uint32(0))
	s.call(linux.EROFS, tmake, uint32(rootRO), f2, uint32(linux.S_IFREG), uint64(0), uint32(0), uint32(0), "x", "")
	s.call(linux.EROFS, tlink, uint32(rootRO), f, "x")
	s.call(linux.EROFS, tunlinkat, uint32(rootRO), "f", uint32(0))
	s.call(linux.EROFS, trenameat, uint32(rootRO), "f", uint32(rootRO), "x")
	s.call(linux.EROFS, trename2, uint32(rootRO), "f", uint32(rootRO), "x", uint32(1))
	s.call(linux.EROFS, tsetxattr, f, uint32(0), "user.a", uint32(1), []byte("x"))
	s.call(linux.EROFS, tremovexattr, f, "user.a")
	// Nor through the same files' other attachment, which may.
	s.call(linux.EXDEV, tlink, uint32(root), f, "x")
	s.call(linux.EROFS, trenameat, uint32(rootRO), "f", uint32(root), "x")
	s.call(linux.EXDEV, trenameat, uint32(root), "f", uint32(rootRO), "x")
	// The plain dialect's messages that name a file by its fid.
	s.call(nil, twalk, uint32(rootRO), f2, uint16(1), "f")
	s.call(linux.EROFS, trename, f2, uint32(root), "x")
	s.call(linux.EROFS, tremove, f2)
	if b, err := os.ReadFile(filepath.Join(s.dir, "f")); string(b) != "content" {
		t.Errorf("now there is %q, %v", b, err)
	}
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		t.Errorf("what is there: %v, %v", entries, err)
	}
}

// TestFids: numbers that are not in use, in use, or twice.
func TestFids(t *testing.T) {
	s := newSentry(t)
	s.file("f", "content")
	f, none := uint32(free), uint32(free+1)
	s.walk(nil, f, root, "f")
	s.walk(linux.EINVAL, f, root, "f")
	s.walk(linux.EINVAL, ^uint32(0), root, "f")
	s.walk(linux.EBADF, none, none, "f")
	s.call(linux.EINVAL, tattach, f, ^uint32(0), "", "/", uint32(0))
	s.call(linux.EINVAL, tmake, uint32(root), f, uint32(linux.S_IFREG), uint64(0), uint32(0), uint32(0), "x", "")
	s.call(linux.EINVAL, txattrwalk, f, f, "user.a")
	s.call(linux.EBADF, tlink, none, f, "x")
	s.call(linux.EBADF, tlink, uint32(root), none, "x")
	s.call(linux.EBADF, trenameat, uint32(root), "f", none, "x")
	s.call(linux.EBADF, treadlink, none)
	s.call(linux.EBADF, topenfd, none, uint32(0))
	s.call(nil, tlopen, f, uint32(linux.O_RDONLY))
	s.call(linux.EINVAL, tlopen, f, uint32(linux.O_RDONLY))
	s.call(linux.EINVAL, tlcreate, f, "x", uint32(0), uint32(0o644), uint32(0))
	s.call(linux.EINVAL, txattrcreate, f, "user.a", uint64(1), uint32(0))
	s.call(linux.EBADF, twrite, f, uint64(0), uint32(1), []byte("x"))
	s.call(nil, tclunk, f)
	s.call(linux.EBADF, tclunk, f)
	s.call(linux.EBADF, tread, f, uint64(0), uint32(1))
	s.walk(nil, f, root, "f") // the number is free again
	if _, err := os.Stat(filepath.Join(s.dir, "x")); err == nil {
		t.Error("a file was made for a fid that is in use")
	}
}

// TestCounts: counts and sizes beyond what there is.
func TestCounts(t *testing.T) {
	s := newSentry(t)
	s.file("f", "content")
	f, d := uint32(free), uint32(free+1)
	s.walk(nil, f, root, "f")
	s.walk(nil, d, root)
	s.call(nil, tlopen, f, uint32(linux.O_RDWR))
	s.call(nil, tlopen, d, uint32(linux.O_RDONLY))
	body, _ := s.call(nil, tread, f, uint64(0), ^uint32(0))
	if string(body[4:]) != "content" {
		t.Errorf("read %q", body)
	}
	s.call(nil, tread, f, uint64(1<<63-1), ^uint32(0))
	s.call(linux.EINVAL, tread, f, uint64(1<<63), uint32(1))
	s.call(linux.EINVAL, tread, f, ^uint64(0), ^uint32(0))
	s.call(linux.EINVAL, twrite, f, ^uint64(0), uint32(1), []byte("x"))
	s.call(linux.EINVAL, twrite, f, uint64(0), uint32(100), []byte("less"))
	s.call(linux.EINVAL, twrite, f, uint64(0), ^uint32(0), []byte("less"))
	s.call(linux.EINVAL, treaddir, d, ^uint64(0), uint32(1000))
	if body, _ = s.call(nil, treaddir, d, uint64(0), ^uint32(0)); len(body) > 1000 {
		t.Errorf("%d bytes of entries", len(body))
	}
	s.call(nil, treaddir, d, uint64(0), uint32(0))
	s.call(linux.EINVAL, twalk, uint32(root), uint32(50), ^uint16(0))
	s.call(linux.EINVAL, twalk, uint32(root), uint32(50), uint16(16), "d") // fewer than it says
	s.call(linux.EINVAL, tsetattr, f, uint32(8), uint32(0), uint32(0), uint32(0), ^uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	s.call(nil, tsetxattr, f, uint32(0), "user.a", uint32(5), []byte("value"))
	s.call(linux.ERANGE, tgetxattr, f, uint32(4), "user.a")
	s.call(linux.ERANGE, tgetxattr, f, uint32(0), "")
	s.call(linux.E2BIG, txattrcreate, f, "user.a", ^uint64(0), uint32(0))
	s.call(linux.EINVAL, tunlinkat, uint32(root), "f", ^uint32(0))
	s.call(linux.EINVAL, trename2, uint32(root), "f", uint32(root), "g", ^uint32(0))
	s.call(linux.EINVAL, tmake, uint32(root), uint32(50), uint32(0), uint64(0), uint32(0), uint32(0), "x", "")
	s.call(linux.EINVAL, tclunk, uint64(1)) // too long
	s.call(linux.EINVAL, tclunk, uint16(1)) // too short
	s.call(linux.EOPNOTSUPP, 255)
	if b, err := os.ReadFile(filepath.Join(s.dir, "f")); string(b) != "content" {
		t.Errorf("now there is %q, %v", b, err)
	}
}

// TestXattrNames: the host's own attributes are not a guest's.
func TestXattrNames(t *testing.T) {
	s := newSentry(t)
	s.file("f", "")
	f := uint32(free)
	s.walk(nil, f, root, "f")
	for _, name := range []string{"trusted.overlay.opaque", "security.selinux", "system.posix_acl_access", "security.ima", "user", "USER.a"} {
		s.call(linux.EOPNOTSUPP, tsetxattr, f, uint32(0), name, uint32(1), []byte("x"))
		s.call(linux.EOPNOTSUPP, tgetxattr, f, uint32(100), name)
		s.call(linux.EOPNOTSUPP, tremovexattr, f, name)
	}
	s.call(linux.ERANGE, tsetxattr, f, uint32(0), "user.\x00", uint32(1), []byte("x"))
	s.call(linux.ERANGE, tsetxattr, f, uint32(0), strings.Repeat("u", 256), uint32(1), []byte("x"))
}

// TestBrokenProtocol: who breaks the protocol loses the connection.
func TestBrokenProtocol(t *testing.T) {
	for _, c := range []struct {
		name string
		sent []byte
	}{
		{"shorter than a header", []byte{6, 0, 0, 0, tclunk, 1, 0}},
		{"longer than agreed", []byte{1, 0, 16, 0, tclunk, 1, 0}},
		{"no tag", message(tclunk, 0xffff, uint32(root))},
		{"flushes itself", message(108, 5, uint16(5))},
		{"malformed flush", message(108, 5, uint32(4))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSentry(t)
			_, err := s.conn.Write(c.sent)
			s.must(err)
			if typ, body, _ := s.reply(); typ != 0 {
				t.Errorf("a reply of type %d: %q", typ, body)
			}
		})
	}
}

// TestTooManyFids: the client's descriptors are bounded, and it may go on with
// fewer.
func TestTooManyFids(t *testing.T) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	low := r
	low.Cur = 600
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
			t.Error(err)
		}
	}()
	s := newSentry(t)
	s.file("f", "")
	const limit = 600 - 256
	fid := uint32(free)
	for ; fid < limit; fid++ {
		s.walk(nil, fid, root, "f")
	}
	s.walk(linux.ENFILE, fid, root, "f")
	s.call(linux.ENFILE, tlopen, uint32(free), uint32(0))
	s.call(nil, tclunk, uint32(free+1))
	s.walk(nil, fid, root, "f")
}
