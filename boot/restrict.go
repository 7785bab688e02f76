package boot

import (
	"fmt"
	"path"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/vfs"
)

// restrict covers masked paths and makes others read-only. One that is missing
// needs neither (OCI runtime specification, Masked Paths).
func (c *container) restrict() error {
	for _, name := range c.cfg.MaskedPaths {
		if err := c.mask(name); absent(err) != nil {
			return fmt.Errorf("mask %s: %w", name, err)
		}
	}
	for _, name := range c.cfg.ReadonlyPaths {
		if err := c.readOnly(name); absent(err) != nil {
			return fmt.Errorf("make %s read-only: %w", name, err)
		}
	}
	return nil
}

func absent(err error) error {
	if err == linux.ENOENT || err == linux.ENOTDIR {
		return nil
	}
	return err
}

// mask covers a directory by an empty one, a file by /dev/null.
func (c *container) mask(name string) error {
	x := c.self()
	at, err := c.vfs.Walk(x, x.Root, path.Clean("/"+name), 0)
	if err != nil {
		return err
	}
	if at.IsDir() {
		empty := tmpfs.New(tmpfs.Options{Dev: c.sandbox.nextDev(), Mode: 0o755, Memory: c.memory})
		_, err = c.vfs.MountAt(empty, at, "tmpfs", "", vfs.ReadOnly)
		return err
	}
	null, err := c.vfs.Walk(x, x.Root, "/dev/null", 0)
	if err != nil {
		return err
	}
	_, err = c.vfs.Bind(null, at, 0)
	return err
}

// readOnly mounts what is at name on itself.
func (c *container) readOnly(name string) error {
	x := c.self()
	at, err := c.vfs.Walk(x, x.Root, path.Clean("/"+name), 0)
	if err != nil {
		return err
	}
	m, err := c.vfs.Bind(at, at, vfs.ReadOnly)
	if err == nil {
		m.Lock()
	}
	return err
}
