package boot

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/auth"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/fs/dev"
	"glovebox/sentry/fs/gofer"
	"glovebox/sentry/fs/overlay"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/net/tun"
	"glovebox/sentry/vfs"
)

// self is on whose behalf the Sentry itself works on files.
func (c *container) self() *vfs.Ctx {
	x := &vfs.Ctx{
		Creds:     &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps, Bounding: auth.AllCaps},
		FileLimit: math.MaxInt64,
	}
	if c.vfs != nil {
		x.Root = c.vfs.Root()
		x.Cwd = x.Root
	}
	return x
}

// mountAll makes the container's mounts.
func (c *container) mountAll() error {
	client, err := p9.NewClientFDs(c.cfg.GoferFDs[0], c.cfg.GoferFDs[1])
	if err != nil {
		return fmt.Errorf("gofer: %w", err)
	}
	c.gofer = client
	fs, flags, err := c.rootFS()
	if err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	c.vfs = vfs.NewVFS(fs, "none", 0)
	c.vfs.Devices = map[vfs.Device]vfs.OpenDevice{}
	dev.Register(c.vfs.Devices)
	c.vfs.Devices[tun.Device] = tun.Open
	c.vfs.FIFO = new(pipe.FIFOs).Open
	c.vfs.Memory = tmpfs.New(tmpfs.Options{Dev: c.sandbox.nextDev(), Memory: c.memory}).NewMemory
	c.vfs.New = c.mountInside
	for i := range c.cfg.Mounts {
		m := &c.cfg.Mounts[i]
		if err := c.mount(m); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.Type, m.Destination, err)
		}
	}
	for i := range c.cfg.Devices {
		d := &c.cfg.Devices[i]
		err := c.device(d)
		if err == linux.EPERM && !KnownDevice(d.Kind, int64(d.Major), int64(d.Minor)) {
			// Files of the host cannot hold it, and it would be of no use.
			continue
		}
		if err != nil {
			return fmt.Errorf("device %s: %w", d.Path, err)
		}
	}
	if p := &c.cfg.Process; p.MakeCwd {
		// Where that fails, the start says so.
		_, _ = c.directory(p.Cwd)
	}
	// What was missing is there now.
	root := c.vfs.Root().Mount
	root.SetFlags(root.Flags() | flags)
	root.Lock()
	return c.restrict()
}

// rootFS is what the gofer serves as attach point 0, under an overlay that
// keeps changes in memory if the configuration wants that.
func (c *container) rootFS() (vfs.FileSystem, vfs.MountFlags, error) {
	var flags vfs.MountFlags
	if c.cfg.Root.ReadOnly {
		flags = vfs.ReadOnly
	}
	fs, err := gofer.New(c.gofer, gofer.Options{Attach: "0", Exclusive: !c.cfg.Root.Shared})
	if err != nil || !c.cfg.Root.Overlay {
		return fs, flags, err
	}
	if c.upper, err = c.inMemory(fs); err != nil {
		return nil, flags, err
	}
	return c.upper, flags, nil
}

// inMemory keeps the changes of fs in memory.
func (c *container) inMemory(fs vfs.FileSystem) (*overlay.FileSystem, error) {
	upper := tmpfs.New(tmpfs.Options{Dev: c.sandbox.nextDev(), Mode: 0o755, Size: c.group.TotalMemory.Load(), Memory: c.memory})
	return overlay.New(fs, upper, c.sandbox.nextDev())
}

// mount makes one mount. A mount point that is missing is made.
func (c *container) mount(m *Mount) error {
	make := c.directory
	if m.File {
		make = c.emptyFile
	}
	at, err := make(m.Destination)
	if err != nil {
		return fmt.Errorf("mount point: %w", err)
	}
	fs, err := c.fileSystem(m)
	if err != nil || fs == nil {
		return err
	}
	flags, data := mountFlags(m.Options)
	mounted, err := c.vfs.MountAt(fs, at, m.Source, data, flags)
	if err != nil {
		return err
	}
	mounted.Lock()
	if m.Attach > 0 {
		// Callers find a bind mount by its source's name there.
		mounted.Part = path.Join("/", m.Source)
	}
	return nil
}

func (c *container) fileSystem(m *Mount) (vfs.FileSystem, error) {
	if m.Attach > 0 {
		fs, err := gofer.New(c.gofer, gofer.Options{Attach: strconv.Itoa(m.Attach)})
		if err != nil || !m.Overlay {
			return fs, err
		}
		over, err := c.inMemory(fs)
		if err != nil {
			return nil, err
		}
		return over, nil
	}
	make := filesystems[m.Type]
	if make == nil {
		c.k.Warnf("mount %s: there is no file system %q yet, so it is left out", m.Destination, m.Type)
		return nil, nil
	}
	return make(c, m)
}

// directory returns the directory at name, which it makes if it is missing.
func (c *container) directory(name string) (vfs.Path, error) {
	return c.ensure(name, func(x *vfs.Ctx, name string) error { return c.vfs.Mkdir(x, x.Root, name, 0o755) })
}

// emptyFile returns the file at name, which it makes if it is missing.
func (c *container) emptyFile(name string) (vfs.Path, error) {
	return c.ensure(name, func(x *vfs.Ctx, name string) error {
		return c.vfs.Mknod(x, x.Root, name, linux.S_IFREG|0o644, 0)
	})
}

func (c *container) ensure(name string, make func(x *vfs.Ctx, name string) error) (vfs.Path, error) {
	x := c.self()
	name = path.Clean("/" + name)
	p, err := c.vfs.Walk(x, x.Root, name, 0)
	if err != linux.ENOENT {
		return p, err
	}
	if _, err := c.directory(path.Dir(name)); err != nil {
		return p, err
	}
	// Another sandbox may make it just now, if they share their files.
	if err := make(x, name); err != nil && err != linux.EEXIST {
		return p, err
	}
	return c.vfs.Walk(x, x.Root, name, 0)
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
