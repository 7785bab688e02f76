package gofer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/fs/gofer"
	"glovebox/sentry/fs/vfstest"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A liar is a server's file that says what its fields say. What it does not
// have is not supported.
type liar struct {
	p9.Node
	attr     p9.Attr
	later    *p9.Attr // what GetAttr says; nil for attr
	children map[string]*liar
	donate   func(flags uint32) (int, error)
	endless  bool // the entries come again and again
	entries  []p9.Dirent
	target   string
	content  func(p []byte, off int64) (int, error)
}

func (l *liar) Attach(string) (p9.Node, error) { return l, nil }

func (l *liar) Walk(name string) (p9.Node, p9.Attr, error) {
	if c := l.children[name]; c != nil {
		return c, c.attr, nil
	}
	return nil, p9.Attr{}, linux.ENOENT
}

func (l *liar) Clone() (p9.Node, error) { return l, nil }
func (l *liar) Close()                  {}

func (l *liar) GetAttr() (p9.Attr, error) {
	if l.later != nil {
		return *l.later, nil
	}
	return l.attr, nil
}

func (l *liar) SetAttr(p9.SetAttr) error                     { return nil }
func (l *liar) Readlink() (string, error)                    { return l.target, nil }
func (l *liar) Rename(string, p9.Node, string, uint32) error { return nil }
func (l *liar) Unlink(string, uint32) error                  { return nil }
func (l *liar) Link(string, p9.Node) error                   { return nil }
func (l *liar) Make(p9.New) (p9.Node, p9.Attr, error)        { return l, l.attr, nil }
func (l *liar) Open(uint32) (p9.Handle, error)               { return lie{l: l}, nil }
func (l *liar) StatFS() (p9.StatFS, error)                   { return p9.StatFS{}, nil }
func (l *liar) GetXattr(string) ([]byte, error)              { return nil, linux.ENODATA }
func (l *liar) ListXattr() ([]byte, error)                   { return []byte("user.a"), nil }

func (l *liar) Donate(flags uint32) (int, func(), error) {
	if l.donate == nil {
		return -1, nil, linux.EOPNOTSUPP
	}
	fd, err := l.donate(flags)
	return fd, func() { unix.Close(fd) }, err
}

type lie struct {
	p9.Handle
	l *liar
}

func (h lie) ReadAt(p []byte, off int64) (int, error)  { return h.l.content(p, off) }
func (h lie) WriteAt(p []byte, off int64) (int, error) { return 0, nil }
func (h lie) Close()                                   {}

func (h lie) ReadDir(off uint64, add func(p9.Dirent) bool) error {
	for first := true; first || h.l.endless; first = false {
		for _, e := range h.l.entries {
			if !add(e) {
				return nil
			}
		}
	}
	return nil
}

func attr(mode uint32, ino uint64) p9.Attr {
	return p9.Attr{Valid: p9.AttrBasic, Mode: mode, QID: p9.QID{Type: p9.QIDType(mode), Path: ino}, Nlink: 1, BlkSize: 4096}
}

// lies mounts a server of lies whose root has the entry "x".
func lies(t *testing.T, x *liar) *vfstest.World {
	t.Helper()
	root := &liar{attr: attr(linux.S_IFDIR|0o755, 1), children: map[string]*liar{"x": x}}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p9.ServeFD(fds[0], root, p9.ServerOptions{MaxFids: 1000}) // the client hangs up on some lies
	}()
	c, err := p9.NewClientFD(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	fs, err := gofer.New(c, gofer.Options{Attach: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return vfstest.NewWorld(t, fs)
}

// TestAttributeLies: attributes that no file has, and files that become others.
func TestAttributeLies(t *testing.T) {
	file := attr(linux.S_IFREG|0o644, 2)
	with := func(change func(*p9.Attr)) *p9.Attr {
		a := file
		change(&a)
		return &a
	}
	for name, a := range map[string]*p9.Attr{
		"no kind":          with(func(a *p9.Attr) { a.Mode = 0o644 }),
		"unknown kind":     with(func(a *p9.Attr) { a.Mode = 0o170644 }),
		"kinds differ":     with(func(a *p9.Attr) { a.QID.Type = p9.QTDir }),
		"size":             with(func(a *p9.Attr) { a.Size = 1 << 63 }),
		"nanoseconds":      with(func(a *p9.Attr) { a.MTime.NSec = 1e9 }),
		"less nanoseconds": with(func(a *p9.Attr) { a.ATime.NSec = -1 }),
		"not all there":    with(func(a *p9.Attr) { a.Valid = 1 }),
		"none":             {},
	} {
		t.Run(name, func(t *testing.T) {
			w := lies(t, &liar{attr: *a})
			_, err := w.VFS.Walk(w.Root, w.Root.Cwd, "/x", 0)
			w.Check("walk", err, linux.EIO)
			// At first it is a file as any other.
			w = lies(t, &liar{attr: file, later: a})
			_, err = w.At(w.Root, "/x").Inode().Attr(w.Root)
			w.Check("stat", err, linux.EIO)
		})
	}
	for name, a := range map[string]*p9.Attr{
		"another file": with(func(a *p9.Attr) { a.QID.Path++ }),
		"another kind": with(func(a *p9.Attr) { *a = attr(linux.S_IFDIR|0o755, 2) }),
	} {
		t.Run(name, func(t *testing.T) {
			w := lies(t, &liar{attr: file, later: a})
			_, err := w.At(w.Root, "/x").Inode().Attr(w.Root)
			w.Check("stat", err, linux.EIO)
		})
	}
}

// TestDonationLies: descriptors that are not what was asked for are not used,
// and closed.
func TestDonationLies(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		path       string
		have, want int // open(2)'s flags
		err        error
	}{
		{"to read", file, unix.O_RDONLY, linux.O_RDONLY, nil},
		{"to write", file, unix.O_RDWR, linux.O_RDWR, nil},
		{"writable, to read", file, unix.O_RDWR, linux.O_RDONLY, linux.EIO},
		{"readable, to write", file, unix.O_RDONLY, linux.O_RDWR, linux.EIO},
		{"only writable", file, unix.O_WRONLY, linux.O_RDWR, linux.EIO},
		{"appending", file, unix.O_RDWR | unix.O_APPEND, linux.O_RDWR, linux.EIO},
		{"a place", file, unix.O_PATH, linux.O_RDONLY, linux.EIO},
		{"a directory", dir, unix.O_RDONLY, linux.O_RDONLY, linux.EIO},
		{"a FIFO", fifo, unix.O_RDONLY | unix.O_NONBLOCK, linux.O_RDONLY, linux.EIO},
		{"a device", "/dev/zero", unix.O_RDWR, linux.O_RDWR, linux.EIO},
		{"of procfs", "/proc/self/mem", unix.O_RDWR, linux.O_RDWR, linux.EIO},
		{"of sysfs", "/sys/kernel/uevent_seqnum", unix.O_RDONLY, linux.O_RDONLY, linux.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := descriptors(t, c.path)
			w := lies(t, &liar{attr: attr(linux.S_IFREG|0o644, 2), donate: func(uint32) (int, error) {
				fd, err := unix.Open(c.path, c.have|unix.O_CLOEXEC, 0)
				if err != nil {
					t.Error(err)
				}
				return fd, err
			}})
			w.CheckOpen(w.Root, "/x", uint32(c.want), c.err)
			// The gofer closes its own once it is sent, which need not be yet.
			if c.err != nil {
				waitFor(t, "the descriptor is closed", func() bool { return descriptors(t, c.path) == before })
			}
		})
	}
}

// waitFor waits for what comes to be sooner or later.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

// descriptors counts this process's of a file.
func descriptors(t *testing.T, path string) (n int) {
	t.Helper()
	var want, st unix.Stat_t
	if err := unix.Stat(path, &want); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if unix.Stat("/proc/self/fd/"+e.Name(), &st) == nil && st.Dev == want.Dev && st.Ino == want.Ino {
			n++
		}
	}
	return n
}

// TestNameLies: entries with names that cannot be.
func TestNameLies(t *testing.T) {
	for _, name := range []string{"", "a/b", "/etc", "../x", "a\x00b", string(make([]byte, 256))} {
		w := lies(t, &liar{attr: attr(linux.S_IFDIR|0o755, 2), entries: []p9.Dirent{{Next: 1, Type: linux.DT_REG, Name: name}}})
		f := w.Open(w.Root, "/x", linux.O_RDONLY, 0)
		err := f.ReadDir(w.Root, func(e vfs.Dirent) bool {
			t.Errorf("an entry %q", e.Name)
			return true
		})
		w.Check(fmt.Sprintf("readdir with %q", name), err, linux.EIO)
	}
	for _, target := range []string{"", "a\x00b", string(make([]byte, 5000))} {
		w := lies(t, &liar{attr: attr(linux.S_IFLNK|0o777, 2), target: target})
		_, err := w.At(w.Root, "/x").Inode().(vfs.Symlink).Readlink(w.Root)
		w.Check(fmt.Sprintf("readlink with %.9q", target), err, linux.EIO)
	}
}

// TestEndlessDirectory: a directory that always has one more entry ends with
// what its reader takes, and one whose offsets are none is refused.
func TestEndlessDirectory(t *testing.T) {
	again := []p9.Dirent{{Next: 7, Type: linux.DT_REG, Name: "again"}}
	w := lies(t, &liar{attr: attr(linux.S_IFDIR|0o755, 2), entries: again, endless: true})
	f := w.Open(w.Root, "/x", linux.O_RDONLY, 0)
	n := 0
	w.Must("readdir", f.ReadDir(w.Root, func(vfs.Dirent) bool { n++; return n < 10000 }))
	if n != 10000 {
		t.Errorf("%d entries taken", n)
	}
	w = lies(t, &liar{attr: attr(linux.S_IFDIR|0o755, 2), entries: []p9.Dirent{{Next: 1 << 63, Type: linux.DT_REG, Name: "behind"}}})
	f = w.Open(w.Root, "/x", linux.O_RDONLY, 0)
	w.Check("an offset beyond all", f.ReadDir(w.Root, func(vfs.Dirent) bool { return true }), linux.EIO)
}

// TestContentLies: more is read than asked for, or what was written was not.
func TestContentLies(t *testing.T) {
	w := lies(t, &liar{attr: attr(linux.S_IFREG|0o644, 2), content: func(p []byte, _ int64) (int, error) { return len(p), nil }})
	f := w.Open(w.Root, "/x", linux.O_RDWR, 0)
	p := make([]byte, 10)
	b := guest.Local(p)
	if n, err := f.Pread(w.Root, &b, 0); n != 10 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	b = guest.Local(p)
	if n, err := f.Pwrite(w.Root, &b, 0); n != 0 || err != linux.EIO {
		t.Errorf("wrote %d, %v", n, err)
	}
	x := w.At(w.Root, "/x").Inode().(vfs.Xattrs)
	if names, err := x.ListXattr(w.Root); err != linux.EIO {
		t.Errorf("a list without an end: %q, %v", names, err)
	}
}

// TestLoopLies: a directory that is its own child. Nothing waits for itself.
func TestLoopLies(t *testing.T) {
	x := &liar{attr: attr(linux.S_IFDIR|0o755, 2), children: map[string]*liar{}}
	x.children["x"], x.children["f"] = x, &liar{attr: attr(linux.S_IFREG|0o644, 3)}
	w := lies(t, x)
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, c := w.VFS, w.Root
		_, err := v.Walk(c, c.Cwd, "/x/x/x/../x/f", 0)
		w.Check("walk", err, nil)
		_ = v.Rename(c, c.Cwd, "/x/x/f", c.Cwd, "/x/x/x/g", 0)
		_ = v.Rename(c, c.Cwd, "/x/x", c.Cwd, "/x/x/x/x/y", 0)
		_ = v.Rename(c, c.Cwd, "/x/x/x", c.Cwd, "/x/x", linux.RENAME_EXCHANGE)
		_ = v.Rmdir(c, c.Cwd, "/x/x/x")
		_ = v.Link(c, w.At(c, "/x/f"), c.Cwd, "/x/x/h")
		_ = v.Unlink(c, c.Cwd, "/x/x/x/f")
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("hangs")
	}
}
