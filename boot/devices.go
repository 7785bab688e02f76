package boot

import (
	"path"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// KnownDevice reports whether guests can open a device of the host's numbers: those
// that the Sentry is.
func KnownDevice(kind uint32, major, minor int64) bool {
	if kind == linux.S_IFIFO {
		return true
	}
	const memory, terminals, misc = 1, 5, 10
	switch {
	case kind != linux.S_IFCHR:
		return false
	case major == memory:
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9 // null, zero, full, random, urandom
	case major == terminals:
		return minor == 0 || minor == 2 // tty, ptmx
	case major == misc:
		return minor == 200 // net/tun
	}
	return false
}

// device makes a node. What is there under its name stays if it is the same device,
// else it is replaced.
func (c *container) device(d *Device) error {
	name := path.Clean("/" + d.Path)
	if _, err := c.directory(path.Dir(name)); err != nil {
		return err
	}
	x := c.self()
	make := func() error {
		return c.vfs.Mknod(x, x.Root, name, d.Kind|d.Mode&0o7777, vfs.MakeDev(d.Major, d.Minor))
	}
	err := make()
	if err == linux.EEXIST {
		var same bool
		if same, err = c.isDevice(x, name, d); err != nil {
			return err
		}
		if !same {
			if err = c.vfs.Unlink(x, x.Root, name); err == nil {
				err = make()
			}
		}
	}
	if err != nil {
		return err
	}
	p, err := c.vfs.Walk(x, x.Root, name, 0)
	if err != nil {
		return err
	}
	if err := vfs.Chown(x, p, d.UID, d.GID); err != nil {
		return err
	}
	return vfs.Chmod(x, p, d.Mode&0o7777)
}

func (c *container) isDevice(x *vfs.Ctx, name string, d *Device) (bool, error) {
	p, err := c.vfs.Walk(x, x.Root, name, vfs.NoFollow)
	if err != nil {
		return false, err
	}
	a, err := p.Inode().Attr(x)
	return err == nil && a.Mode&linux.S_IFMT == d.Kind && (d.Kind == linux.S_IFIFO || a.RDev == vfs.MakeDev(d.Major, d.Minor)), err
}
