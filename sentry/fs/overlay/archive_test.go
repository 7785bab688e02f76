package overlay_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"glovebox/abi/linux"
	"glovebox/lib/pax"
	"glovebox/sentry/fs/overlay"
	"glovebox/sentry/fs/vfstest"
	"glovebox/sentry/vfs"
)

// archive returns what the overlay of w writes.
func archive(t *testing.T, w *vfstest.World) ([]byte, overlay.Omitted) {
	t.Helper()
	var b bytes.Buffer
	omitted, err := w.VFS.Root().Mount.FileSystem().(*overlay.FileSystem).Archive(pax.NewWriter(&b))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), omitted
}

// state is files by path, each as text.
type state map[string]string

// walk returns what there is below dir.
func walk(t *testing.T, w *vfstest.World, dir string, s state) {
	t.Helper()
	for name := range strings.FieldsSeq(w.List(dir, 1000)) {
		if name == "." || name == ".." {
			continue
		}
		p := path.Join(dir, name)
		at, err := w.VFS.Walk(w.Root, w.Root.Cwd, p, vfs.NoFollow)
		if err != nil {
			t.Fatal(p, err)
		}
		a, err := at.Inode().Attr(w.Root)
		if err != nil {
			t.Fatal(p, err)
		}
		text := fmt.Sprintf("%o %d:%d", a.Mode, a.UID, a.GID)
		switch a.Mode & linux.S_IFMT {
		case linux.S_IFREG:
			text += " " + w.ReadFile(p)
		case linux.S_IFLNK:
			l, err := at.Inode().(vfs.Symlink).Readlink(w.Root)
			text += fmt.Sprint(" ", l, err)
		case linux.S_IFCHR:
			text += fmt.Sprint(" ", vfs.Major(a.RDev), ":", vfs.Minor(a.RDev))
		}
		s[strings.TrimPrefix(p, "/")] = text
		if a.Mode&linux.S_IFMT == linux.S_IFDIR {
			walk(t, w, p, s)
		}
	}
}

var modeOf = map[byte]int64{
	tar.TypeReg: linux.S_IFREG, tar.TypeDir: linux.S_IFDIR, tar.TypeSymlink: linux.S_IFLNK, tar.TypeChar: linux.S_IFCHR, tar.TypeFifo: linux.S_IFIFO,
}

// apply changes s as the archive says, which OCI's image-spec does.
func apply(t *testing.T, s state, b []byte) {
	t.Helper()
	remove := func(name string, self bool) {
		maps.DeleteFunc(s, func(p, _ string) bool { return self && p == name || strings.HasPrefix(p, name+"/") })
	}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		dir, base := path.Split(name)
		if dir != "" && !strings.HasPrefix(s[strings.TrimSuffix(dir, "/")], "4") {
			t.Errorf("%s is in no directory", name)
		}
		switch gone, whiteout := strings.CutPrefix(base, ".wh."); {
		case base == ".wh..wh..opq":
			remove(strings.TrimSuffix(dir, "/"), false)
			continue
		case whiteout:
			remove(dir+gone, true)
			continue
		case h.Typeflag == tar.TypeLink:
			if s[h.Linkname] == "" {
				t.Errorf("%s is a link to %s, which is not there", name, h.Linkname)
			}
			s[name] = s[h.Linkname]
			continue
		}
		if h.Typeflag != tar.TypeDir || !strings.HasPrefix(s[name], "4") {
			remove(name, true)
		}
		text := fmt.Sprintf("%o %d:%d", modeOf[h.Typeflag]|h.Mode, h.Uid, h.Gid)
		switch h.Typeflag {
		case tar.TypeReg:
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			text += " " + string(content)
		case tar.TypeSymlink:
			text += fmt.Sprint(" ", h.Linkname, error(nil))
		case tar.TypeChar:
			text += fmt.Sprint(" ", h.Devmajor, ":", h.Devminor)
		}
		if name != "." {
			s[name] = text
		}
	}
}

// TestArchive: whatever was done, the lower layer with the archive applied is what the
// overlay shows.
func TestArchive(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		w, lower := newWorld(t, func(w *vfstest.World) {
			tree(w)
			c := w.Root
			w.Must("link", w.VFS.Link(c, w.At(c, "/f"), c.Cwd, "/d/e/f3"))
		})
		v, c := w.VFS, w.Root
		var names []string
		for _, d := range []string{"", "/d", "/d/e", "/empty", "/n"} {
			for _, n := range []string{"f", "g", "h", "d", "e", "n", "l"} {
				names = append(names, d+"/"+n)
			}
		}
		pick := func() string { return names[random.IntN(len(names))] }
		var done []string
		for range random.IntN(25) {
			a, b := pick(), pick()
			n := random.IntN(1000)
			steps := []struct {
				what string
				do   func() error
			}{
				{"write", func() error {
					f, err := v.Open(c, c.Cwd, a, linux.O_WRONLY|linux.O_CREAT|linux.O_NOFOLLOW, 0o644, 0)
					if err != nil {
						return err
					}
					w.Write(f, fmt.Sprint(n))
					f.Dec()
					return nil
				}},
				{"mkdir", func() error { return v.Mkdir(c, c.Cwd, a, 0o700) }},
				{"unlink", func() error { return v.Unlink(c, c.Cwd, a) }},
				{"rmdir", func() error { return v.Rmdir(c, c.Cwd, a) }},
				{"rename", func() error { return v.Rename(c, c.Cwd, a, c.Cwd, b, 0) }},
				{"exchange", func() error { return v.Rename(c, c.Cwd, a, c.Cwd, b, linux.RENAME_EXCHANGE) }},
				{"symlink", func() error { return v.Symlink(c, "../x/y", c.Cwd, a) }},
				{"mknod", func() error { return v.Mknod(c, c.Cwd, a, linux.S_IFCHR|0o600, vfs.MakeDev(1, 3)) }},
				{"link", func() error {
					at, err := v.Walk(c, c.Cwd, a, vfs.NoFollow)
					if err != nil {
						return err
					}
					return v.Link(c, at, c.Cwd, b)
				}},
				{"chown", func() error {
					at, err := v.Walk(c, c.Cwd, a, vfs.NoFollow)
					if err != nil {
						return err
					}
					return vfs.Chown(c, at, uint32(n), 7)
				}},
			}
			s := steps[random.IntN(len(steps))]
			if s.do() == nil {
				done = append(done, fmt.Sprint(s.what, " ", a, " ", b, " ", n))
			}
		}
		b, omitted := archive(t, w)
		got, want := state{}, state{}
		walk(t, lower, "/", got)
		apply(t, got, b)
		walk(t, w, "/", want)
		if omitted.Count > 0 {
			// Names of a changed file in directories where nobody looked.
			for name := range want {
				if strings.HasSuffix(name, "f3") || strings.HasSuffix(name, "f2") || strings.HasSuffix(name, "f") {
					delete(want, name)
					delete(got, name)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if got[name] != want[name] {
				t.Errorf("%s is %q, in the overlay %q", name, got[name], want[name])
			}
		}
		for name := range got {
			if want[name] == "" {
				t.Errorf("%s is there, in the overlay not", name)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s\n%v", seed, strings.Join(done, "; "), omitted.First)
		}
	}
}

// TestArchiveCorners: names, holes, attributes, links.
func TestArchiveCorners(t *testing.T) {
	w, _ := newWorld(t, tree)
	v, c := w.VFS, w.Root
	if b, omitted := archive(t, w); len(b) != 1024 || omitted.Count != 0 {
		t.Errorf("of no changes: %d bytes, %v", len(b), omitted)
	}
	w.WriteFile("/one", "linked")
	w.Must("link", v.Link(c, w.At(c, "/one"), c.Cwd, "/d/two"))
	w.WriteFile("/.wh.f", "")
	w.WriteFile("/new\nline", "x")
	w.Must("mknod", v.Mknod(c, c.Cwd, "/socket", linux.S_IFSOCK|0o600, 0))
	w.Must("truncate", vfs.Truncate(c, w.At(c, "/d/e/h"), 1<<40))
	f := w.Open(c, "/d/e/h", linux.O_WRONLY, 0)
	w.Write(f, "LOWER")
	x := w.At(c, "/one").Inode().(vfs.Xattrs)
	for _, name := range []string{"user.x", "trusted.overlay.opaque", "user.a=b"} {
		w.Must("setxattr", x.SetXattr(c, name, []byte("y"), 0))
	}
	deep := strings.Repeat("/"+strings.Repeat("n", 200), 10)
	for i := range 30 {
		at := c.Cwd
		// Deeper than a path may be.
		for range i / 10 {
			next, err := v.Walk(c, at, strings.TrimPrefix(deep, "/"), 0)
			w.Must("walk", err)
			at = next
		}
		name := strings.Repeat(strings.Repeat("n", 200)+"/", i%10) + strings.Repeat("n", 200)
		w.Must("mkdir", v.Mkdir(c, at, name, 0o755))
	}
	b, omitted := archive(t, w)
	found := map[string]*tar.Header{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = h
		if len(h.Name) > linux.PATH_MAX {
			t.Errorf("a name of %d bytes", len(h.Name))
		}
	}
	first, second := found["one"], found["d/two"]
	if second != nil && second.Typeflag == tar.TypeReg {
		first, second = second, first
	}
	if first == nil || second == nil || second.Typeflag != tar.TypeLink || first.PAXRecords["SCHILY.xattr.user.x"] != "y" || len(first.PAXRecords) != 2 {
		t.Errorf("%+v, %+v", first, second)
	}
	if h := found["d/e/h"]; h == nil || h.Size != 1<<40 || len(b) > 1<<20 {
		t.Errorf("%d bytes with %+v", len(b), h)
	}
	if found["new\nline"] == nil || found[".wh.f"] != nil || found["socket"] != nil {
		t.Errorf("%v", slices.Sorted(maps.Keys(found)))
	}
	for _, why := range []string{"another file was removed", "socket", "trusted.overlay.opaque", "user.a=b", "name too long"} {
		if !strings.Contains(strings.ToLower(strings.Join(omitted.First, "\n")), why) {
			t.Errorf("%q is not said:\n%s", why, strings.Join(omitted.First, "\n"))
		}
	}
}
