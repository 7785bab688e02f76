package proc

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"

	"glovebox/lib/cpuid"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// addSystem adds the files that are about the machine.
func (fs *tree) addSystem(d *synth.Dir) {
	var busy busyTime
	d.Add("cpuinfo", fs.text(cpuinfo(cpuid.Read(), fs.cg.CPUs, fs.k.HWCap2)))
	d.Add("meminfo", fs.file(fs.meminfo))
	d.Add("stat", fs.file(func(_ *vfs.Ctx, w *bytes.Buffer) { fs.stat(w, &busy) }))
	d.Add("uptime", fs.file(func(_ *vfs.Ctx, w *bytes.Buffer) { fs.uptime(w, &busy) }))
	d.Add("loadavg", fs.file(fs.loadavg))
	d.Add("version", fs.text(fmt.Sprintf("Linux version %s (glovebox@glovebox) (gc) %s\n", kernel.Release, kernel.Version)))
	d.Add("filesystems", fs.text(filesystems))
	d.Add("devices", fs.text(devices))
	d.Add("cmdline", fs.text("\n"))
	d.Add("swaps", fs.text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"))
	d.Add("cgroups", fs.text("#subsys_name\thierarchy\tnum_cgroups\tenabled\n"))
	d.Add("partitions", fs.text("major minor  #blocks  name\n\n"))
	d.Add("modules", fs.text(""))
	d.Add("diskstats", fs.text(""))
	d.Add("interrupts", fs.text(interrupts(fs.cg.CPUs)))
	d.Add("vmstat", fs.file(fs.vmstat))
	d.Add("tty", fs.dir().Add("drivers", fs.text(ttyDrivers)))
}

// filesystems are the types that can be in a sandbox.
const filesystems = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tcgroup2\nnodev\tdevpts\nnodev\toverlay\nnodev\tmqueue\nnodev\t9p\n"

// devices are the drivers that there are.
const devices = "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n"

// ttyDrivers is by what ps finds the names of terminals.
const ttyDrivers = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
`

// interrupts has a column a processor, by which some count them.
func interrupts(cpus int) string {
	s := "    "
	for i := range cpus {
		s += fmt.Sprintf("       CPU%-d", i)
	}
	return s + "\n"
}

// freeMemory is what nobody uses, in bytes.
func (fs *tree) freeMemory() uint64 {
	if fs.cg.FreeMemory == nil {
		return fs.cg.TotalMemory.Load()
	}
	return min(fs.cg.FreeMemory(), fs.cg.TotalMemory.Load())
}

// meminfo is /proc/meminfo. Everything in use counts as anonymous and active.
func (fs *tree) meminfo(_ *vfs.Ctx, w *bytes.Buffer) {
	total, free := fs.cg.TotalMemory.Load(), fs.freeMemory()
	used := total - free
	for _, v := range []struct {
		name string
		n    uint64
	}{
		{"MemTotal", total}, {"MemFree", free}, {"MemAvailable", free}, {"Buffers", 0}, {"Cached", 0},
		{"SwapCached", 0}, {"Active", used}, {"Inactive", 0}, {"Active(anon)", used}, {"Inactive(anon)", 0},
		{"Active(file)", 0}, {"Inactive(file)", 0}, {"Unevictable", 0}, {"Mlocked", 0}, {"SwapTotal", 0},
		{"SwapFree", 0}, {"Dirty", 0}, {"Writeback", 0}, {"AnonPages", used}, {"Mapped", 0}, {"Shmem", 0},
		{"KReclaimable", 0}, {"Slab", 0}, {"SReclaimable", 0}, {"SUnreclaim", 0}, {"KernelStack", 0},
		{"PageTables", 0}, {"NFS_Unstable", 0}, {"Bounce", 0}, {"WritebackTmp", 0}, {"CommitLimit", total / 2},
		{"Committed_AS", used}, {"VmallocTotal", 32 << 40}, {"VmallocUsed", 0}, {"VmallocChunk", 0},
		{"Percpu", 0}, {"AnonHugePages", 0}, {"ShmemHugePages", 0}, {"ShmemPmdMapped", 0},
	} {
		fmt.Fprintf(w, "%-15s %8d kB\n", v.name+":", v.n/1024)
	}
	w.WriteString("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n" +
		"HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n")
}

// vmstat is the part of /proc/vmstat that vmstat(8) reads.
func (fs *tree) vmstat(_ *vfs.Ctx, w *bytes.Buffer) {
	free := fs.freeMemory() / 4096
	fmt.Fprintf(w, "nr_free_pages %d\nnr_anon_pages %d\nnr_mapped 0\nnr_file_pages 0\nnr_dirty 0\nnr_writeback 0\n"+
		"pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\noom_kill %d\n",
		free, fs.cg.TotalMemory.Load()/4096-free, fs.cg.OOMKills())
}

// busyTime is how long processors have worked. Time never runs backwards: what
// a process took with it whose parent did not wait still counts.
type busyTime struct{ user, sys atomic.Int64 }

// update returns the nanoseconds spent by all processes, dead ones too.
func (b *busyTime) update(pids *kernel.PIDNamespace) (user, sys int64) {
	for _, tg := range pids.Groups() {
		u, s := tg.CPUTime()
		cu, cs := tg.ChildCPUTime()
		user += u + cu
		sys += s + cs
	}
	return raise(&b.user, user), raise(&b.sys, sys)
}

// raise makes v at least n, and returns it.
func raise(v *atomic.Int64, n int64) int64 {
	for {
		old := v.Load()
		if n <= old {
			return old
		}
		if v.CompareAndSwap(old, n) {
			return n
		}
	}
}

// tasks counts tasks, and those that run.
func (fs *tree) tasks() (running, total int) {
	for _, tg := range fs.pids.Groups() {
		for _, t := range tg.Tasks() {
			total++
			if t.State() == 'R' {
				running++
			}
		}
	}
	return running, total
}

// stat is /proc/stat. Processors share the work evenly: which one runs a guest
// thread is the host's affair.
func (fs *tree) stat(w *bytes.Buffer, b *busyTime) {
	user, sys := b.update(fs.pids)
	n := int64(fs.cg.CPUs)
	idle := max(int64(fs.k.Uptime())*n-user-sys, 0)
	fmt.Fprintf(w, "cpu  %d 0 %d %d 0 0 0 0 0 0\n", ticks(user), ticks(sys), ticks(idle))
	for i := range n {
		fmt.Fprintf(w, "cpu%d %d 0 %d %d 0 0 0 0 0 0\n", i, ticks(user/n), ticks(sys/n), ticks(idle/n))
	}
	running, _ := fs.tasks()
	fmt.Fprintf(w, "intr 0\nctxt 0\nbtime %d\nprocesses %d\nprocs_running %d\nprocs_blocked 0\nsoftirq 0\n",
		(kernel.Realtime()-int64(fs.k.Uptime()))/1e9, fs.pids.LastPID(), running)
}

// uptime is /proc/uptime: seconds up, and idle on all processors together.
func (fs *tree) uptime(w *bytes.Buffer, b *busyTime) {
	user, sys := b.update(fs.pids)
	up := int64(fs.k.Uptime())
	idle := max(up*int64(fs.cg.CPUs)-user-sys, 0)
	fmt.Fprintf(w, "%d.%02d %d.%02d\n", up/1e9, up%1e9/1e7, idle/1e9, idle%1e9/1e7)
}

// loadavg is /proc/loadavg; the averages are not kept.
func (fs *tree) loadavg(_ *vfs.Ctx, w *bytes.Buffer) {
	running, total := fs.tasks()
	fmt.Fprintf(w, "0.00 0.00 0.00 %d/%d %d\n", running, total, fs.pids.LastPID())
}

// hwcap2FSGSBase is HWCAP2_FSGSBASE.
const hwcap2FSGSBase = 2

// cpuinfo is /proc/cpuinfo (arch/x86/kernel/cpu/proc.c).
func cpuinfo(c cpuid.CPU, n int, hwcap2 uint64) string {
	flags := strings.Join(c.Flags, " ")
	if hwcap2&hwcap2FSGSBase == 0 {
		flags = strings.Replace(flags, "fsgsbase ", "", 1)
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "processor\t: %d\nvendor_id\t: %s\ncpu family\t: %d\nmodel\t\t: %d\nmodel name\t: %s\nstepping\t: %d\n",
			i, c.Vendor, c.Family, c.Number, c.Model, c.Step)
		fmt.Fprintf(&b, "cpu MHz\t\t: %d.000\ncache size\t: %d KB\nphysical id\t: 0\nsiblings\t: %d\ncore id\t\t: %d\ncpu cores\t: %d\n",
			c.MHz, c.CacheKB, n, i, n)
		fmt.Fprintf(&b, "apicid\t\t: %d\ninitial apicid\t: %d\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %d\nwp\t\t: yes\n",
			i, i, c.Level)
		fmt.Fprintf(&b, "flags\t\t: %s\nbugs\t\t: \nbogomips\t: %d.00\nclflush size\t: %d\ncache_alignment\t: %d\n",
			flags, 2*c.MHz, c.LineBytes, c.LineBytes)
		fmt.Fprintf(&b, "address sizes\t: %d bits physical, %d bits virtual\npower management:\n\n", c.PhysBits, c.VirtBits)
	}
	return b.String()
}
