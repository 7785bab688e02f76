package vfs

import (
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
)

// counted counts what is done to an open file.
type counted struct {
	NoFile
	writes, releases int
}

func (c *counted) Write(_ *Ctx, b *guest.Buf, _ int64) (int64, error) {
	c.writes++
	return int64(b.Len()), nil
}

func (c *counted) Release() { c.releases++ }

func TestReopen(t *testing.T) {
	c := &Ctx{Creds: &auth.Creds{FSUID: 1000}}
	v := &VFS{}
	ops := &counted{}
	f := NewAnonFile("pipe:[7]", ops, linux.O_WRONLY)
	p := f.Place()
	if p != f.Place() {
		t.Error("a file has two places")
	}
	if got := v.PathName(Path{}, p); got != "pipe:[7]" {
		t.Errorf("name %q", got)
	}
	if a, err := p.Inode().Attr(c); err != nil || a.Mode != linux.S_IFIFO|0o600 || a.Ino != 7 {
		t.Errorf("%+v, %v", a, err)
	}
	if err := Chmod(&Ctx{Creds: &auth.Creds{}}, p, 0o666); err != nil {
		t.Error(err)
	}
	if a, err := f.Attr(c); err != nil || a.Mode != linux.S_IFIFO|0o666 {
		t.Errorf("mode %#o, %v after chmod", a.Mode, err)
	}
	if _, err := v.OpenPath(c, p, linux.O_RDONLY); err != linux.EACCES {
		t.Errorf("open to be read: %v", err)
	}
	g, err := v.OpenPath(c, p, linux.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	b := guest.Local([]byte("x"))
	if _, err := g.Write(c, &b); err != nil || ops.writes != 1 {
		t.Errorf("write: %v, %d", err, ops.writes)
	}
	f.Dec()
	if ops.releases != 0 {
		t.Error("released while open")
	}
	g.Dec()
	if ops.releases != 1 {
		t.Errorf("released %d times", ops.releases)
	}
	if _, err := v.OpenPath(c, p, linux.O_WRONLY); err != linux.ENXIO {
		t.Errorf("open when closed: %v", err)
	}
	for name, want := range map[string]error{"socket:[1]": linux.ENXIO, "anon_inode:[eventfd]": linux.ENXIO} {
		f := NewAnonFile(name, &counted{}, linux.O_RDWR)
		if _, err := v.OpenPath(c, f.Place(), linux.O_RDWR); err != want {
			t.Errorf("open of %s: %v, want %v", name, err, want)
		}
		f.Dec()
	}
}
