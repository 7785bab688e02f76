package vfs_test

import (
	"fmt"
	"math"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/vfs"
)

func newCtx(tb testing.TB) *vfs.Ctx {
	tb.Helper()
	v := vfs.NewVFS(tmpfs.New(tmpfs.Options{Mode: 0o755}), "tmpfs", 0)
	return &vfs.Ctx{
		Creds: &auth.Creds{Effective: auth.AllCaps}, VFS: v, Root: v.Root(), Cwd: v.Root(), FileLimit: math.MaxUint64,
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// A directory that is in use stays the same one when it is evicted.
func TestEviction(t *testing.T) {
	c := newCtx(t)
	must(t, c.VFS.Mkdir(c, c.Cwd, "/d", 0o755))
	held, err := c.VFS.Walk(c, c.Cwd, "/d", 0)
	must(t, err)
	must(t, c.VFS.Mkdir(c, c.Cwd, "/many", 0o755))
	const names = 40_000
	for i := range names {
		must(t, c.VFS.Mknod(c, c.Cwd, fmt.Sprintf("/many/%d", i), linux.S_IFREG|0o644, 0))
	}
	again, err := c.VFS.Walk(c, c.Cwd, "/d", 0)
	must(t, err)
	if again != held {
		t.Error("a directory in use got another dentry")
	}
	for _, i := range []int{0, names / 2, names - 1} {
		if _, err := c.VFS.Walk(c, c.Cwd, fmt.Sprintf("/many/%d", i), 0); err != nil {
			t.Errorf("name %d: %v", i, err)
		}
	}
	must(t, c.VFS.Rename(c, c.Cwd, "/d", c.Cwd, "/many/moved", 0))
	if got := c.VFS.PathName(c.Root, held); got != "/many/moved" {
		t.Errorf("path name %q", got)
	}
}

// noted notes when a file system is released.
type noted struct {
	vfs.FileSystem
	released *bool
}

func (n noted) Release() { *n.released = true }

func TestMounts(t *testing.T) {
	c := newCtx(t)
	v := c.VFS
	for _, d := range []string{"/a", "/a/b", "/c"} {
		must(t, v.Mkdir(c, c.Cwd, d, 0o755))
	}
	at, err := v.Walk(c, c.Cwd, "/a/b", 0)
	must(t, err)
	released := false
	fs := noted{tmpfs.New(tmpfs.Options{Mode: 0o755}), &released}
	_, err = v.MountAt(fs, at, "inner", "", vfs.ReadOnly)
	must(t, err)
	if err := v.Mkdir(c, c.Cwd, "/a/b/x", 0o755); err != linux.EROFS {
		t.Errorf("mkdir on a read-only mount: %v", err)
	}
	if err := v.Rmdir(c, c.Cwd, "/a/b"); err != linux.EBUSY {
		t.Errorf("rmdir of a mount point: %v", err)
	}
	if err := v.Rename(c, c.Cwd, "/a/b", c.Cwd, "/c/b", 0); err != linux.EBUSY {
		t.Errorf("rename of a mount point: %v", err)
	}
	inner, err := v.Walk(c, c.Cwd, "/a/b", 0)
	must(t, err)
	if up, err := v.Walk(c, inner, "..", 0); err != nil || v.PathName(c.Root, up) != "/a" {
		t.Errorf("above a mount: %v", err)
	}
	if _, err := v.Walk(c, c.Cwd, "/a/b", vfs.NoXDev); err != linux.EXDEV {
		t.Errorf("across mounts with RESOLVE_NO_XDEV: %v", err)
	}
	// A bind mount shows the directory, not what is mounted in it.
	from, err := v.Walk(c, c.Cwd, "/a", 0)
	must(t, err)
	to, err := v.Walk(c, c.Cwd, "/c", 0)
	must(t, err)
	_, err = v.Bind(from, to, 0)
	must(t, err)
	must(t, v.Mkdir(c, c.Cwd, "/c/b/seen", 0o755))
	bound, err := v.Walk(c, c.Cwd, "/c", 0)
	must(t, err)
	if got := v.RootName(bound.Mount); got != "/a" {
		t.Errorf("root of the bind mount: %q", got)
	}
	f, err := v.Open(c, inner, ".", linux.O_RDONLY, 0, 0)
	must(t, err)
	if err := v.Unmount(inner, vfs.Refuse); err != linux.EBUSY {
		t.Errorf("unmount with a file open: %v", err)
	}
	must(t, v.Unmount(inner, vfs.Lazily))
	if err := v.Unmount(inner, vfs.Lazily); err != linux.EINVAL {
		t.Errorf("unmount again: %v", err)
	}
	if released {
		t.Error("released with a file open")
	}
	f.Dec()
	if !released {
		t.Error("not released")
	}
	if _, err := v.Walk(c, c.Cwd, "/a/b/seen", 0); err != nil {
		t.Errorf("under the mount: %v", err)
	}
}
