package overlay_test

import (
	"runtime"
	"strings"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/fs/vfstest"
	"glovebox/sentry/vfs"
)

// newWorld returns an overlay on a lower layer that make filled, and that layer.
func newWorld(t *testing.T, fill func(*vfstest.World)) (over, lower *vfstest.World) {
	fs := tmpfs.New(tmpfs.Options{Mode: 0o755, Dev: 3})
	lower = vfstest.NewWorld(t, fs)
	fill(lower)
	over = vfstest.NewWorld(t, newFS(t, fs))
	return over, lower
}

func tree(w *vfstest.World) {
	c := w.Root
	for _, d := range []string{"/d", "/d/e", "/empty"} {
		w.Must("mkdir", w.VFS.Mkdir(c, c.Cwd, d, 0o755))
	}
	w.WriteFile("/f", "lower f")
	w.WriteFile("/d/g", "lower g")
	w.WriteFile("/d/e/h", "lower h")
	w.Must("symlink", w.VFS.Symlink(c, "d/g", c.Cwd, "/l"))
	w.Must("link", w.VFS.Link(c, w.At(c, "/f"), c.Cwd, "/f2"))
}

func TestCopyUp(t *testing.T) {
	w, lower := newWorld(t, tree)
	c := w.Root
	before := w.Stat("/f")
	r := w.Open(c, "/f", linux.O_RDONLY, 0)
	f := w.Open(c, "/f", linux.O_RDWR, 0)
	w.Write(f, "UPPER")
	if got := w.ReadFile("/f"); got != "UPPER f" {
		t.Errorf("%q", got)
	}
	if got := w.ReadFile("/f2"); got != "UPPER f" {
		t.Errorf("the other name of the file has %q", got)
	}
	if got := w.Pread(r, 100, 0); got != "lower f" {
		t.Errorf("what was open to be read shows %q", got)
	}
	if got := lower.ReadFile("/f"); got != "lower f" {
		t.Errorf("the lower layer has %q", got)
	}
	after := w.Stat("/f")
	if after.Ino != before.Ino || after.Dev != before.Dev || after.Nlink != 2 || after.Mode != before.Mode {
		t.Errorf("%+v became %+v", before, after)
	}
	w.Must("chmod", vfs.Chmod(c, w.At(c, "/d/g"), 0o600))
	if a := w.Stat("/d/g"); a.Mode != linux.S_IFREG|0o600 {
		t.Errorf("mode %#o", a.Mode)
	}
	if got := w.ReadFile("/l"); got != "lower g" {
		t.Errorf("after chmod: %q", got)
	}
	w.Must("chown", vfs.Chown(c, w.At(c, "/l"), 5, 5))
	if a := w.Stat("/l"); a.UID != 5 || w.ReadFile("/l") != "lower g" {
		t.Errorf("the link's owner is %d", a.UID)
	}
	w.Must("truncate", vfs.Truncate(c, w.At(c, "/d/e/h"), 5))
	if got := w.ReadFile("/d/e/h"); got != "lower" {
		t.Errorf("after truncate: %q", got)
	}
	x := w.At(c, "/d").Inode().(vfs.Xattrs)
	w.Must("setxattr", x.SetXattr(c, "user.x", []byte("1"), 0))
	if v, err := x.GetXattr(c, "user.x"); string(v) != "1" {
		t.Errorf("%q, %v", v, err)
	}
	if got := w.List("/d", 100); got != ". .. e g" {
		t.Errorf("a directory that was copied up: %s", got)
	}
}

func TestBigCopyUp(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<16) + strings.Repeat("\x00", 1<<19) + "end"
	w, _ := newWorld(t, func(w *vfstest.World) { w.WriteFile("/big", big) })
	w.Write(w.Open(w.Root, "/big", linux.O_WRONLY, 0), "X")
	f := w.Open(w.Root, "/big", linux.O_RDONLY, 0)
	if got := w.Pread(f, len(big)+1, 0); got != "X"+big[1:] {
		t.Errorf("%d bytes of %d came, or others", len(got), len(big))
	}
}

func TestWhiteout(t *testing.T) {
	w, lower := newWorld(t, tree)
	v, c := w.VFS, w.Root
	w.Check("rmdir", v.Rmdir(c, c.Cwd, "/d"), linux.ENOTEMPTY)
	w.Must("unlink", v.Unlink(c, c.Cwd, "/d/g"))
	w.Must("unlink", v.Unlink(c, c.Cwd, "/f"))
	w.CheckGone("/d/g")
	if got := w.List("/d", 100); got != ". .. e" {
		t.Errorf("left: %s", got)
	}
	if a := w.Stat("/f2"); a.Nlink != 1 || w.ReadFile("/f2") != "lower f" {
		t.Errorf("the other name has %d links", a.Nlink)
	}
	w.Must("unlink", v.Unlink(c, c.Cwd, "/d/e/h"))
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d/e"))
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d"))
	// What is made at the name shows nothing of the lower directory.
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	if got := w.List("/d", 100); got != ". .." {
		t.Errorf("a new directory has %s", got)
	}
	w.CheckGone("/d/e/h")
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d"))
	w.WriteFile("/d", "file")
	if got := w.List("/", 100); got != ". .. d empty f2 l" {
		t.Errorf("left: %s", got)
	}
	if got := lower.ReadFile("/d/e/h"); got != "lower h" {
		t.Errorf("the lower layer has %q", got)
	}
}

func TestRenameLower(t *testing.T) {
	w, _ := newWorld(t, tree)
	v, c := w.VFS, w.Root
	ino := w.Stat("/d").Ino
	w.Must("rename", v.Rename(c, c.Cwd, "/d", c.Cwd, "/empty", 0))
	w.CheckGone("/d")
	if got := w.ReadFile("/empty/e/h"); got != "lower h" {
		t.Errorf("%q", got)
	}
	if got := w.Stat("/empty").Ino; got != ino {
		t.Errorf("inode %d became %d", ino, got)
	}
	w.Must("rename", v.Rename(c, c.Cwd, "/empty/g", c.Cwd, "/empty/e/g2", 0))
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	w.Must("rename", v.Rename(c, c.Cwd, "/empty/e", c.Cwd, "/d/e", 0))
	if got := w.ReadFile("/d/e/g2") + w.ReadFile("/d/e/h"); got != "lower glower h" {
		t.Errorf("%q", got)
	}
	if got := w.List("/", 100) + w.List("/d/e", 100) + w.List("/empty", 100); got != ". .. d empty f f2 l. .. g2 h. .." {
		t.Errorf("left: %s", got)
	}
	w.Must("rename", v.Rename(c, c.Cwd, "/l", c.Cwd, "/f", 0))
	if a := w.Stat("/f"); a.Mode&linux.S_IFMT != linux.S_IFLNK || w.Stat("/f2").Nlink != 1 {
		t.Error("a link did not replace a file")
	}
}

// TestNamesCopyNothing: new and lost names change when a file was changed, but do not
// take it from the lower layer.
func TestNamesCopyNothing(t *testing.T) {
	w, lower := newWorld(t, tree)
	v, c := w.VFS, w.Root
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"link", func() error { return v.Link(c, w.At(c, "/f2"), c.Cwd, "/d/f3") }},
		{"rename", func() error { return v.Rename(c, c.Cwd, "/d/f3", c.Cwd, "/f4", 0) }},
		{"unlink", func() error { return v.Unlink(c, c.Cwd, "/f4") }},
	} {
		before := w.Stat("/f2").Ctime
		w.Must(step.name, step.do())
		runtime.GC()
		after := w.Stat("/f2").Ctime
		if after.Sec < before.Sec || after.Sec == before.Sec && after.Nsec <= before.Nsec {
			t.Errorf("%s: changed at %v, before at %v", step.name, after, before)
		}
	}
	if a := w.Stat("/f2"); a.Nlink != 2 {
		t.Errorf("%d links", a.Nlink)
	}
	lower.WriteFile("/f", "still below")
	if got := w.ReadFile("/f2"); got != "still below" {
		t.Errorf("%q was copied", got)
	}
}

// What was changed stays when nobody holds it, and what was not is forgotten.
func TestForget(t *testing.T) {
	w, _ := newWorld(t, tree)
	w.Write(w.Open(w.Root, "/d/e/h", linux.O_WRONLY, 0), "UPPER")
	w.Must("chmod", vfs.Chmod(w.Root, w.At(w.Root, "/d/e"), 0o700))
	for range 3 {
		runtime.GC()
	}
	again := vfstest.NewWorld(t, w.VFS.Root().Mount.FileSystem())
	if got := again.ReadFile("/d/e/h"); got != "UPPER h" {
		t.Errorf("%q", got)
	}
	if a := again.Stat("/d/e"); a.Mode != linux.S_IFDIR|0o700 {
		t.Errorf("mode %#o", a.Mode)
	}
}

// The upper layer's space comes back.
func TestSpace(t *testing.T) {
	lower := tmpfs.New(tmpfs.Options{Mode: 0o755})
	upper := tmpfs.New(tmpfs.Options{Mode: 0o755, Size: 1 << 20, Inodes: 100})
	free := func() uint64 {
		s, err := upper.Statfs(nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.Bfree*1000 + s.Ffree
	}
	w := vfstest.NewWorld(t, mustNew(t, lower, upper))
	v, c := w.VFS, w.Root
	w.WriteFile("/first", "the root directory is copied up")
	w.Must("unlink", v.Unlink(c, c.Cwd, "/first"))
	start := free()
	for range 1000 {
		w.WriteFile("/f", strings.Repeat("x", 100_000))
		w.Must("link", v.Link(c, w.At(c, "/f"), c.Cwd, "/g"))
		w.Must("rename", v.Rename(c, c.Cwd, "/f", c.Cwd, "/h", 0))
		w.Must("unlink", v.Unlink(c, c.Cwd, "/h"))
		w.Must("unlink", v.Unlink(c, c.Cwd, "/g"))
		w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
		w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d"))
		if t.Failed() {
			return
		}
	}
	if got := free(); got != start {
		t.Errorf("%d free, at first %d", got, start)
	}
}
