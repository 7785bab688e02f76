package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/control"
	"glovebox/host"
	"glovebox/oci/sandbox"
)

var doCommand = command{
	name: "do", args: "[--] PROGRAM [ARGS]",
	summary: "run a program on this machine's files, which it cannot change",
	examples: []string{
		"runsc do echo hello",
		"runsc do -- sh -c 'rm -rf /usr; ls /'       # writes stay in memory",
		"runsc --strace --debug-log=/tmp/calls do ls",
		"runsc do --volume ~/data:/data:ro --env N=3 -- python3 /data/job.py",
		"runsc do --changes what.tar -- make install && tar -tvf what.tar",
		"runsc do --network -- curl https://example.org",
		"runsc --network=host do -- curl http://localhost:8080   # the host's sockets",
		"runsc do --rootfs ./debian --volume ./out:/out:rw -- make -C /src O=/out",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		d := &do{globals: g}
		fs.StringVar(&d.root, "rootfs", "/", "`directory` that the program sees as /")
		fs.StringVar(&d.root, "root", "/", "")
		fs.StringVar(&d.cwd, "workdir", "", "working `directory` inside (default: the current one, or / with --rootfs)")
		fs.StringVar(&d.cwd, "cwd", "", "")
		fs.BoolVar(&d.uplink, "network", false, "a network by way of slirp4netns: connections to the outside, none from there")
		fs.BoolVar(&d.writeThrough, "write-through", false, "let the program change the files of --rootfs, not copies in memory")
		fs.StringVar(&d.changes, "changes", "", "`file` that gets what the program changed in its root, a tar archive")
		for _, name := range []string{"volume", "v"} {
			usage := "" // of the short name
			if name == "volume" {
				usage = "show `SOURCE:DESTINATION` inside; changes stay in memory, `:ro` refuses and `:rw` makes them"
			}
			fs.Func(name, usage, d.addVolume)
		}
		for _, name := range []string{"env", "e"} {
			usage := ""
			if name == "env" {
				usage = "set a variable, `NAME=VALUE`, or take NAME from here"
			}
			fs.Func(name, usage, d.addEnv)
		}
		return d.run
	},
}

type do struct {
	*globals
	root, cwd    string
	changes      string
	writeThrough bool
	uplink       bool
	volumes      []volume
	env          []string
}

// A volume is files of the host at another place.
type volume struct {
	from sandbox.AttachPoint
	to   boot.Mount
}

// addVolume takes SOURCE:DESTINATION[:ro|:rw].
func (d *do) addVolume(s string) error {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !path.IsAbs(parts[1]) || path.Clean(parts[1]) == "/" {
		return errors.New("want SOURCE:DESTINATION[:ro|:rw], the destination being an absolute path below /")
	}
	source, err := filepath.Abs(parts[0])
	if err != nil {
		return err
	}
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !st.IsDir() && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a directory nor a file", source)
	}
	v := volume{
		sandbox.AttachPoint{Source: source, Shared: true},
		boot.Mount{Destination: path.Clean(parts[1]), Type: "bind", Source: source, File: !st.IsDir()},
	}
	switch mode := strings.Join(parts[2:], ""); mode {
	case "rw":
	case "ro":
		v.from.ReadOnly, v.to.Options = true, []string{"ro"}
	case "":
		if v.to.File {
			return errors.New("of a file, want :ro or :rw: changes of one cannot be kept in memory")
		}
		v.from.ReadOnly, v.to.Overlay = true, true
	default:
		return fmt.Errorf("%q is neither ro nor rw", mode)
	}
	d.volumes = append(d.volumes, v)
	return nil
}

func (d *do) addEnv(s string) error {
	name, _, given := strings.Cut(s, "=")
	if name == "" {
		return errors.New("want NAME=VALUE or NAME")
	}
	if !given {
		v, ok := os.LookupEnv(name)
		if !ok {
			return nil
		}
		s += "=" + v
	}
	d.env = append(d.env, s)
	return nil
}

func (d *do) run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("do: which program?")
	}
	root, err := filepath.Abs(d.root)
	if err != nil {
		return 0, err
	}
	if st, err := os.Stat(root); err != nil {
		return 0, fmt.Errorf("do: --rootfs: %w", err)
	} else if !st.IsDir() {
		return 0, fmt.Errorf("do: --rootfs: %s is not a directory", root)
	}
	if d.cwd == "" && root != "/" {
		d.cwd = "/"
	}
	p, err := d.process(args)
	if err != nil {
		return 0, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return 0, err
	}
	o := &sandbox.Options{
		Boot: boot.Config{
			ID:       fmt.Sprintf("do-%d", os.Getpid()),
			Process:  *p,
			Root:     boot.Root{Overlay: !d.writeThrough, Shared: d.writeThrough},
			Mounts:   doMounts(),
			Hostname: hostname,
			StdioFDs: stdio(),
			Console:  isTerminal(0),
		},
		// The Sentry has these of its own.
		Attach:   []sandbox.AttachPoint{{Source: root, ReadOnly: !d.writeThrough, Shared: true, Hide: []string{"/proc", "/sys", "/dev"}}},
		GuestUID: os.Geteuid(), GuestGID: os.Getegid(),
	}
	for _, v := range d.volumes {
		v.to.Attach = len(o.Attach)
		o.Attach = append(o.Attach, v.from)
		o.Boot.Mounts = append(o.Boot.Mounts, v.to)
	}
	o.OwnNetwork = d.network == "host"
	if d.uplink && o.OwnNetwork {
		return 0, errors.New("do: --network: there is a network already by runsc --network=host")
	}
	if d.uplink {
		done, err := d.withUplink(o)
		if err != nil {
			return 0, err
		}
		defer done()
	}
	if d.changes == "" {
		return d.foreground(o, nil)
	}
	if d.writeThrough {
		return 0, errors.New("do: --changes: with --write-through there are none in memory")
	}
	out, err := os.Create(d.changes)
	if err != nil {
		return 0, fmt.Errorf("do: --changes: %w", err)
	}
	status, err := d.foreground(o, func(c *control.Client) error { return d.archive(c, out) })
	return status, finish(out, err)
}

// withEnv returns env with the variables of set, each of which is there once.
func withEnv(env, set []string) []string {
	for _, s := range set {
		name, _, _ := strings.Cut(s, "=")
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		env = append(env, s)
	}
	return env
}

// process is a process with everything that this one has.
func (d *do) process(args []string) (*boot.Process, error) {
	cwd := d.cwd
	if cwd == "" {
		var err error
		if cwd, err = unix.Getwd(); err != nil {
			return nil, fmt.Errorf("working directory: %w", err)
		}
	}
	groups, err := os.Getgroups()
	if err != nil {
		return nil, err
	}
	caps, err := host.OwnCaps()
	if err != nil {
		return nil, err
	}
	p := &boot.Process{
		Args: args, Env: withEnv(os.Environ(), d.env), Cwd: cwd,
		UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()),
		Caps: boot.Caps(caps),
	}
	for _, id := range groups {
		p.ExtraGIDs = append(p.ExtraGIDs, uint32(id))
	}
	p.Umask = uint32(unix.Umask(0))
	unix.Umask(int(p.Umask))
	for r := range rlimits {
		var l unix.Rlimit
		if err := unix.Getrlimit(r, &l); err != nil {
			return nil, fmt.Errorf("getrlimit: %w", err)
		}
		p.Rlimits = append(p.Rlimits, boot.Rlimit{Resource: r, Cur: l.Cur, Max: l.Max})
	}
	return p, nil
}

// rlimits is RLIM_NLIMITS.
const rlimits = 16

// doMounts are what a program expects above a root.
func doMounts() []boot.Mount {
	return []boot.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777"}},
	}
}
