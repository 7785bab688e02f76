package vfstest

import (
	"fmt"

	"glovebox/abi/linux"
)

func (w *World) rename(old, to string, flags uint32) error {
	return w.VFS.Rename(w.Root, w.Root.Cwd, old, w.Root.Cwd, to, flags)
}

func rename(w *World) {
	v, c := w.VFS, w.Root
	w.WriteFile("/a", "a")
	w.WriteFile("/b", "b")
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	w.Must("link", v.Link(c, w.At(c, "/b"), c.Cwd, "/b2"))
	ino := w.Stat("/a").Ino
	for _, tt := range []struct {
		old, to string
		flags   uint32
		want    error
	}{
		{"/no", "/x", 0, linux.ENOENT},
		{"/a", "/no/x", 0, linux.ENOENT},
		{"/a", "/b", linux.RENAME_NOREPLACE, linux.EEXIST},
		{"/a", "/d", 0, linux.EISDIR},
		{"/d", "/a", 0, linux.ENOTDIR},
		{"/a", "/x/", 0, linux.ENOTDIR},
		{"/a/", "/x", 0, linux.ENOTDIR},
		{"/a", "/d/.", 0, linux.EBUSY},
		{"/d/..", "/x", 0, linux.EBUSY},
		{"/", "/x", 0, linux.EBUSY},
		{"/a", "/x", 1 << 9, linux.EINVAL},
		{"/a", "/x", linux.RENAME_NOREPLACE | linux.RENAME_EXCHANGE, linux.EINVAL},
		{"/b", "/b2", 0, nil}, // names of one file: nothing happens
		{"/a", "/a", 0, nil},
	} {
		w.Check(fmt.Sprintf("rename %s to %s, %d", tt.old, tt.to, tt.flags), w.rename(tt.old, tt.to, tt.flags), tt.want)
	}
	w.Stat("/b")
	w.Must("rename", w.rename("/a", "/d/moved", linux.RENAME_NOREPLACE))
	w.CheckGone("/a")
	if got := w.Stat("/d/moved").Ino; got != ino {
		w.Errorf("inode %d became %d", ino, got)
	}
	f := w.Open(c, "/b", linux.O_RDONLY, 0)
	w.Must("replace", w.rename("/d/moved", "/b", 0))
	if got := w.ReadFile("/b"); got != "a" {
		w.Errorf("%q at the new name", got)
	}
	if got := w.Pread(f, 9, 0); got != "b" {
		w.Errorf("%q in the file that was replaced", got)
	}
	if got := w.Stat("/b2").Nlink; got != 1 {
		w.Errorf("%d links", got)
	}
	if got := w.List("/", 100); got != ". .. b b2 d" {
		w.Errorf("left: %s", got)
	}
	w.WriteFile("/a", "again")
	if got := w.ReadFile("/a"); got != "again" {
		w.Errorf("%q at the old name", got)
	}
}

func renameDir(w *World) {
	v, c := w.VFS, w.Root
	for _, d := range []string{"/d", "/d/e", "/empty", "/full"} {
		w.Must("mkdir", v.Mkdir(c, c.Cwd, d, 0o755))
	}
	w.WriteFile("/d/e/f", "deep")
	w.WriteFile("/full/f", "")
	w.Check("into itself", w.rename("/d", "/d/e/x", 0), linux.EINVAL)
	w.Check("onto its parent", w.rename("/d/e", "/d", 0), linux.ENOTEMPTY)
	w.Check("onto a full directory", w.rename("/d", "/full", 0), linux.ENOTEMPTY)
	at := w.At(c, "/d/e")
	w.Must("rename onto an empty directory", w.rename("/d", "/empty/", 0))
	if got := w.ReadFile("/empty/e/f"); got != "deep" {
		w.Errorf("%q", got)
	}
	if got := v.PathName(c.Root, at); got != "/empty/e" {
		w.Errorf("path name %q", got)
	}
	w.Must("rename", w.rename("/empty/e", "/up", 0))
	p, err := v.Walk(c, at, "../full/f", 0)
	if err != nil || p.Inode().Kind() != linux.S_IFREG {
		w.Errorf("from the moved directory: %v", err)
	}
	if got := w.List("/empty", 9); got != ". .." {
		w.Errorf("left: %s", got)
	}
}

func exchange(w *World) {
	v, c := w.VFS, w.Root
	w.WriteFile("/f", "file")
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	w.WriteFile("/d/g", "inner")
	w.Check("with nothing", w.rename("/f", "/no", linux.RENAME_EXCHANGE), linux.ENOENT)
	w.Check("with its parent", w.rename("/d/g", "/d", linux.RENAME_EXCHANGE), linux.EINVAL)
	switch err := w.rename("/f", "/d", linux.RENAME_EXCHANGE); err {
	case linux.EINVAL:
		w.Skip("not supported")
	default:
		w.Must("exchange", err)
	}
	if got := w.ReadFile("/d") + " " + w.ReadFile("/f/g"); got != "file inner" {
		w.Errorf("%q", got)
	}
	w.Must("exchange back across directories", w.rename("/f/g", "/d", linux.RENAME_EXCHANGE))
	if got := w.ReadFile("/d") + " " + w.ReadFile("/f/g"); got != "inner file" {
		w.Errorf("%q", got)
	}
	w.Must("unlink", v.Unlink(c, c.Cwd, "/f/g"))
	w.Must("rmdir", v.Rmdir(c, c.Cwd, "/f"))
}
