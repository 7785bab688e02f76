package tmpfs_test

import (
	"math"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

func benchCtx(b *testing.B) *vfs.Ctx {
	b.Helper()
	v := vfs.NewVFS(tmpfs.New(tmpfs.Options{Mode: 0o755}), "tmpfs", 0)
	c := &vfs.Ctx{
		Creds: &auth.Creds{Effective: auth.AllCaps}, VFS: v, Root: v.Root(), Cwd: v.Root(), FileLimit: math.MaxUint64,
	}
	for _, d := range []string{"/usr", "/usr/lib", "/usr/lib/x"} {
		if err := v.Mkdir(c, c.Cwd, d, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	f, err := v.Open(c, c.Cwd, "/usr/lib/x/file", linux.O_RDWR|linux.O_CREAT, 0o644, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Dec()
	buf := guest.Local(make([]byte, 8192))
	if _, err := f.Write(c, &buf); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return c
}

func BenchmarkOpenClose(b *testing.B) {
	c := benchCtx(b)
	for b.Loop() {
		f, err := c.VFS.Open(c, c.Cwd, "/usr/lib/x/file", linux.O_RDONLY, 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		f.Dec()
	}
}

func BenchmarkStat(b *testing.B) {
	c := benchCtx(b)
	for b.Loop() {
		p, err := c.VFS.Walk(c, c.Cwd, "/usr/lib/x/file", 0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Inode().Attr(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPread(b *testing.B) {
	c := benchCtx(b)
	f, err := c.VFS.Open(c, c.Cwd, "/usr/lib/x/file", linux.O_RDONLY, 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 4096)
	for b.Loop() {
		buf := guest.Local(p)
		if _, err := f.Pread(c, &buf, 0); err != nil {
			b.Fatal(err)
		}
	}
}
