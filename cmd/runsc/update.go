package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/control"
	"glovebox/oci/bundle"
	"glovebox/oci/cgroup"
	"glovebox/oci/container"
)

var updateCommand = command{
	name: "update", args: "ID",
	summary: "change a container's limits",
	examples: []string{
		"runsc update --memory 268435456 --pids-limit 100 web",
		`echo '{"memory": {"limit": 268435456}}' | runsc update --resources - web`,
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		u := &update{globals: g, flags: fs}
		fs.StringVar(&u.file, "resources", "", "`file` with linux.resources as JSON; - is standard input")
		fs.StringVar(&u.file, "r", "", "")
		fs.Int64Var(&u.memory, "memory", 0, "`bytes`")
		fs.Int64Var(&u.reservation, "memory-reservation", 0, "`bytes` that it keeps when memory is short")
		fs.Int64Var(&u.swap, "memory-swap", 0, "`bytes` of memory and swap; -1 is any")
		fs.Int64Var(&u.pids, "pids-limit", 0, "`number` of tasks; 0 is any")
		fs.Uint64Var(&u.shares, "cpu-share", 0, "`weight` beside other containers")
		fs.Int64Var(&u.quota, "cpu-quota", 0, "`microseconds` of processor time in a period")
		fs.Uint64Var(&u.period, "cpu-period", 0, "`microseconds` that are a period")
		fs.StringVar(&u.cpus, "cpuset-cpus", "", "`list` of processors, as 0-2,7")
		fs.StringVar(&u.mems, "cpuset-mems", "", "`list` of memory nodes")
		fs.IntVar(&u.blkio, "blkio-weight", 0, "`weight` from 10 to 1000")
		for _, name := range []string{"kernel-memory", "kernel-memory-tcp"} {
			fs.Var(&ignored{name: name, kind: valueFlag, g: g}, name, "")
		}
		return u.run
	},
}

type update struct {
	*globals
	flags *flag.FlagSet

	file                            string
	memory, reservation, swap, pids int64
	shares, period                  uint64
	quota                           int64
	cpus, mems                      string
	blkio                           int
}

func (u *update) run(args []string) (int, error) {
	id, err := one(args)
	if err != nil {
		return 0, err
	}
	r, err := u.wanted()
	if err != nil {
		return 0, err
	}
	l, err := bundle.ResourceLimits(r)
	if err != nil {
		return 0, err
	}
	c, err := container.Lock(u.root, id)
	if err != nil {
		if c != nil {
			c.Unlock()
		}
		return 0, err
	}
	defer c.Unlock()
	if now := c.Now(); now == specs.StateStopped {
		return 0, notRunning(c)
	}
	if c.Cgroup == nil {
		return 0, fmt.Errorf("container %q has no control group: its bundle names none and has no limits", id)
	}
	group, err := cgroup.Load(c.Cgroup)
	if err != nil {
		return 0, err
	}
	client, err := reach(c)
	if err != nil {
		return 0, unreached(c, err)
	}
	defer client.Close()
	if err := group.Update(r); err != nil {
		return 0, err
	}
	if err := client.Limit(control.Limits{
		MaxTasks: l.MaxTasks, Memory: l.Memory, CPUQuota: l.CPUQuota, CPUPeriod: l.CPUPeriod, CPUShares: l.CPUShares,
	}); err != nil {
		return 0, gone(c, err)
	}
	if c.Cgroup, err = group.State(); err != nil {
		return 0, err
	}
	return 0, c.Save()
}

// wanted are the limits of the file, and of the flags that were given.
func (u *update) wanted() (*specs.LinuxResources, error) {
	r := new(specs.LinuxResources)
	if u.file != "" {
		in := os.Stdin
		if u.file != "-" {
			f, err := os.Open(u.file)
			if err != nil {
				return nil, fmt.Errorf("--resources: %w", err)
			}
			defer f.Close()
			in = f
		}
		const most = 1 << 20
		if err := json.NewDecoder(io.LimitReader(in, most)).Decode(r); err != nil {
			return nil, fmt.Errorf("--resources: %w", err)
		}
	}
	if r.Memory == nil {
		r.Memory = new(specs.LinuxMemory)
	}
	if r.CPU == nil {
		r.CPU = new(specs.LinuxCPU)
	}
	var err error
	set := map[string]func(){
		"memory":             func() { r.Memory.Limit = &u.memory },
		"memory-reservation": func() { r.Memory.Reservation = &u.reservation },
		"memory-swap":        func() { r.Memory.Swap = &u.swap },
		"pids-limit":         func() { r.Pids = &specs.LinuxPids{Limit: &u.pids} },
		"cpu-share":          func() { r.CPU.Shares = &u.shares },
		"cpu-quota":          func() { r.CPU.Quota = &u.quota },
		"cpu-period":         func() { r.CPU.Period = &u.period },
		"cpuset-cpus":        func() { r.CPU.Cpus = u.cpus },
		"cpuset-mems":        func() { r.CPU.Mems = u.mems },
		"blkio-weight": func() {
			w := uint16(u.blkio)
			if u.blkio < 10 || u.blkio > 1000 {
				err = errors.New("--blkio-weight: want 10 to 1000")
			}
			r.BlockIO = &specs.LinuxBlockIO{Weight: &w}
		},
	}
	u.flags.Visit(func(f *flag.Flag) {
		if s := set[f.Name]; s != nil {
			s()
		}
	})
	return r, err
}
