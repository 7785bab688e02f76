package sys

import (
	"fmt"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/vfs"
)

// Options are what /sys shows.
type Options struct {
	// Dev is st_dev.
	Dev uint64
	// CPUs is how many processors guests see.
	CPUs int
	// Net is the network; nil if there is none.
	Net Network
}

// A tree makes directories and files of one file system.
type tree struct {
	*synth.FS
	net Network
}

// New returns a sysfs.
func New(o Options) *synth.FS {
	t := tree{synth.New("sysfs", linux.SYSFS_MAGIC, o.Dev), o.Net}
	root := t.dir()
	for _, name := range []string{"block", "bus", "dev", "firmware", "hypervisor", "module", "power"} {
		root.Add(name, t.dir())
	}
	root.Add("devices", t.dir().Add("system", t.dir().
		Add("cpu", t.cpus(o.CPUs)).
		Add("node", t.dir().
			Add("online", t.text("0\n")).
			Add("possible", t.text("0\n")).
			Add("has_cpu", t.text("0\n")).
			Add("has_memory", t.text("0\n")).
			Add("node0", t.dir().
				Add("cpulist", t.text(cpuRange(o.CPUs))).
				Add("cpumap", t.text(cpuMask(0, o.CPUs))).
				Add("distance", t.text("10\n"))))))
	root.Add("class", t.dir().Add("net", t.interfaces()))
	root.Add("fs", t.dir().Add("cgroup", t.dir()))
	root.Add("kernel", t.dir().
		Add("mm", t.dir().
			Add("transparent_hugepage", t.dir().
				Add("enabled", t.text("always [madvise] never\n")).
				Add("hpage_pmd_size", t.text("2097152\n"))).
			Add("hugepages", t.dir())))
	t.SetRoot(root)
	return t.FS
}

func (t tree) dir() *synth.Dir { return t.Dir(synth.Meta{Perm: 0o755}) }

// text returns a file, which has a page's size whatever it holds.
func (t tree) text(s string) vfs.Inode { return t.Text(synth.Meta{Perm: 0o444, Size: 4096}, s) }

// cpus is /sys/devices/system/cpu, by which glibc and others count processors.
func (t tree) cpus(n int) *synth.Dir {
	d := t.dir()
	for i := range n {
		topology := t.dir().
			Add("core_id", t.text(fmt.Sprintln(i))).
			Add("physical_package_id", t.text("0\n")).
			Add("die_id", t.text("0\n"))
		for _, name := range []string{"core_cpus", "thread_siblings"} {
			topology.Add(name, t.text(cpuMask(i, 1))).Add(name+"_list", t.text(fmt.Sprintln(i)))
		}
		for _, name := range []string{"package_cpus", "core_siblings", "die_cpus"} {
			topology.Add(name, t.text(cpuMask(0, n))).Add(name+"_list", t.text(cpuRange(n)))
		}
		d.Add(fmt.Sprintf("cpu%d", i), t.dir().Add("topology", topology))
	}
	all := cpuRange(n)
	d.Add("online", t.text(all)).Add("possible", t.text(all)).Add("present", t.text(all)).
		Add("offline", t.text("\n")).
		Add("kernel_max", t.text(fmt.Sprintln(max(n-1, 0)))).
		Add("smt", t.dir().Add("active", t.text("0\n")).Add("control", t.text("notsupported\n")))
	return d
}

// cpuRange is a list of n processors (Documentation/admin-guide/cputopology).
func cpuRange(n int) string {
	if n <= 1 {
		return "0\n"
	}
	return fmt.Sprintf("0-%d\n", n-1)
}

// cpuMask is n processors from the first on as a mask: words of 32 bits in
// hexadecimal, the highest first.
func cpuMask(first, n int) string {
	n = max(n, 1)
	var s string
	for base := 0; base < first+n; base += 32 {
		var word uint32
		for i := max(first, base); i < min(first+n, base+32); i++ {
			word |= 1 << (i - base)
		}
		if s != "" {
			s = "," + s
		}
		if base+32 < first+n {
			s = fmt.Sprintf("%08x", word) + s
		} else {
			s = fmt.Sprintf("%x", word) + s
		}
	}
	return s + "\n"
}
