package proc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// ticks converts nanoseconds to the clock ticks of USER_HZ.
func ticks(ns int64) int64 { return ns / (1e9 / linux.CLOCKS_PER_SEC) }

// stat is /proc/PID/stat (do_task_stat).
func stat(p *process, c *vfs.Ctx, w *bytes.Buffer) {
	t, tg := p.task(), p.tg
	pgid, sid := tg.IDs()
	user, sys := tg.CPUTime()
	if p.t != nil {
		user, sys = p.t.CPUTime()
	}
	childUser, childSys := tg.ChildCPUTime()
	tty, fg := terminal(t)
	s := t.Sched().Params()
	priority := 20 + s.Nice
	if s.Priority > 0 {
		priority = -1 - s.Priority
	}
	var u mm.Usage
	var l mm.Layout
	var brk guest.Addr
	if m := p.memory(); m != nil {
		u = m.Usage()
		brk, _ = m.Brks()
		if p.check(c) == nil {
			l = m.Layout()
			dropExe(&l)
		}
		m.DecUsers()
	}
	sig := t.SignalSets()
	const rootFlags = 0x400100 // PF_RANDOMIZE, PF_SUPERPRIV
	fmt.Fprintf(w, "%d (%s) %c %d %d %d %d %d %d 0 0 0 0 %d %d %d %d %d %d %d 0 %d ",
		t.TID(), t.Comm(), t.State(), tg.ParentID(), pgid, sid, tty, fg, rootFlags,
		ticks(user), ticks(sys), ticks(childUser), ticks(childSys),
		priority, s.Nice, len(tg.Tasks()), ticks(t.StartTime()))
	fmt.Fprintf(w, "%d %d %d %d %d %d 0 0 %d %d %d %d 0 0 0 %d 0 %d %d 0 0 0 ",
		u.Virtual, u.Resident/guest.PageSize, uint64(linux.RLIM_INFINITY),
		l.StartCode, l.EndCode, l.StartStack,
		uint32(sig.Pending|sig.Shared), uint32(sig.Blocked), uint32(sig.Ignored), uint32(sig.Caught),
		linux.SIGCHLD, s.Priority, s.Policy)
	fmt.Fprintf(w, "%d %d %d %d %d %d %d 0\n",
		l.StartData, l.EndData, brk, l.ArgStart, l.ArgEnd, l.EnvStart, l.EnvEnd)
}

// terminal returns the number of t's controlling terminal and its foreground
// job's, 0 and -1 if it has none.
func terminal(t *kernel.Task) (dev int, fg int32) {
	tm := t.Terminal()
	if tm == nil {
		return 0, -1
	}
	fg, err := t.ForegroundGroup(tm)
	if err != nil {
		return 0, -1
	}
	return int(tm.Dev), fg
}

// dropExe drops what Layout gave a reference to.
func dropExe(l *mm.Layout) {
	if l.Exe != nil {
		l.Exe.Dec()
		l.Exe = nil
	}
}

// statm is /proc/PID/statm, in pages.
func statm(p *process, w *bytes.Buffer) {
	var u mm.Usage
	if m := p.memory(); m != nil {
		u = m.Usage()
		m.DecUsers()
	}
	const page = guest.PageSize
	fmt.Fprintf(w, "%d %d %d %d 0 %d 0\n",
		u.Virtual/page, u.Resident/page, u.Shared/page, u.Text/page, (u.Data+u.Stack)/page)
}

var stateNames = map[byte]string{
	'R': "running", 'S': "sleeping", 'T': "stopped", 'Z': "zombie",
}

// status is /proc/PID/status (proc_pid_status).
func status(p *process, w *bytes.Buffer) {
	t, tg := p.task(), p.tg
	c, state := t.Creds(), t.State()
	pgid, sid := tg.IDs()
	fdSize, umask := 0, uint32(0)
	if f := p.live().SharedFiles(); f.FDs != nil {
		fdSize = f.FDs.Size()
		_, _, umask = f.FS.Get()
		f.FDs.Dec()
		f.FS.Dec()
	}
	fmt.Fprintf(w, "Name:\t%s\n", escape(t.Comm(), "\n\\"))
	if fdSize > 0 {
		fmt.Fprintf(w, "Umask:\t%04o\n", umask)
	}
	fmt.Fprintf(w, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		state, stateNames[state], tg.ID(), t.TID(), tg.ParentID())
	fmt.Fprintf(w, "Uid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nFDSize:\t%d\nGroups:\t",
		c.UID, c.EUID, c.SUID, c.FSUID, c.GID, c.EGID, c.SGID, c.FSGID, fdSize)
	for _, g := range c.Groups {
		fmt.Fprintf(w, "%d ", g)
	}
	if len(c.Groups) == 0 {
		w.WriteByte(' ')
	}
	fmt.Fprintf(w, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", tg.ID(), t.TID(), pgid, sid)
	if m := p.memory(); m != nil {
		writeUsage(w, m.Usage())
		m.DecUsers()
	}
	sig := t.SignalSets()
	fmt.Fprintf(w, "Threads:\t%d\nSigQ:\t0/%d\n", max(len(tg.Tasks()), 1), tg.Limits().Cur(linux.RLIMIT_SIGPENDING))
	for _, v := range []struct {
		name string
		set  uint64
	}{
		{"SigPnd", uint64(sig.Pending)}, {"ShdPnd", uint64(sig.Shared)}, {"SigBlk", uint64(sig.Blocked)},
		{"SigIgn", uint64(sig.Ignored)}, {"SigCgt", uint64(sig.Caught)},
		{"CapInh", uint64(c.Inheritable)}, {"CapPrm", uint64(c.Permitted)}, {"CapEff", uint64(c.Effective)},
		{"CapBnd", uint64(c.Bounding)}, {"CapAmb", uint64(c.Ambient)},
	} {
		fmt.Fprintf(w, "%s:\t%016x\n", v.name, v.set)
	}
	noNew := 0
	if c.NoNewPrivs {
		noNew = 1
	}
	fmt.Fprintf(w, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%d\n", noNew, t.SeccompMode(), t.SeccompFilters())
	n, allowed := t.Group().Cgroup().CPUs, t.Sched().Affinity()
	fmt.Fprintf(w, "Cpus_allowed:\t%s\nCpus_allowed_list:\t%s\nMems_allowed:\t1\nMems_allowed_list:\t0\n",
		cpuMask(allowed, n), cpuList(allowed, n))
	w.WriteString("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n")
}

// writeUsage writes the Vm lines of status.
func writeUsage(w *bytes.Buffer, u mm.Usage) {
	for _, v := range []struct {
		name string
		n    uint64
	}{
		{"VmPeak", u.Virtual}, {"VmSize", u.Virtual}, {"VmLck", u.Locked}, {"VmPin", 0}, {"VmHWM", u.Resident},
		{"VmRSS", u.Resident}, {"RssAnon", u.Resident}, {"RssFile", 0}, {"RssShmem", 0}, {"VmData", u.Data},
		{"VmStk", u.Stack}, {"VmExe", u.Text}, {"VmLib", 0}, {"VmPTE", 0}, {"VmSwap", 0},
	} {
		fmt.Fprintf(w, "%s:\t%8d kB\n", v.name, v.n/1024)
	}
	w.WriteString("HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n")
}

// cpuMask is a bitmap of the processors in m, of n, in words of 32 bits; nil is all.
func cpuMask(m []byte, n int) string {
	words := make([]uint32, (n+31)/32)
	for i := range n {
		if inMask(m, i) {
			words[len(words)-1-i/32] |= 1 << (i % 32)
		}
	}
	var b strings.Builder
	for i, word := range words {
		if i == 0 {
			fmt.Fprintf(&b, "%x", word)
		} else {
			fmt.Fprintf(&b, ",%08x", word)
		}
	}
	return b.String()
}

// cpuList is the same as a list.
func cpuList(m []byte, n int) string {
	var parts []string
	for i := 0; i < n; i++ {
		if !inMask(m, i) {
			continue
		}
		first := i
		for i+1 < n && inMask(m, i+1) {
			i++
		}
		if first == i {
			parts = append(parts, strconv.Itoa(i))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", first, i))
		}
	}
	return strings.Join(parts, ",")
}

func inMask(m []byte, i int) bool { return m == nil || m[i/8]>>(i%8)&1 != 0 }

// escape writes the characters of s that are in special as \ooo
// (seq_escape_str).
func escape(s, special string) string {
	if !strings.ContainsAny(s, special) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(special, s[i]) >= 0 {
			fmt.Fprintf(&b, "\\%03o", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// limitNames are the rows of /proc/PID/limits (lnames in fs/proc/base.c).
var limitNames = [linux.RLIM_NLIMITS][2]string{
	linux.RLIMIT_CPU:        {"Max cpu time", "seconds"},
	linux.RLIMIT_FSIZE:      {"Max file size", "bytes"},
	linux.RLIMIT_DATA:       {"Max data size", "bytes"},
	linux.RLIMIT_STACK:      {"Max stack size", "bytes"},
	linux.RLIMIT_CORE:       {"Max core file size", "bytes"},
	linux.RLIMIT_RSS:        {"Max resident set", "bytes"},
	linux.RLIMIT_NPROC:      {"Max processes", "processes"},
	linux.RLIMIT_NOFILE:     {"Max open files", "files"},
	linux.RLIMIT_MEMLOCK:    {"Max locked memory", "bytes"},
	linux.RLIMIT_AS:         {"Max address space", "bytes"},
	linux.RLIMIT_LOCKS:      {"Max file locks", "locks"},
	linux.RLIMIT_SIGPENDING: {"Max pending signals", "signals"},
	linux.RLIMIT_MSGQUEUE:   {"Max msgqueue size", "bytes"},
	linux.RLIMIT_NICE:       {"Max nice priority", ""},
	linux.RLIMIT_RTPRIO:     {"Max realtime priority", ""},
	linux.RLIMIT_RTTIME:     {"Max realtime timeout", "us"},
}

// limits is /proc/PID/limits.
func limits(p *process, w *bytes.Buffer) {
	fmt.Fprintf(w, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units")
	show := func(v uint64) string {
		if v == linux.RLIM_INFINITY {
			return "unlimited"
		}
		return fmt.Sprint(v)
	}
	for i, l := range p.tg.Limits().All() {
		fmt.Fprintf(w, "%-25s %-20s %-20s ", limitNames[i][0], show(l.Cur), show(l.Max))
		if unit := limitNames[i][1]; unit != "" {
			fmt.Fprintf(w, "%-10s", unit)
		}
		w.WriteByte('\n')
	}
}

// schedule is the beginning of /proc/PID/sched.
func schedule(p *process, w *bytes.Buffer) {
	t := p.task()
	user, sys := t.CPUTime()
	fmt.Fprintf(w, "%s (%d, #threads: %d)\n", t.Comm(), t.TID(), len(p.tg.Tasks()))
	fmt.Fprintf(w, "-------------------------------------------------------------------\n")
	fmt.Fprintf(w, "%-45s:%22d.%06d\n", "se.sum_exec_runtime", (user+sys)/1e6, (user+sys)%1e6)
	fmt.Fprintf(w, "%-45s:%22d\n", "policy", t.Sched().Params().Policy)
	fmt.Fprintf(w, "%-45s:%22d\n", "prio", 120+t.Sched().Params().Nice)
}

// schedstat is time run, time waited and slices.
func schedstat(p *process, w *bytes.Buffer) {
	user, sys := p.task().CPUTime()
	fmt.Fprintf(w, "%d 0 0\n", user+sys)
}

// personality is /proc/PID/personality.
func personality(p *process, w *bytes.Buffer) {
	fmt.Fprintf(w, "%08x\n", p.task().Personality().Load())
}

// ioCounts is /proc/PID/io. Nothing is counted.
func ioCounts(_ *process, w *bytes.Buffer) {
	w.WriteString("rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n")
}
