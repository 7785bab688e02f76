package boot

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
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
	client, err := p9.NewClientFDs(s.cfg.GoferFDs[0], s.cfg.GoferFDs[1])
	if err != nil {
		return fmt.Errorf("gofer: %w", err)
	}
	s.gofer = client
	root, flags, err := s.rootFS()
	if err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	s.vfs = vfs.NewVFS(root, "none", 0)
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
	for i := range s.cfg.Devices {
		d := &s.cfg.Devices[i]
		if err := s.device(d); err != nil {
			return fmt.Errorf("device %s: %w", d.Path, err)
		}
	}
	if p := &s.cfg.Process; p.MakeCwd {
		// Where that fails, the start says so.
		_, _ = s.directory(p.Cwd)
	}
	// What was missing is there now.
	s.vfs.Root().Mount.Flags |= flags
	return s.restrict()
}

// rootFS is what the gofer serves as attach point 0, under an overlay that
// keeps changes in memory if the configuration wants that.
func (s *sandbox) rootFS() (vfs.FileSystem, vfs.MountFlags, error) {
	var flags vfs.MountFlags
	if s.cfg.Root.ReadOnly {
		flags = vfs.ReadOnly
	}
	fs, err := gofer.New(s.gofer, gofer.Options{Attach: "0", Exclusive: !s.cfg.Root.Shared})
	if err != nil || !s.cfg.Root.Overlay {
		return fs, flags, err
	}
	both, err := s.inMemory(fs)
	return both, flags, err
}

// inMemory keeps the changes of fs in memory.
func (s *sandbox) inMemory(fs vfs.FileSystem) (vfs.FileSystem, error) {
	upper := tmpfs.New(tmpfs.Options{Dev: s.nextDev(), Mode: 0o755, Size: s.k.TotalMemory.Load(), Reopen: host.ReopenMemory})
	return overlay.New(fs, upper, s.nextDev())
}

// mount makes one mount. A mount point that is missing is made.
func (s *sandbox) mount(m *Mount) error {
	make := s.directory
	if m.File {
		make = s.emptyFile
	}
	at, err := make(m.Destination)
	if err != nil {
		return fmt.Errorf("mount point: %w", err)
	}
	fs, err := s.fileSystem(m)
	if err != nil || fs == nil {
		return err
	}
	flags, data := mountFlags(m.Options)
	mounted, err := s.vfs.MountAt(fs, at, m.Source, data, flags)
	if err == nil && m.Attach > 0 {
		// Callers find a bind mount by its source's name there.
		mounted.Part = path.Join("/", m.Source)
	}
	return err
}

func (s *sandbox) fileSystem(m *Mount) (vfs.FileSystem, error) {
	if m.Attach > 0 {
		fs, err := gofer.New(s.gofer, gofer.Options{Attach: strconv.Itoa(m.Attach)})
		if err != nil || !m.Overlay {
			return fs, err
		}
		return s.inMemory(fs)
	}
	make := filesystems[m.Type]
	if make == nil {
		s.k.Warnf("mount %s: there is no file system %q yet, so it is left out", m.Destination, m.Type)
		return nil, nil
	}
	return make(s, m)
}

// directory returns the directory at name, which it makes if it is missing.
func (s *sandbox) directory(name string) (vfs.Path, error) {
	return s.ensure(name, func(c *vfs.Ctx, name string) error { return s.vfs.Mkdir(c, c.Root, name, 0o755) })
}

// emptyFile returns the file at name, which it makes if it is missing.
func (s *sandbox) emptyFile(name string) (vfs.Path, error) {
	return s.ensure(name, func(c *vfs.Ctx, name string) error {
		return s.vfs.Mknod(c, c.Root, name, linux.S_IFREG|0o644, 0)
	})
}

func (s *sandbox) ensure(name string, make func(c *vfs.Ctx, name string) error) (vfs.Path, error) {
	c := s.self()
	name = path.Clean("/" + name)
	p, err := s.vfs.Walk(c, c.Root, name, 0)
	if err != linux.ENOENT {
		return p, err
	}
	if _, err := s.directory(path.Dir(name)); err != nil {
		return p, err
	}
	// Another sandbox may make it just now, if they share their files.
	if err := make(c, name); err != nil && err != linux.EEXIST {
		return p, err
	}
	return s.vfs.Walk(c, c.Root, name, 0)
}

// mountFlags takes the flags of fstab(5) out of options; what is left is the
// file system's.
func mountFlags(options []string) (flags vfs.MountFlags, data string) {
	for _, o := range options {
		if f, ok := knownOptions[o]; ok {
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

// MountOptions are the options of fstab(5) that every mount may have.
func MountOptions() []string { return slices.Sorted(maps.Keys(knownOptions)) }

// knownOptions are flags; those without one are what the Sentry does anyway, or
// what nobody can tell apart.
var knownOptions = map[string]vfs.MountFlags{
	"ro": vfs.ReadOnly, "nosuid": vfs.NoSuid, "nodev": vfs.NoDev, "noexec": vfs.NoExec, "noatime": vfs.NoAtime,
	"rw": 0, "suid": 0, "dev": 0, "exec": 0, "atime": 0, "relatime": 0, "norelatime": 0, "strictatime": 0,
	"nostrictatime": 0, "nodiratime": 0, "diratime": 0,
}
