package proc

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/ipc"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/vfs"
)

// sysctls is /proc/sys. Names are those of proc(5); what a guest cannot change
// is read only.
func (fs *tree) sysctls() *synth.Dir {
	return fs.dir().
		Add("kernel", fs.kernelSysctls()).
		Add("fs", fs.fsSysctls()).
		Add("vm", fs.vmSysctls()).
		Add("net", fs.netSysctls())
}

// number returns a file that holds one number.
func (fs *tree) number(n uint64) vfs.Inode { return fs.text(fmt.Sprintln(n)) }

// numbers adds a file for each name.
func (fs *tree) numbers(d *synth.Dir, values map[string]uint64) *synth.Dir {
	for _, name := range sortedKeys(values) {
		d.Add(name, fs.number(values[name]))
	}
	return d
}

func (fs *tree) kernelSysctls() *synth.Dir {
	d := fs.dir().
		Add("ostype", fs.text("Linux\n")).
		Add("osrelease", fs.text(kernel.Release+"\n")).
		Add("version", fs.text(kernel.Version+"\n")).
		Add("hostname", fs.utsName(
			func(u *kernel.UTS) string { h, _ := u.Names(); return h }, (*kernel.UTS).SetHost)).
		Add("domainname", fs.utsName(
			func(u *kernel.UTS) string { _, d := u.Names(); return d }, (*kernel.UTS).SetDomain)).
		Add("random", fs.randomSysctls()).
		Add("core_pattern", fs.text("core\n")).
		Add("printk", fs.text("4\t4\t1\t7\n")).
		Add("tainted", fs.number(0))
	fs.ipcSysctls(d, "kernel.")
	return fs.numbers(d, map[string]uint64{
		"cap_last_cap":              uint64(auth.CapLast),
		"ngroups_max":               65536,
		"pid_max":                   kernel.PIDMax,
		"threads-max":               kernel.PIDMax,
		"randomize_va_space":        2,
		"overflowuid":               65534,
		"overflowgid":               65534,
		"dmesg_restrict":            0,
		"kptr_restrict":             0,
		"perf_event_paranoid":       4,
		"unprivileged_bpf_disabled": 2,
		"core_uses_pid":             0,
		"io_uring_disabled":         2,
		"panic":                     0,
		"sysrq":                     0,
	})
}

// ipcSysctls adds what the reader's IPC namespace calls by that prefix.
func (fs *tree) ipcSysctls(d *synth.Dir, prefix string) *synth.Dir {
	for _, name := range ipc.Sysctls() {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			d.Add(short, fs.file(func(c *vfs.Ctx, w *bytes.Buffer) {
				if t := caller(c); t != nil {
					l := t.IPC().Limits()
					w.WriteString(l.Get(name) + "\n")
				}
			}))
		}
	}
	return d
}

// utsName is a name of uname(2), which root may write.
func (fs *tree) utsName(get func(*kernel.UTS) string, set func(*kernel.UTS, string)) vfs.Inode {
	return fs.File(synth.Meta{Perm: 0o644}, func(c *vfs.Ctx, w *bytes.Buffer) error {
		if t := caller(c); t != nil {
			w.WriteString(get(t.UTS()) + "\n")
		}
		return nil
	}, func(c *vfs.Ctx, p []byte) error {
		t := caller(c)
		if t == nil || !c.Creds.Has(auth.CapSysAdmin) {
			return linux.EPERM
		}
		s, _, _ := strings.Cut(string(p), "\n")
		set(t.UTS(), s[:min(len(s), linux.UTSLen)])
		return nil
	})
}

func (fs *tree) randomSysctls() *synth.Dir {
	return fs.dir().
		Add("boot_id", fs.text(newUUID())).
		Add("uuid", fs.file(func(_ *vfs.Ctx, w *bytes.Buffer) { w.WriteString(newUUID()) })).
		Add("entropy_avail", fs.number(256)).
		Add("poolsize", fs.number(256)).
		Add("write_wakeup_threshold", fs.number(256)).
		Add("urandom_min_reseed_secs", fs.number(60))
}

// newUUID is a random UUID (RFC 9562, version 4) on a line.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x\n", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (fs *tree) fsSysctls() *synth.Dir {
	d := fs.dir().
		Add("file-nr", fs.file(fs.fileNr)).
		Add("binfmt_misc", fs.dir()).
		Add("mqueue", fs.ipcSysctls(fs.dir(), "fs.mqueue.")).
		Add("epoll", fs.dir().Add("max_user_watches", fs.number(1<<20))).
		Add("inotify", fs.numbers(fs.dir(), map[string]uint64{
			"max_queued_events": 16384, "max_user_instances": 128, "max_user_watches": 65536,
		}))
	return fs.numbers(d, map[string]uint64{
		"file-max":             1<<63 - 1,
		"nr_open":              1 << 20,
		"pipe-max-size":        pipe.MaxSize,
		"pipe-user-pages-soft": pipe.UserPages,
		"pipe-user-pages-hard": 0,
		"aio-max-nr":           65536,
		"aio-nr":               0,
		"mount-max":            100000,
		"protected_hardlinks":  0,
		"protected_symlinks":   0,
		"protected_fifos":      0,
		"protected_regular":    0,
		"suid_dumpable":        0,
		"overflowuid":          65534,
		"overflowgid":          65534,
		"lease-break-time":     45,
		"leases-enable":        0,
		"dir-notify-enable":    0,
	})
}

// fileNr is /proc/sys/fs/file-nr: open descriptors, stand-ins for open files.
func (fs *tree) fileNr(_ *vfs.Ctx, w *bytes.Buffer) {
	n := 0
	for _, tg := range fs.pids.Groups() {
		p := process{fs: fs, tg: tg}
		p.withFiles(func(v kernel.Files) { n += len(v.FDs.List()) })
	}
	fmt.Fprintf(w, "%d\t0\t%d\n", n, int64(1<<63-1))
}

func (fs *tree) vmSysctls() *synth.Dir {
	return fs.numbers(fs.dir(), map[string]uint64{
		"overcommit_memory":        0,
		"overcommit_ratio":         50,
		"max_map_count":            65530,
		"mmap_min_addr":            65536,
		"swappiness":               60,
		"nr_hugepages":             0,
		"dirty_ratio":              20,
		"dirty_background_ratio":   10,
		"vfs_cache_pressure":       100,
		"min_free_kbytes":          67584,
		"legacy_va_layout":         0,
		"oom_kill_allocating_task": 0,
		"panic_on_oom":             0,
	})
}

// lentSysctls is /proc/sys/net of somebody else's network: what is there can be read.
func (fs *tree) lentSysctls(settings map[string]string) *synth.Dir {
	dirs := map[string]*synth.Dir{}
	for p, text := range settings {
		dir, name := path.Split(p)
		if dirs[dir] == nil {
			dirs[dir] = fs.dir()
		}
		dirs[dir].Add(name, fs.text(text))
	}
	all := fs.dir()
	for name, d := range dirs {
		all.Add(path.Clean(name), d)
	}
	return all.Add("unix", fs.dir().Add("max_dgram_qlen", fs.number(10)))
}

func (fs *tree) netSysctls() *synth.Dir {
	if w, ok := fs.lent(); ok {
		return fs.lentSysctls(w.Settings())
	}
	ipv4 := fs.dir().
		Add("ip_local_port_range", fs.text("32768\t60999\n")).
		Add("ip_local_reserved_ports", fs.text("\n")).
		Add("ping_group_range", fs.text("0\t2147483647\n")).
		Add("tcp_rmem", fs.text("4096\t131072\t6291456\n")).
		Add("tcp_wmem", fs.text("4096\t16384\t4194304\n")).
		Add("tcp_mem", fs.text("45981\t61311\t91962\n")).
		Add("udp_mem", fs.text("91965\t122623\t183930\n")).
		Add("tcp_allowed_congestion_control", fs.text("reno cubic\n")).
		Add("ip_unprivileged_port_start", fs.netSetting((*netns.Namespace).FirstPort, (*netns.Namespace).SetFirstPort)).
		Add("ip_forward", fs.netSetting((*netns.Namespace).Forwards, (*netns.Namespace).SetForwards)).
		Add("conf", fs.interfaces(map[string]uint64{"forwarding": 0, "rp_filter": 0, "accept_redirects": 0, "send_redirects": 1,
			"accept_source_route": 0, "arp_ignore": 0, "arp_announce": 0, "route_localnet": 0, "log_martians": 0})).
		Add("neigh", fs.interfaces(map[string]uint64{"gc_thresh1": 128, "gc_thresh2": 512, "gc_thresh3": 1024})).
		Add("tcp_congestion_control", fs.text("cubic\n")).
		Add("tcp_available_congestion_control", fs.text("reno cubic\n"))
	fs.numbers(ipv4, map[string]uint64{
		"ip_nonlocal_bind": 0, "ip_default_ttl": 64,
		"tcp_fin_timeout": 60, "tcp_keepalive_time": 7200, "tcp_keepalive_intvl": 75, "tcp_keepalive_probes": 9,
		"tcp_max_syn_backlog": 1024, "tcp_syncookies": 1, "tcp_tw_reuse": 2, "tcp_sack": 1, "tcp_timestamps": 1,
		"tcp_window_scaling": 1, "tcp_fastopen": 0, "tcp_retries1": 3, "tcp_retries2": 15, "tcp_syn_retries": 6, "tcp_synack_retries": 5, "tcp_ecn": 2, "tcp_max_tw_buckets": 65536,
		"tcp_moderate_rcvbuf": 1, "tcp_no_metrics_save": 0, "tcp_slow_start_after_idle": 1, "tcp_mtu_probing": 0, "tcp_rfc1337": 0,
		"tcp_abort_on_overflow": 0, "tcp_orphan_retries": 0, "tcp_dsack": 1, "tcp_max_orphans": 65536, "udp_rmem_min": 4096,
		"udp_wmem_min": 4096, "icmp_echo_ignore_all": 0, "icmp_echo_ignore_broadcasts": 1, "icmp_ratelimit": 1000,
		"igmp_max_memberships": 20, "ip_no_pmtu_disc": 0, "ip_early_demux": 1, "ip_dynaddr": 0,
	})
	core := fs.numbers(fs.dir(), map[string]uint64{
		"somaxconn": linux.SOMAXCONN, "rmem_default": 212992, "rmem_max": 212992, "wmem_default": 212992,
		"wmem_max": 212992, "optmem_max": 20480, "netdev_max_backlog": 1000,
		"netdev_budget": 300, "busy_poll": 0, "busy_read": 0, "rps_sock_flow_entries": 0, "dev_weight": 64, "bpf_jit_enable": 0,
	})
	return fs.dir().
		Add("core", core.Add("default_qdisc", fs.text("pfifo_fast\n"))).
		Add("ipv4", ipv4).
		Add("ipv6", fs.numbers(fs.dir(), map[string]uint64{"bindv6only": 0, "ip_nonlocal_bind": 0, "auto_flowlabels": 1}).
			Add("conf", fs.interfaces(map[string]uint64{"disable_ipv6": 0, "forwarding": 0, "accept_ra": 0, "accept_dad": 0,
				"autoconf": 0, "use_tempaddr": 0, "hop_limit": 64, "mtu": 65536, "accept_redirects": 0, "accept_source_route": 0}))).
		Add("unix", fs.dir().Add("max_dgram_qlen", fs.number(10)))
}

// interfaces is a directory of settings for each interface that a sandbox begins with.
func (fs *tree) interfaces(values map[string]uint64) *synth.Dir {
	d := fs.dir()
	for _, name := range []string{"all", "default", "lo"} {
		d.Add(name, fs.numbers(fs.dir(), values))
	}
	return d
}

// lent returns the network of somebody else's that the container is in, if it is.
func (fs *tree) lent() (Writer, bool) {
	if fs.net == nil {
		return nil, false
	}
	w, ok := fs.net.Internet.(Writer)
	return w, ok
}

// netSetting is a number of the network namespace that the reader is in.
func (fs *tree) netSetting(get func(*netns.Namespace) int, set func(*netns.Namespace, int) error) vfs.Inode {
	of := func(c *vfs.Ctx) *netns.Namespace {
		if t := caller(c); t != nil {
			n, _ := t.Files().Net.(*netns.Namespace)
			return n
		}
		return fs.net
	}
	return fs.File(synth.Meta{Perm: 0o644}, func(c *vfs.Ctx, w *bytes.Buffer) error {
		if n := of(c); n != nil {
			fmt.Fprintln(w, get(n))
		}
		return nil
	}, func(c *vfs.Ctx, p []byte) error {
		v, err := strconv.ParseUint(strings.TrimSpace(string(p)), 10, 16)
		n := of(c)
		switch {
		case n == nil || !c.Creds.Has(auth.CapNetAdmin):
			return linux.EPERM
		case err != nil:
			return linux.EINVAL
		}
		return set(n, int(v))
	})
}

func sortedKeys(m map[string]uint64) []string { return slices.Sorted(maps.Keys(m)) }
