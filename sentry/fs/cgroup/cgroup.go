// Package cgroup is the cgroup2 file system of a container: one group, its own,
// which holds all its processes and shows their limits. Programs read there how
// much memory and processor time they have. Nothing in it can be changed, and no
// group made: as in a container whose /sys/fs/cgroup is mounted read-only.
//
// The files are those of Linux's Documentation/admin-guide/cgroup-v2.rst.
package cgroup

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/memfile"
	"glovebox/sentry/vfs"
)

// Limits are a container's, 0 for none, and what it uses.
type Limits struct {
	Memory     uint64 // bytes
	UsedMemory memfile.Bytes
	Tasks      int64
	// Quota is microseconds of processor time in each Period; Shares are those
	// of cgroup v1's cpu.shares.
	Quota          int64
	Period, Shares uint64
}

// Options say whose group it is.
type Options struct {
	// Dev is st_dev.
	Dev    uint64
	Cgroup *kernel.Cgroup
	// PIDs is where its processes are shown by their ids.
	PIDs *kernel.PIDNamespace
	// Limits is asked whenever a file is read.
	Limits func() Limits
}

// New returns the file system.
func New(o Options) *synth.FS {
	fs := synth.New("cgroup2", linux.CGROUP2_MAGIC, o.Dev)
	root := fs.Dir(synth.Meta{Perm: 0o555})
	for name, show := range files {
		root.Add(name, fs.File(synth.Meta{Perm: 0o444}, func(_ *vfs.Ctx, w *bytes.Buffer) error {
			show(&o, w)
			return nil
		}, nil))
	}
	fs.SetRoot(root)
	return fs
}

// files write what the group's files say.
var files = map[string]func(o *Options, w *bytes.Buffer){
	"cgroup.controllers":     text("cpu memory pids\n"),
	"cgroup.events":          text("populated 1\nfrozen 0\n"),
	"cgroup.freeze":          text("0\n"),
	"cgroup.max.depth":       text("max\n"),
	"cgroup.max.descendants": text("max\n"),
	"cgroup.procs":           processes,
	"cgroup.stat":            text("nr_descendants 0\nnr_dying_descendants 0\n"),
	"cgroup.subtree_control": text(""),
	"cgroup.threads":         threads,
	"cgroup.type":            text("domain\n"),

	"cpu.max":    cpuMax,
	"cpu.stat":   cpuStat,
	"cpu.weight": func(o *Options, w *bytes.Buffer) { fmt.Fprintln(w, weight(o.Limits().Shares)) },

	"memory.current":      func(o *Options, w *bytes.Buffer) { fmt.Fprintln(w, o.Limits().UsedMemory.Total()) },
	"memory.events":       memoryEvents,
	"memory.high":         text("max\n"),
	"memory.low":          text("0\n"),
	"memory.max":          func(o *Options, w *bytes.Buffer) { limit(w, o.Limits().Memory) },
	"memory.min":          text("0\n"),
	"memory.oom.group":    text("0\n"),
	"memory.stat":         memoryStat,
	"memory.swap.current": text("0\n"),
	"memory.swap.max":     text("0\n"), // there is none

	"pids.current": func(o *Options, w *bytes.Buffer) { fmt.Fprintln(w, len(tasks(o))) },
	"pids.max":     func(o *Options, w *bytes.Buffer) { limit(w, uint64(max(o.Limits().Tasks, 0))) },
}

func text(s string) func(*Options, *bytes.Buffer) {
	return func(_ *Options, w *bytes.Buffer) { w.WriteString(s) }
}

func limit(w *bytes.Buffer, n uint64) {
	if n == 0 {
		w.WriteString("max\n")
		return
	}
	fmt.Fprintln(w, n)
}

func processes(o *Options, w *bytes.Buffer) {
	for _, tg := range o.Cgroup.Groups() {
		if !tg.Zombie() {
			fmt.Fprintln(w, o.PIDs.IDOfGroup(tg))
		}
	}
}

func threads(o *Options, w *bytes.Buffer) {
	for _, id := range tasks(o) {
		fmt.Fprintln(w, id)
	}
}

// tasks returns the ids of all threads.
func tasks(o *Options) (ids []int32) {
	for _, tg := range o.Cgroup.Groups() {
		for _, t := range tg.Tasks() {
			ids = append(ids, t.TID())
		}
	}
	slices.Sort(ids)
	return ids
}

func cpuMax(o *Options, w *bytes.Buffer) {
	l := o.Limits()
	quota, period := "max", uint64(100000)
	if l.Quota > 0 {
		quota = strconv.FormatInt(l.Quota, 10)
	}
	if l.Period > 0 {
		period = l.Period
	}
	fmt.Fprintln(w, quota, period)
}

// weight is the same as shares on cgroup v2's scale, as container runtimes have
// it: 2 is 1, 1024 is 100, 262144 is 10000.
func weight(shares uint64) uint64 {
	if shares == 0 {
		return 100
	}
	l := math.Log2(float64(min(max(shares, 2), 262144)))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}

func cpuStat(o *Options, w *bytes.Buffer) {
	user, sys := o.Cgroup.CPUTime()
	fmt.Fprintf(w, "usage_usec %d\nuser_usec %d\nsystem_usec %d\nnice_usec 0\n", (user+sys)/1000, user/1000, sys/1000)
}

func memoryEvents(o *Options, w *bytes.Buffer) {
	n := o.Cgroup.OOMKills()
	fmt.Fprintf(w, "low 0\nhigh 0\nmax %d\noom %d\noom_kill %d\noom_group_kill 0\n", n, n, n)
}

// memoryStat is the part of memory.stat that is known.
func memoryStat(o *Options, w *bytes.Buffer) {
	used := o.Limits().UsedMemory
	// As Linux has it, files of a tmpfs are shared memory, and that is files.
	shared := used[memfile.Shared] + used[memfile.Stored]
	fmt.Fprintf(w, "anon %d\nfile %d\nkernel %d\nkernel_stack 0\npagetables 0\nsock 0\nshmem %d\nfile_mapped 0\nfile_dirty 0\n"+
		"file_writeback 0\ninactive_anon 0\nactive_anon %d\ninactive_file 0\nactive_file 0\nunevictable 0\nslab 0\n",
		used[memfile.Anonymous], shared, used[memfile.Kernel], shared, used.Total())
}
