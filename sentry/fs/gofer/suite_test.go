package gofer_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	server "glovebox/gofer"
	"glovebox/host"
	"glovebox/p9"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/gofer"
	"glovebox/sentry/fs/vfstest"
	"glovebox/sentry/vfs"
)

// serve starts a gofer for a directory and returns its client.
func serve(t *testing.T, dir string, readOnly bool) *p9.Client {
	t.Helper()
	root, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	self, err := host.SelfFDs()
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- server.ServeFD(fds[0], server.Options{Attach: []server.Attach{{Name: "/", Root: root, ReadOnly: readOnly}}, SelfFDs: self})
	}()
	c, err := p9.NewClientFD(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil {
			t.Errorf("the gofer: %v", err)
		}
		unix.Close(self)
		unix.Close(root)
	})
	return c
}

// mount returns a file system on a directory of the host.
func mount(t *testing.T, dir string, o gofer.Options, readOnly bool) *gofer.FileSystem {
	t.Helper()
	o.Attach = "/"
	fs, err := gofer.New(serve(t, dir, readOnly), o)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// needRoot skips what gives files to other users.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: files are given to other users")
	}
}

// TestSuite is what every file system passes, on files of the host that nobody
// else changes, and on such that somebody might.
func TestSuite(t *testing.T) {
	needRoot(t)
	for name, o := range map[string]gofer.Options{"exclusive": {Exclusive: true}, "shared": {}} {
		t.Run(name, func(t *testing.T) {
			vfstest.Run(t, func(t *testing.T) vfs.FileSystem {
				dir := t.TempDir()
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				return mount(t, dir, o, false)
			})
		})
	}
}

// TestSharedNames is of names that were looked up before somebody else made them.
func TestSharedNames(t *testing.T) {
	dir := t.TempDir()
	v := vfs.NewVFS(mount(t, dir, gofer.Options{Exclusive: true}, false), "none", 0)
	c := &vfs.Ctx{Creds: &auth.Creds{Effective: auth.AllCaps}, VFS: v, Root: v.Root(), Cwd: v.Root(), FileLimit: math.MaxInt64}
	for _, name := range []string{"d", "f"} {
		if _, err := v.Walk(c, c.Cwd, name, 0); err != linux.ENOENT {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Mkdir(c, c.Cwd, "d", 0o755); err != linux.EEXIST {
		t.Errorf("mkdir: %v", err)
	}
	if _, err := v.Walk(c, c.Cwd, "d", 0); err != nil {
		t.Errorf("what is there is not found: %v", err)
	}
	if _, err := v.Open(c, c.Cwd, "f", linux.O_CREAT|linux.O_WRONLY, 0o644, 0); err != linux.EISDIR {
		t.Errorf("open: %v", err)
	}
}
