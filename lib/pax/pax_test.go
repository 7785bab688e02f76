package pax_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"glovebox/lib/pax"
)

// TestRead: Go's reader finds what was written.
func TestRead(t *testing.T) {
	long := strings.Repeat("a", 99) + "/" + strings.Repeat("b", 200)
	for _, h := range []pax.Header{
		{Name: "f", Kind: pax.Regular, Mode: 0o4755, UID: 1, GID: 2, Size: 3, Sec: 1e9, Nsec: 5e8},
		{Name: ".", Kind: pax.Directory, Mode: 0o755},
		{Name: long, Kind: pax.Directory, Mode: 0o1777, UID: 1 << 31, GID: 1<<32 - 1},
		{Name: "umlaut-ä", Kind: pax.Regular, Size: 512, Sec: -2, Nsec: 250_000_000},
		{Name: "bytes-\xff\n ", Kind: pax.Regular, Size: 513},
		{Name: strings.Repeat("c", 100), Kind: pax.Symlink, Link: "../../" + long, Mode: 0o777},
		{Name: "hard", Kind: pax.HardLink, Link: long},
		{Name: "null", Kind: pax.CharDev, Major: 1, Minor: 3},
		{Name: "disk", Kind: pax.BlockDev, Major: 4095, Minor: 1<<20 - 1},
		{Name: "fifo", Kind: pax.FIFO, Sec: 1 << 34},
		{Name: "x", Kind: pax.Regular, Xattrs: []pax.Xattr{{"user.a", []byte("1\x00\n2=")}, {"user.b", nil}, {"security.capability", bytes.Repeat([]byte{7}, 900)}}},
	} {
		body := bytes.Repeat([]byte("x"), int(h.Size))
		var b bytes.Buffer
		w := pax.NewWriter(&b)
		err := w.WriteHeader(&h)
		if h.Kind == pax.Regular {
			_, werr := w.Write(body)
			err = errors.Join(err, werr)
		}
		if err := errors.Join(err, w.Close()); err != nil {
			t.Errorf("%q: %v", h.Name, err)
			continue
		}
		if b.Len()%512 != 0 {
			t.Errorf("%q: %d bytes", h.Name, b.Len())
		}
		r := tar.NewReader(&b)
		got, err := r.Next()
		if err != nil {
			t.Errorf("%q: %v", h.Name, err)
			continue
		}
		want := h.Name
		if h.Kind == pax.Directory {
			want += "/"
		}
		if got.Name != want || got.Typeflag != byte(h.Kind) || got.Mode != int64(h.Mode) || got.Uid != int(h.UID) || got.Gid != int(h.GID) ||
			got.Linkname != h.Link || got.Devmajor != int64(h.Major) || got.Devminor != int64(h.Minor) || got.Size != h.Size ||
			!got.ModTime.Equal(time.Unix(h.Sec, h.Nsec)) {
			t.Errorf("%+v was read as %+v", h, got)
		}
		for _, x := range h.Xattrs {
			if v, ok := got.PAXRecords["SCHILY.xattr."+x.Name]; v != string(x.Value) || !ok && len(x.Value) > 0 {
				t.Errorf("%s of %q is %q", x.Name, h.Name, v)
			}
		}
		if content, err := io.ReadAll(r); !bytes.Equal(content, body) && h.Kind == pax.Regular || err != nil {
			t.Errorf("%q: %d bytes, %v", h.Name, len(content), err)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("behind %q: %v", h.Name, err)
		}
	}
}

// TestHoles: a file of a terabyte is as long as its data.
func TestHoles(t *testing.T) {
	for _, h := range []pax.Header{
		{Name: "both-ends", Size: 1 << 20, Data: []pax.Extent{{0, 5}, {1<<20 - 3, 3}}},
		{Name: "ends-in-a-hole", Size: 1<<20 + 1, Data: []pax.Extent{{4096, 4096}}},
		{Name: "nothing", Size: 12345, Data: []pax.Extent{}},
		{Name: "äöü" + strings.Repeat("n", 200), Size: 9 << 10, Data: []pax.Extent{{1, 1}, {3, 1}}},
	} {
		h.Kind, h.Mode = pax.Regular, 0o600
		want := make([]byte, h.Size)
		var b bytes.Buffer
		w := pax.NewWriter(&b)
		err := w.WriteHeader(&h)
		for _, e := range h.Data {
			p := bytes.Repeat([]byte("d"), int(e.Len))
			copy(want[e.Off:], p)
			_, werr := w.Write(p)
			err = errors.Join(err, werr)
		}
		if err := errors.Join(err, w.Close()); err != nil || b.Len() > 16<<10 {
			t.Errorf("%q: %d bytes, %v", h.Name, b.Len(), err)
		}
		archive := bytes.Clone(b.Bytes())
		r := tar.NewReader(&b)
		got, err := r.Next()
		if err != nil || got.Name != h.Name || got.Size != h.Size {
			t.Errorf("%q: %+v, %v", h.Name, got, err)
			continue
		}
		if content, err := io.ReadAll(r); !bytes.Equal(content, want) || err != nil {
			t.Errorf("%q: %d bytes, %v", h.Name, len(content), err)
		}
		cmd := exec.Command("tar", "-xOf", "-")
		cmd.Stdin = bytes.NewReader(archive)
		// To a pipe, tar writes only what is data; it need not complain.
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q: tar: %v: %.200s", h.Name, err, out)
		}
	}
	var b bytes.Buffer
	w := pax.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(&pax.Header{Name: "huge", Kind: pax.Regular, Size: 1 << 42, Data: []pax.Extent{}}), w.Close()); err != nil || b.Len() > 4096 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

// TestUnsafe: what would be written elsewhere, or does not fit, is refused.
func TestUnsafe(t *testing.T) {
	for _, name := range []string{"", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a//b", "./a", "a/.", "a\x00b", "a/"} {
		w := pax.NewWriter(io.Discard)
		if err := w.WriteHeader(&pax.Header{Name: name, Kind: pax.Directory}); err != pax.ErrName {
			t.Errorf("%q: %v", name, err)
		}
		if err := w.WriteHeader(&pax.Header{Name: "l", Kind: pax.HardLink, Link: name}); err != pax.ErrName {
			t.Errorf("link to %q: %v", name, err)
		}
	}
	w := pax.NewWriter(io.Discard)
	if err := w.WriteHeader(&pax.Header{Name: "f", Kind: pax.Regular, Size: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 6)); err == nil {
		t.Error("more than its size was written")
	}
	if err := w.Close(); err == nil || w.Err() == nil {
		t.Error("a file without its content was closed")
	}
}
