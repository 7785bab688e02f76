package vfstest

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A World is a file system mounted for a test, as two users see it.
type World struct {
	*testing.T
	VFS *vfs.VFS
	// Root may do everything; User is 1000:1000 without capabilities.
	Root, User *vfs.Ctx
}

// NewWorld mounts fs as the root of all.
func NewWorld(t *testing.T, fs vfs.FileSystem) *World {
	t.Helper()
	v := vfs.NewVFS(fs, "test", 0)
	ctx := func(id uint32, caps auth.CapSet) *vfs.Ctx {
		return &vfs.Ctx{
			Creds: &auth.Creds{
				UID: id, EUID: id, SUID: id, FSUID: id, GID: id, EGID: id, SGID: id, FSGID: id,
				Permitted: caps, Effective: caps,
			},
			VFS: v, Root: v.Root(), Cwd: v.Root(), Umask: 0o022, FileLimit: math.MaxUint64,
		}
	}
	return &World{T: t, VFS: v, Root: ctx(0, auth.AllCaps), User: ctx(1000, 0)}
}

// Check fails the test unless err is want, which is nil or an Errno.
func (w *World) Check(what string, err, want error) {
	w.Helper()
	if err != want {
		w.Errorf("%s: %v, want %v", what, err, want)
	}
}

// Must ends the test if err is not nil.
func (w *World) Must(what string, err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// Open opens path, and closes it when the test ends.
func (w *World) Open(c *vfs.Ctx, path string, flags, perm uint32) *vfs.File {
	w.Helper()
	f, err := w.VFS.Open(c, c.Cwd, path, flags, perm, 0)
	w.Must("open "+path, err)
	w.Cleanup(f.Dec)
	return f
}

// CheckOpen fails the test unless opening path gives want.
func (w *World) CheckOpen(c *vfs.Ctx, path string, flags uint32, want error) {
	w.Helper()
	f, err := w.VFS.Open(c, c.Cwd, path, flags, 0o666, 0)
	w.Check(fmt.Sprintf("open %s with %#o", path, flags), err, want)
	if err == nil {
		f.Dec()
	}
}

// WriteFile makes path with that content.
func (w *World) WriteFile(path, content string) {
	w.Helper()
	f, err := w.VFS.Open(w.Root, w.Root.Cwd, path, linux.O_WRONLY|linux.O_CREAT|linux.O_TRUNC, 0o644, 0)
	w.Must("create "+path, err)
	defer f.Dec()
	w.Write(f, content)
}

// Write writes s to f.
func (w *World) Write(f *vfs.File, s string) {
	w.Helper()
	b := guest.Local([]byte(s))
	if n, err := f.Write(w.Root, &b); err != nil || n != int64(len(s)) {
		w.Errorf("write %d bytes: %d, %v", len(s), n, err)
	}
}

// Pread returns up to n bytes at off.
func (w *World) Pread(f *vfs.File, n int, off int64) string {
	w.Helper()
	p := make([]byte, n)
	b := guest.Local(p)
	m, err := f.Pread(w.Root, &b, off)
	if err != nil {
		w.Errorf("pread: %v", err)
	}
	return string(p[:m])
}

// ReadFile returns the content of path.
func (w *World) ReadFile(path string) string {
	w.Helper()
	f, err := w.VFS.Open(w.Root, w.Root.Cwd, path, linux.O_RDONLY, 0, 0)
	if err != nil {
		w.Errorf("open %s: %v", path, err)
		return ""
	}
	defer f.Dec()
	return w.Pread(f, 1<<20, 0)
}

// Stat returns the attributes of path, not following a link at its end.
func (w *World) Stat(path string) vfs.Attr {
	w.Helper()
	p, err := w.VFS.Walk(w.Root, w.Root.Cwd, path, vfs.NoFollow)
	if err != nil {
		w.Errorf("stat %s: %v", path, err)
		return vfs.Attr{}
	}
	a, err := p.Inode().Attr(w.Root)
	w.Must("attributes of "+path, err)
	return a
}

// At resolves path as c.
func (w *World) At(c *vfs.Ctx, path string) vfs.Path {
	w.Helper()
	p, err := w.VFS.Walk(c, c.Cwd, path, vfs.NoFollow)
	w.Must("walk "+path, err)
	return p
}

// CheckGone fails the test unless there is no path.
func (w *World) CheckGone(path string) {
	w.Helper()
	_, err := w.VFS.Walk(w.Root, w.Root.Cwd, path, vfs.NoFollow)
	w.Check("stat "+path, err, linux.ENOENT)
}

// List returns the names in a directory, read max entries at a time, sorted and
// joined by spaces.
func (w *World) List(path string, max int) string {
	w.Helper()
	f, err := w.VFS.Open(w.Root, w.Root.Cwd, path, linux.O_RDONLY|linux.O_DIRECTORY, 0, 0)
	w.Must("open "+path, err)
	defer f.Dec()
	var names []string
	for {
		n := 0
		w.Must("readdir "+path, f.ReadDir(w.Root, func(e vfs.Dirent) bool {
			if n == max {
				return false
			}
			n++
			names = append(names, e.Name)
			return true
		}))
		if n == 0 {
			break
		}
		if len(names) > 100_000 {
			w.Fatalf("reading %s does not end", path)
		}
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}
