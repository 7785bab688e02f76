package vfstest

import (
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

func open(w *World) {
	w.CheckOpen(w.Root, "/f", linux.O_RDONLY, linux.ENOENT)
	w.WriteFile("/f", "x")
	w.Must("mkdir", w.VFS.Mkdir(w.Root, w.Root.Cwd, "/d", 0o755))
	for _, tt := range []struct {
		path  string
		flags uint32
		want  error
	}{
		{"/f", linux.O_RDONLY, nil},
		{"/f", linux.O_RDWR | linux.O_CREAT, nil},
		{"/f/", linux.O_RDONLY, linux.ENOTDIR},
		{"/f/x", linux.O_RDONLY, linux.ENOTDIR},
		{"/f/x", linux.O_WRONLY | linux.O_CREAT, linux.ENOTDIR},
		{"/f", linux.O_DIRECTORY, linux.ENOTDIR},
		{"/d", linux.O_RDONLY, nil},
		{"/d/", linux.O_DIRECTORY, nil},
		{"/d", linux.O_WRONLY, linux.EISDIR},
		{"/d", linux.O_RDWR, linux.EISDIR},
		{"/d", linux.O_RDONLY | linux.O_CREAT, linux.EISDIR},
		{"/new/", linux.O_WRONLY | linux.O_CREAT, linux.EISDIR},
		{"/no/new", linux.O_WRONLY | linux.O_CREAT, linux.ENOENT},
		{"/d/.", linux.O_WRONLY | linux.O_CREAT, linux.EISDIR},
		{"", linux.O_RDONLY, linux.ENOENT},
		{"/" + strings.Repeat("n", 256), linux.O_RDONLY, linux.ENAMETOOLONG},
		{"/" + strings.Repeat("n", 255), linux.O_RDONLY, linux.ENOENT},
		{"/" + strings.Repeat("n", 256), linux.O_WRONLY | linux.O_CREAT, linux.ENAMETOOLONG},
		{strings.Repeat("./", 2048), linux.O_RDONLY, linux.ENAMETOOLONG},
		{"/f", linux.O_PATH, nil},
		{"/d/../f", linux.O_RDONLY, nil},
		{"//f", linux.O_RDONLY, nil},
	} {
		w.CheckOpen(w.Root, tt.path, tt.flags, tt.want)
	}
	f := w.Open(w.Root, "/f", linux.O_RDONLY, 0)
	b := guest.Local([]byte("y"))
	_, err := f.Write(w.Root, &b)
	w.Check("write to a file opened to be read", err, linux.EBADF)
	f = w.Open(w.Root, "/f", linux.O_WRONLY, 0)
	_, err = f.Read(w.Root, &b)
	w.Check("read of a file opened to be written", err, linux.EBADF)
	d := w.Open(w.Root, "/d", linux.O_RDONLY, 0)
	_, err = d.Read(w.Root, &b)
	w.Check("read of a directory", err, linux.EISDIR)
	p := w.Open(w.Root, "/f", linux.O_PATH, 0)
	_, err = p.Read(w.Root, &b)
	w.Check("read with O_PATH", err, linux.EBADF)
}

func exclusive(w *World) {
	const excl = linux.O_WRONLY | linux.O_CREAT | linux.O_EXCL
	w.CheckOpen(w.Root, "/f", excl, nil)
	w.CheckOpen(w.Root, "/f", excl, linux.EEXIST)
	w.Must("symlink", w.VFS.Symlink(w.Root, "nowhere", w.Root.Cwd, "/l"))
	w.CheckOpen(w.Root, "/l", excl, linux.EEXIST)
	w.CheckOpen(w.Root, "/l", linux.O_WRONLY|linux.O_CREAT|linux.O_NOFOLLOW, linux.ELOOP)
	w.CheckOpen(w.Root, "/l", linux.O_WRONLY|linux.O_CREAT, nil)
	w.Stat("/nowhere")
	// A new file is opened whatever its mode says.
	f, err := w.VFS.Open(w.User, w.User.Cwd, "/u", linux.O_RDWR|linux.O_CREAT, 0, 0)
	if err == linux.EACCES {
		return // the root directory is not open to all
	}
	w.Must("create without permissions", err)
	f.Dec()
}

func content(w *World) {
	f := w.Open(w.Root, "/f", linux.O_RDWR|linux.O_CREAT, 0o644)
	w.Write(f, "hello, ")
	w.Write(f, "world")
	if got := w.Pread(f, 100, 0); got != "hello, world" {
		w.Errorf("read %q", got)
	}
	b := guest.Local([]byte("END"))
	if n, err := f.Pwrite(w.Root, &b, 100_000); n != 3 || err != nil {
		w.Errorf("pwrite: %d, %v", n, err)
	}
	if got := w.Stat("/f").Size; got != 100_003 {
		w.Errorf("size %d", got)
	}
	if got := w.Pread(f, 100, 99_990); got != "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00END" {
		w.Errorf("read %q behind a hole", got)
	}
	if got := w.Pread(f, 100, 200_000); got != "" {
		w.Errorf("read %q behind the end", got)
	}
	big := strings.Repeat("0123456789abcdef", 20_000)
	w.WriteFile("/big", big)
	if w.ReadFile("/big") != big {
		w.Error("a big file came back changed")
	}
	w.WriteFile("/big", "short")
	if got := w.ReadFile("/big"); got != "short" {
		w.Errorf("after O_TRUNC: %q", got)
	}
	w.Check("pread at -1", pread(w, f, -1), linux.EINVAL)
}

func pread(w *World, f *vfs.File, off int64) error {
	b := guest.Local(make([]byte, 1))
	_, err := f.Pread(w.Root, &b, off)
	return err
}

func appending(w *World) {
	w.WriteFile("/f", "one ")
	f := w.Open(w.Root, "/f", linux.O_RDWR|linux.O_APPEND, 0)
	g := w.Open(w.Root, "/f", linux.O_RDWR|linux.O_APPEND, 0)
	w.Write(f, "two ")
	w.Write(g, "three ")
	w.Write(f, "four")
	b := guest.Local([]byte("!"))
	if _, err := f.Pwrite(w.Root, &b, 0); err != nil {
		w.Errorf("pwrite: %v", err)
	}
	if got := w.ReadFile("/f"); got != "one two three four!" {
		w.Errorf("%q", got)
	}
}

func truncate(w *World) {
	w.WriteFile("/f", "0123456789")
	f := w.Open(w.Root, "/f", linux.O_RDWR, 0)
	w.Must("ftruncate", f.Ftruncate(w.Root, 4))
	w.Must("ftruncate", f.Ftruncate(w.Root, 8))
	if got := w.ReadFile("/f"); got != "0123\x00\x00\x00\x00" {
		w.Errorf("%q", got)
	}
	w.Must("truncate", vfs.Truncate(w.Root, w.At(w.Root, "/f"), 2))
	if got := w.ReadFile("/f"); got != "01" {
		w.Errorf("%q", got)
	}
	w.Must("truncate", vfs.Truncate(w.Root, w.At(w.Root, "/f"), 1<<30))
	if got := w.Stat("/f"); got.Size != 1<<30 || got.Blocks > 1<<20 {
		w.Errorf("size %d, %d blocks", got.Size, got.Blocks)
	}
	w.Check("truncate a directory", vfs.Truncate(w.Root, w.At(w.Root, "/"), 0), linux.EISDIR)
	r := w.Open(w.Root, "/f", linux.O_RDONLY, 0)
	w.Check("ftruncate of a file opened to be read", r.Ftruncate(w.Root, 0), linux.EINVAL)
}

func seek(w *World) {
	w.WriteFile("/f", "0123456789")
	f := w.Open(w.Root, "/f", linux.O_RDWR, 0)
	for _, tt := range []struct {
		off    int64
		whence int
		at     int64
		err    error
	}{
		{3, linux.SEEK_SET, 3, nil},
		{2, linux.SEEK_CUR, 5, nil},
		{-6, linux.SEEK_CUR, 0, linux.EINVAL},
		{0, linux.SEEK_CUR, 5, nil},
		{-1, linux.SEEK_END, 9, nil},
		{100, linux.SEEK_END, 110, nil},
		{-11, linux.SEEK_END, 0, linux.EINVAL},
		{-1, linux.SEEK_SET, 0, linux.EINVAL},
		{0, 9, 0, linux.EINVAL},
		{3, linux.SEEK_DATA, 3, nil},
		{3, linux.SEEK_HOLE, 10, nil},
		{10, linux.SEEK_DATA, 0, linux.ENXIO},
		{10, linux.SEEK_HOLE, 0, linux.ENXIO},
	} {
		at, err := f.Seek(w.Root, tt.off, tt.whence)
		if err != tt.err || err == nil && at != tt.at {
			w.Errorf("seek %d from %d: %d, %v, want %d, %v", tt.off, tt.whence, at, err, tt.at, tt.err)
		}
	}
}

func limit(w *World) {
	f := w.Open(w.Root, "/f", linux.O_RDWR|linux.O_CREAT, 0o644)
	small := *w.Root
	small.FileLimit = 10
	b := guest.Local([]byte("0123456789abc"))
	if n, err := f.Write(&small, &b); n != 10 || err != nil {
		w.Errorf("write up to the limit: %d, %v", n, err)
	}
	b = guest.Local([]byte("x"))
	_, err := f.Write(&small, &b)
	w.Check("write behind the limit", err, linux.EFBIG)
	w.Check("truncate behind the limit", f.Ftruncate(&small, 11), linux.EFBIG)
	a := w.Open(w.Root, "/f", linux.O_WRONLY|linux.O_APPEND, 0)
	_, err = a.Write(&small, &b)
	w.Check("append behind the limit", err, linux.EFBIG)
}
