package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"glovebox/boot"
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
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		d := &do{globals: g}
		fs.StringVar(&d.root, "root", "/", "`directory` that the program sees as /")
		fs.StringVar(&d.cwd, "cwd", "", "working `directory` inside (default: the current one)")
		return d.run
	},
}

type do struct {
	*globals
	root, cwd string
}

func (d *do) run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("do: which program?")
	}
	p, err := d.process(args)
	if err != nil {
		return 0, err
	}
	root, err := filepath.Abs(d.root)
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
			Root:     boot.Root{Overlay: true},
			Mounts:   doMounts(),
			Hostname: hostname,
			StdioFDs: stdio(),
			Console:  isTerminal(0),
		},
		// The Sentry has these of its own.
		Attach:   []sandbox.AttachPoint{{Source: root, ReadOnly: true, Shared: true, Hide: []string{"/proc", "/sys", "/dev"}}},
		GuestUID: os.Geteuid(), GuestGID: os.Getegid(),
	}
	return d.foreground(o)
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
		Args: args, Env: os.Environ(), Cwd: cwd,
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
