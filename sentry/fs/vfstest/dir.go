package vfstest

import (
	"fmt"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

func mkdir(w *World) {
	v, c := w.VFS, w.Root
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o777))
	if a := w.Stat("/d"); a.Mode != linux.S_IFDIR|0o755 || a.Nlink != 2 && a.Nlink != 1 {
		w.Errorf("mode %#o, %d links", a.Mode, a.Nlink)
	}
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d/e/", 0o700))
	for _, tt := range []struct {
		path string
		want error
	}{
		{"/d", linux.EEXIST}, {"/", linux.EEXIST}, {"/d/.", linux.EEXIST}, {"/d/..", linux.EEXIST},
		{"/no/d", linux.ENOENT}, {"", linux.ENOENT}, {"/d/e/", linux.EEXIST},
		{"/" + strings.Repeat("n", 256), linux.ENAMETOOLONG},
	} {
		w.Check("mkdir "+tt.path, v.Mkdir(c, c.Cwd, tt.path, 0o777), tt.want)
	}
}

func remove(w *World) {
	v, c := w.VFS, w.Root
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	w.WriteFile("/d/f", "x")
	w.Must("symlink", v.Symlink(c, "d", c.Cwd, "/l"))
	for _, tt := range []struct {
		path          string
		unlink, rmdir error
	}{
		{"/no", linux.ENOENT, linux.ENOENT},
		{"/d", linux.EISDIR, linux.ENOTEMPTY},
		{"/d/.", linux.EISDIR, linux.EINVAL},
		{"/d/..", linux.EISDIR, linux.ENOTEMPTY},
		{"/", linux.EISDIR, linux.EBUSY},
		{"/d/f/", linux.ENOTDIR, linux.ENOTDIR},
		{"/d/f/x", linux.ENOTDIR, linux.ENOTDIR},
		{"/l/", linux.ENOTDIR, linux.ENOTDIR},
	} {
		w.Check("unlink "+tt.path, v.Unlink(c, c.Cwd, tt.path), tt.unlink)
		w.Check("rmdir "+tt.path, v.Rmdir(c, c.Cwd, tt.path), tt.rmdir)
	}
	w.Check("rmdir of a file", v.Rmdir(c, c.Cwd, "/d/f"), linux.ENOTDIR)
	w.Check("rmdir of a link", v.Rmdir(c, c.Cwd, "/l"), linux.ENOTDIR)
	w.Must("unlink", v.Unlink(c, c.Cwd, "/d/f"))
	w.CheckGone("/d/f")
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d"))
	w.CheckGone("/d")
	w.Must("unlink", v.Unlink(c, c.Cwd, "/l"))
	if got := w.List("/", 10); got != ". .." {
		w.Errorf("left: %s", got)
	}
}

func unlinked(w *World) {
	v, c := w.VFS, w.Root
	f := w.Open(c, "/f", linux.O_RDWR|linux.O_CREAT, 0o644)
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	d := w.Open(c, "/d", linux.O_RDONLY, 0)
	w.Must("unlink", v.Unlink(c, c.Cwd, "/f"))
	w.Write(f, "still here")
	if got := w.Pread(f, 100, 0); got != "still here" {
		w.Errorf("read %q of an unlinked file", got)
	}
	a, err := f.Path().Inode().Attr(c)
	if err != nil || a.Nlink != 0 {
		w.Errorf("%d links, %v", a.Nlink, err)
	}
	w.Check("link of an unlinked file", v.Link(c, f.Path(), c.Cwd, "/again"), linux.ENOENT)
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/d"))
	_, err = v.Open(c, d.Path(), "x", linux.O_WRONLY|linux.O_CREAT, 0o644, 0)
	w.Check("create in a removed directory", err, linux.ENOENT)
	w.Check("mkdir in a removed directory", v.Mkdir(c, d.Path(), "x", 0o755), linux.ENOENT)
	w.Check("readdir of a removed directory", d.ReadDir(c, func(vfs.Dirent) bool { return true }), linux.ENOENT)
	// The names are free for others.
	w.WriteFile("/d", "a file now")
	if got := w.ReadFile("/d"); got != "a file now" {
		w.Errorf("%q", got)
	}
}

func readDir(w *World) {
	var want []string
	for i := range 50 {
		name := fmt.Sprintf("n%02d", i)
		w.WriteFile("/"+name, "")
		want = append(want, name)
	}
	all := ". .. " + strings.Join(want, " ")
	for _, max := range []int{1, 7, 1000} {
		if got := w.List("/", max); got != all {
			w.Errorf("read %d at a time: %s", max, got)
		}
	}
	w.Must("mkdir", w.VFS.Mkdir(w.Root, w.Root.Cwd, "/d", 0o755))
	w.Must("symlink", w.VFS.Symlink(w.Root, "x", w.Root.Cwd, "/d/l"))
	w.WriteFile("/d/f", "")
	f := w.Open(w.Root, "/d", linux.O_RDONLY, 0)
	w.Must("readdir", f.ReadDir(w.Root, func(e vfs.Dirent) bool {
		a := w.Stat("/d/" + e.Name)
		if e.Ino != a.Ino && e.Name != ".." || e.Type != uint8(a.Mode>>12&15) {
			w.Errorf("%s: inode %d of type %d, stat says %d and %#o", e.Name, e.Ino, e.Type, a.Ino, a.Mode)
		}
		return true
	}))
	if at, err := f.Seek(w.Root, 0, linux.SEEK_SET); at != 0 || err != nil {
		w.Errorf("rewind: %d, %v", at, err)
	}
	n := 0
	w.Must("readdir", f.ReadDir(w.Root, func(vfs.Dirent) bool { n++; return true }))
	if n != 4 {
		w.Errorf("%d entries after a rewind", n)
	}
}

// readDirChanges removes what it reads, as rm -r does: nothing is skipped.
func readDirChanges(w *World) {
	for i := range 100 {
		w.WriteFile(fmt.Sprintf("/n%d", i), "")
	}
	f := w.Open(w.Root, "/", linux.O_RDONLY, 0)
	for {
		var names []string
		w.Must("readdir", f.ReadDir(w.Root, func(e vfs.Dirent) bool {
			if len(names) == 7 {
				return false
			}
			names = append(names, e.Name)
			return true
		}))
		if len(names) == 0 {
			break
		}
		for _, n := range names {
			if n != "." && n != ".." {
				w.Must("unlink", w.VFS.Unlink(w.Root, w.Root.Cwd, "/"+n))
			}
		}
	}
	if got := w.List("/", 1000); got != ". .." {
		w.Errorf("left: %s", got)
	}
}
