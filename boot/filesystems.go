package boot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/cgroup"
	"glovebox/sentry/fs/dev"
	"glovebox/sentry/fs/devpts"
	"glovebox/sentry/fs/mqueue"
	"glovebox/sentry/fs/proc"
	"glovebox/sentry/fs/sys"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/vfs"
)

// filesystems makes the file systems that the Sentry has by itself, by the type
// that a mount names.
var filesystems = map[string]func(c *container, m *Mount) (vfs.FileSystem, error){
	"tmpfs":  newTmpfs,
	"devpts": newDevpts,
	"proc": func(c *container, _ *Mount) (vfs.FileSystem, error) {
		return proc.New(proc.Options{Dev: c.sandbox.nextDev(), Kernel: c.k, PIDs: c.pid, Cgroup: c.group,
			UIDMap: mapLines(c.cfg.UIDMap), GIDMap: mapLines(c.cfg.GIDMap), Net: c.sandbox.net}), nil
	},
	"mqueue": func(c *container, _ *Mount) (vfs.FileSystem, error) {
		return mqueue.New(c.ipc, c.sandbox.nextDev()), nil
	},
	"cgroup": newCgroup, "cgroup2": newCgroup,
	"sysfs": func(c *container, _ *Mount) (vfs.FileSystem, error) {
		return c.newSysfs(c.sandbox.net), nil
	},
}

// mountable are those of filesystems that a guest may mount, and the options they have
// then.
var mountable = map[string][]string{
	"tmpfs": {"mode", "uid", "gid", "size", "nr_inodes"}, "proc": nil, "mqueue": nil, "cgroup2": nil, "sysfs": nil,
}

// mountInside makes a file system for mount(2).
func (c *container) mountInside(x *vfs.Ctx, typ, data string) (vfs.FileSystem, error) {
	known, ok := mountable[typ]
	if !ok {
		return nil, linux.ENODEV
	}
	m := Mount{Type: typ}
	for o := range strings.SplitSeq(data, ",") {
		if o == "" {
			continue
		}
		if k, _, _ := strings.Cut(o, "="); !slices.Contains(known, k) {
			return nil, linux.EINVAL
		}
		m.Options = append(m.Options, o)
	}
	if t, ok := x.Task.(*kernel.Task); ok && typ == "sysfs" {
		n, _ := t.Files().Net.(*netns.Namespace)
		return c.newSysfs(n), nil
	}
	fs, err := filesystems[typ](c, &m)
	if err != nil {
		return nil, linux.EINVAL // a value that is none
	}
	return fs, nil
}

// newSysfs is a sysfs that shows a network.
func (c *container) newSysfs(n *netns.Namespace) vfs.FileSystem {
	return sys.New(sys.Options{Dev: c.sandbox.nextDev(), CPUs: c.group.CPUs, Net: n})
}

// newCgroup is cgroup v2 whatever version was asked for: one or the other is there
// on every host, and programs know both.
func newCgroup(c *container, _ *Mount) (vfs.FileSystem, error) {
	return cgroup.New(cgroup.Options{Dev: c.sandbox.nextDev(), Cgroup: c.group, PIDs: c.pid, Limits: c.limits}), nil
}

// newTmpfs is a tmpfs(5); mounted on /dev it holds the devices, as the OCI
// runtime specification has it.
func newTmpfs(c *container, m *Mount) (vfs.FileSystem, error) {
	// As Linux, half of the memory if nothing else is said.
	o := tmpfs.Options{Dev: c.sandbox.nextDev(), Mode: 0o1777, Size: c.group.TotalMemory.Load() / 2, Memory: c.memory}
	for _, opt := range m.Options {
		k, v, _ := strings.Cut(opt, "=")
		var err error
		switch k {
		case "mode":
			o.Mode, err = parse32(v, 8)
		case "uid":
			o.UID, err = parse32(v, 10)
		case "gid":
			o.GID, err = parse32(v, 10)
		case "size":
			o.Size, err = parseSize(v, c.group.TotalMemory.Load())
		case "nr_inodes":
			o.Inodes, err = parseSize(v, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", opt, err)
		}
	}
	fs := tmpfs.New(o)
	if m.Destination == "/dev" {
		if err := dev.Populate(c.self(), fs.Root().(vfs.Dir)); err != nil {
			return nil, err
		}
	}
	return fs, nil
}

// newDevpts is a devpts, which /dev/tty and other names of ptmx lead to as well.
func newDevpts(c *container, m *Mount) (vfs.FileSystem, error) {
	o := devpts.Options{Dev: c.sandbox.nextDev(), Kernel: c.k, PtmxMode: 0o666, Mode: 0o600}
	for _, opt := range m.Options {
		k, v, _ := strings.Cut(opt, "=")
		var err error
		switch k {
		case "mode":
			o.Mode, err = parse32(v, 8)
		case "ptmxmode":
			o.PtmxMode, err = parse32(v, 8)
		case "gid":
			o.FixGID = true
			o.GID, err = parse32(v, 10)
		}
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", opt, err)
		}
	}
	fs := devpts.New(o)
	fs.Register(c.vfs.Devices)
	if m.Destination == "/dev/pts" {
		c.pts = fs
	}
	return fs, nil
}

func parse32(s string, base int) (uint32, error) {
	n, err := strconv.ParseUint(s, base, 32)
	return uint32(n), err
}

// parseSize reads a number with a suffix k, m or g, or a percentage of whole.
func parseSize(s string, whole uint64) (uint64, error) {
	if p, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseUint(p, 10, 8)
		return whole / 100 * n, err
	}
	shift := 0
	if s != "" {
		if i := strings.IndexByte("kmg", s[len(s)-1]|0x20); i >= 0 {
			shift, s = 10*(i+1), s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err == nil && n<<shift>>shift != n {
		err = strconv.ErrRange
	}
	return n << shift, err
}

// mapLines is a map as /proc/PID/uid_map has it.
func mapLines(m []IDRange) (text string) {
	for _, r := range m {
		text += fmt.Sprintf("%10d %10d %10d\n", r.Inside, r.Outside, r.Size)
	}
	return text
}
