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
func (s *sandbox) restrict() error {
	for _, name := range s.cfg.MaskedPaths {
		if err := s.mask(name); absent(err) != nil {
			return fmt.Errorf("mask %s: %w", name, err)
		}
	}
	for _, name := range s.cfg.ReadonlyPaths {
		if err := s.readOnly(name); absent(err) != nil {
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
func (s *sandbox) mask(name string) error {
	c := s.self()
	at, err := s.vfs.Walk(c, c.Root, path.Clean("/"+name), 0)
	if err != nil {
		return err
	}
	if at.IsDir() {
		empty := tmpfs.New(tmpfs.Options{Dev: s.nextDev(), Mode: 0o755})
		_, err = s.vfs.MountAt(empty, at, "tmpfs", "", vfs.ReadOnly)
		return err
	}
	null, err := s.vfs.Walk(c, c.Root, "/dev/null", 0)
	if err != nil {
		return err
	}
	_, err = s.vfs.Bind(null, at, 0)
	return err
}

// readOnly mounts what is at name on itself.
func (s *sandbox) readOnly(name string) error {
	c := s.self()
	at, err := s.vfs.Walk(c, c.Root, path.Clean("/"+name), 0)
	if err != nil {
		return err
	}
	_, err = s.vfs.Bind(at, at, vfs.ReadOnly)
	return err
}
