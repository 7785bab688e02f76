package boot

import (
	"fmt"
	"math"
	"path"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/p9"
	"glovebox/sentry/auth"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/fs/dev"
	"glovebox/sentry/fs/gofer"
	"glovebox/sentry/fs/overlay"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/vfs"
)

// self is on whose behalf the Sentry itself works on files.
func (s *sandbox) self() *vfs.Ctx {
	c := &vfs.Ctx{
		Creds:     &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps, Bounding: auth.AllCaps},
		FileLimit: math.MaxInt64,
	}
	if s.vfs != nil {
		c.Root = s.vfs.Root()
		c.Cwd = c.Root
	}
	return c
}

// mountAll makes the container's mounts.
func (s *sandbox) mountAll() error {
	client, err := p9.NewClientFD(s.cfg.GoferFD)
	if err != nil {
		return fmt.Errorf("gofer: %w", err)
	}
	s.gofer = client
	root, flags, err := s.rootFS()
	if err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	s.vfs = vfs.NewVFS(root, "none", flags)
	s.vfs.Devices = map[vfs.Device]vfs.OpenDevice{}
	dev.Register(s.vfs.Devices)
	s.vfs.FIFO = new(pipe.FIFOs).Open
	s.vfs.Memory = tmpfs.New(tmpfs.Options{Dev: s.nextDev(), Reopen: host.ReopenMemory}).NewMemory
	for i := range s.cfg.Mounts {
		m := &s.cfg.Mounts[i]
		if err := s.mount(m); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.Type, m.Destination, err)
		}
	}
	return nil
}

// rootFS is what the gofer serves as attach point 0, under an overlay that
// keeps changes in memory if the configuration wants that.
func (s *sandbox) rootFS() (vfs.FileSystem, vfs.MountFlags, error) {
	var flags vfs.MountFlags
	if s.cfg.Root.ReadOnly {
		flags = vfs.ReadOnly
	}
	fs, err := gofer.New(s.gofer, gofer.Options{Attach: "0", Exclusive: true})
	if err != nil || !s.cfg.Root.Overlay {
		return fs, flags, err
	}
	upper := tmpfs.New(tmpfs.Options{Dev: s.nextDev(), Mode: 0o755, Reopen: host.ReopenMemory})
	both, err := overlay.New(fs, upper, s.nextDev())
	return both, flags, err
}

// mount makes one mount. A mount point that is missing is made.
func (s *sandbox) mount(m *Mount) error {
	at, err := s.mountPoint(m.Destination)
	if err != nil {
		return fmt.Errorf("mount point: %w", err)
	}
	fs, err := s.fileSystem(m)
	if err != nil || fs == nil {
		return err
	}
	flags, data := mountFlags(m.Options)
	_, err = s.vfs.MountAt(fs, at, m.Source, data, flags)
	return err
}

func (s *sandbox) fileSystem(m *Mount) (vfs.FileSystem, error) {
	if m.Attach > 0 {
		return gofer.New(s.gofer, gofer.Options{Attach: strconv.Itoa(m.Attach)})
	}
	make := filesystems[m.Type]
	if make == nil {
		s.k.Warnf("warning: mount %s: there is no file system %q yet, so it is left out", m.Destination, m.Type)
		return nil, nil
	}
	return make(s, m)
}

// mountPoint returns the directory at name, which it makes if it is missing.
func (s *sandbox) mountPoint(name string) (vfs.Path, error) {
	c := s.self()
	name = path.Clean("/" + name)
	p, err := s.vfs.Walk(c, c.Root, name, 0)
	if err != linux.ENOENT {
		return p, err
	}
	if _, err := s.mountPoint(path.Dir(name)); err != nil {
		return p, err
	}
	if err := s.vfs.Mkdir(c, c.Root, name, 0o755); err != nil {
		return p, err
	}
	return s.vfs.Walk(c, c.Root, name, 0)
}

// mountFlags takes the flags of fstab(5) out of options; what is left is the
// file system's.
func mountFlags(options []string) (flags vfs.MountFlags, data string) {
	known := map[string]vfs.MountFlags{
		"ro": vfs.ReadOnly, "nosuid": vfs.NoSuid, "nodev": vfs.NoDev, "noexec": vfs.NoExec, "noatime": vfs.NoAtime,
		"rw": 0, "suid": 0, "dev": 0, "exec": 0, "relatime": 0, "strictatime": 0, "bind": 0, "rbind": 0,
		"private": 0, "rprivate": 0, "slave": 0, "rslave": 0,
	}
	for _, o := range options {
		if f, ok := known[o]; ok {
			flags |= f
			continue
		}
		if data != "" {
			data += ","
		}
		data += o
	}
	return flags, data
}
