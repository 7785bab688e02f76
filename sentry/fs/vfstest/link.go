package vfstest

import (
	"fmt"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

func link(w *World) {
	v, c := w.VFS, w.Root
	w.WriteFile("/f", "content")
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	f := w.At(c, "/f")
	w.Must("link", v.Link(c, f, c.Cwd, "/d/g"))
	a, b := w.Stat("/f"), w.Stat("/d/g")
	if a.Ino != b.Ino || a.Nlink != 2 || b.Nlink != 2 {
		w.Errorf("inodes %d and %d with %d and %d links", a.Ino, b.Ino, a.Nlink, b.Nlink)
	}
	w.Check("link to a name that is taken", v.Link(c, f, c.Cwd, "/d"), linux.EEXIST)
	w.Check("link of a directory", v.Link(c, w.At(c, "/d"), c.Cwd, "/e"), linux.EPERM)
	w.Must("unlink", v.Unlink(c, c.Cwd, "/f"))
	if got := w.ReadFile("/d/g"); got != "content" {
		w.Errorf("%q", got)
	}
	if n := w.Stat("/d/g").Nlink; n != 1 {
		w.Errorf("%d links", n)
	}
	w.Must("symlink", v.Symlink(c, "d/g", c.Cwd, "/l"))
	w.Must("link of a symbolic link", v.Link(c, w.At(c, "/l"), c.Cwd, "/m"))
	if w.Stat("/m").Mode&linux.S_IFMT != linux.S_IFLNK {
		w.Error("the link was followed")
	}
}

func symlink(w *World) {
	v, c := w.VFS, w.Root
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	w.WriteFile("/d/f", "content")
	for _, l := range [][2]string{{"d", "/dir"}, {"/d/f", "/abs"}, {"../d/f", "/d/rel"}, {"loop", "/loop"}, {"nowhere", "/dangling"}} {
		w.Must("symlink", v.Symlink(c, l[0], c.Cwd, l[1]))
	}
	a := w.Stat("/abs")
	if a.Mode != linux.S_IFLNK|0o777 || a.Size != 4 {
		w.Errorf("mode %#o, size %d", a.Mode, a.Size)
	}
	for _, path := range []string{"/abs", "/d/rel", "/dir/f", "/dir/rel", "dir/../abs"} {
		if got := w.ReadFile(path); got != "content" {
			w.Errorf("%s: %q", path, got)
		}
	}
	for _, tt := range []struct {
		path  string
		flags uint32
		want  error
	}{
		{"/loop", linux.O_RDONLY, linux.ELOOP},
		{"/loop/x", linux.O_RDONLY, linux.ELOOP},
		{"/abs", linux.O_RDONLY | linux.O_NOFOLLOW, linux.ELOOP},
		{"/abs", linux.O_PATH | linux.O_NOFOLLOW, nil},
		{"/dir/f", linux.O_RDONLY | linux.O_NOFOLLOW, nil},
		{"/abs/", linux.O_RDONLY, linux.ENOTDIR},
		{"/dir/", linux.O_RDONLY, nil},
		{"/dir", linux.O_RDONLY | linux.O_NOFOLLOW | linux.O_DIRECTORY, linux.ENOTDIR},
		{"/dangling", linux.O_RDONLY, linux.ENOENT},
	} {
		w.CheckOpen(c, tt.path, tt.flags, tt.want)
	}
	w.Check("an empty target", v.Symlink(c, "", c.Cwd, "/e"), linux.ENOENT)
	w.Check("a long target", v.Symlink(c, strings.Repeat("x", 4096), c.Cwd, "/e"), linux.ENAMETOOLONG)
	// Forty links are followed, not more.
	for i := range 41 {
		w.Must("symlink", v.Symlink(c, fmt.Sprintf("/c%d", i-1), c.Cwd, fmt.Sprintf("/c%d", i)))
	}
	w.WriteFile("/c-1", "end")
	if got := w.ReadFile("/c39"); got != "end" {
		w.Errorf("at the end of 40 links: %q", got)
	}
	w.CheckOpen(c, "/c40", linux.O_RDONLY, linux.ELOOP)
}

func walk(w *World) {
	v, c := w.VFS, w.Root
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d/e", 0o755))
	w.WriteFile("/d/f", "")
	w.WriteFile("/top", "")
	w.Must("symlink", v.Symlink(c, "/top", c.Cwd, "/d/abs"))
	w.Must("symlink", v.Symlink(c, "../top", c.Cwd, "/d/up"))
	d := w.At(c, "/d")
	for _, tt := range []struct {
		path  string
		flags vfs.WalkFlags
		want  error
	}{
		{"f", 0, nil},
		{"", 0, linux.ENOENT},
		{"", vfs.AllowEmpty, nil},
		{"../top", 0, nil},
		{"../top", vfs.Beneath, linux.EXDEV},
		{"/top", vfs.Beneath, linux.EXDEV},
		{"abs", vfs.Beneath, linux.EXDEV},
		{"up", vfs.Beneath, linux.EXDEV},
		{"e/../f", vfs.Beneath, nil},
		{"../f", vfs.InRoot, nil},
		{"/f", vfs.InRoot, nil},
		{"abs", vfs.InRoot, linux.ENOENT},
		{"abs", vfs.NoSymlinks, linux.ELOOP},
		{"abs", 0, nil},
		{"f/", 0, linux.ENOTDIR},
		{"f/..", 0, linux.ENOTDIR},
		{"f", vfs.Directory, linux.ENOTDIR},
		{"../../../../top", 0, nil},
	} {
		_, err := v.Walk(c, d, tt.path, tt.flags)
		w.Check(fmt.Sprintf("walk %q with %#x", tt.path, tt.flags), err, tt.want)
	}
	// ".." does not lead above a task's root.
	jailed := *c
	jailed.Root, jailed.Cwd = d, d
	_, err := v.Walk(&jailed, d, "../../top", 0)
	w.Check("walk out of a root", err, linux.ENOENT)
	_, err = v.Walk(&jailed, d, "/f", 0)
	w.Check("walk from another root", err, nil)
	_, err = v.Walk(&jailed, d, "up", 0)
	w.Check("a link out of a root", err, linux.ENOENT)
	if got := v.PathName(c.Root, w.At(c, "/d/e")); got != "/d/e" {
		w.Errorf("path name %q", got)
	}
	if got := v.PathName(d, w.At(c, "/d/e")); got != "/e" {
		w.Errorf("path name %q", got)
	}
	e := w.At(c, "/d/e")
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d/e"))
	if got := v.PathName(c.Root, e); got != "/d/e (deleted)" {
		w.Errorf("path name %q", got)
	}
	w.CheckOpen(w.User, "/d/f", linux.O_RDONLY, nil)
	w.Must("chmod", vfs.Chmod(c, d, 0o600))
	w.CheckOpen(w.User, "/d/f", linux.O_RDONLY, linux.EACCES)
	w.CheckOpen(w.User, "/d/no", linux.O_RDONLY, linux.EACCES)
}

// temporary makes a file without a name and gives it one (O_TMPFILE).
func temporary(w *World) {
	v, c := w.VFS, w.Root
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	f, err := v.Open(c, c.Cwd, "/d", linux.O_TMPFILE|linux.O_RDWR, 0o640, 0)
	if err == linux.EOPNOTSUPP {
		w.Skip("not supported")
	}
	w.Must("open", err)
	defer f.Dec()
	w.Write(f, "temporary")
	if got := w.List("/d", 9); got != ". .." {
		w.Errorf("it shows: %s", got)
	}
	if a, err := f.Attr(c); err != nil || a.Nlink != 0 || a.Mode != linux.S_IFREG|0o640 {
		w.Errorf("%d links, mode %#o, %v", a.Nlink, a.Mode, err)
	}
	w.Must("link", v.Link(c, f.Path(), c.Cwd, "/d/named"))
	if got := w.ReadFile("/d/named"); got != "temporary" || w.Stat("/d/named").Nlink != 1 {
		w.Errorf("%q", got)
	}
	w.Must("unlink", v.Unlink(c, c.Cwd, "/d/named"))
	w.Check("link again", v.Link(c, f.Path(), c.Cwd, "/d/named"), linux.ENOENT)
	w.CheckOpen(c, "/d", linux.O_TMPFILE|linux.O_RDONLY, linux.EINVAL)
	w.CheckOpen(c, "/no", linux.O_TMPFILE|linux.O_RDWR, linux.ENOENT)
}
