package synth

import (
	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// A Link is a symbolic link.
type Link struct {
	node
	target func(c *vfs.Ctx) (string, error)
}

// Link returns a symbolic link to what target says.
func (fs *FS) Link(m Meta, target func(c *vfs.Ctx) (string, error)) *Link {
	m.Perm = 0o777
	return &Link{node{fs: fs, kind: linux.S_IFLNK, meta: m}, target}
}

// LinkTo returns a symbolic link that does not change.
func (fs *FS) LinkTo(target string) *Link {
	return fs.Link(Meta{}, func(*vfs.Ctx) (string, error) { return target, nil })
}

// Readlink implements vfs.Symlink.
func (l *Link) Readlink(c *vfs.Ctx) (string, error) { return l.target(c) }

// A Magic is a link that leads to a file, whatever its name (proc(5)).
type Magic struct {
	Link
	jump func(c *vfs.Ctx) (vfs.Path, error)
}

// Magic returns a magic link: target is what readlink(2) shows, jump where it
// leads. m.Perm is as proc shows it, 0500 for /proc/PID/fd/N open for reading.
func (fs *FS) Magic(m Meta, target func(*vfs.Ctx) (string, error), jump func(*vfs.Ctx) (vfs.Path, error)) *Magic {
	return &Magic{Link{node{fs: fs, kind: linux.S_IFLNK, meta: m}, target}, jump}
}

// Jump implements vfs.Jumper.
func (l *Magic) Jump(c *vfs.Ctx) (vfs.Path, error) { return l.jump(c) }
