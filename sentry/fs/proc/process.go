package proc

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// A process is whom a directory is about: a thread group, or one of its tasks.
type process struct {
	fs *tree
	tg *kernel.ThreadGroup
	t  *kernel.Task // nil for the thread group
}

// task returns the task that stands for p.
func (p *process) task() *kernel.Task {
	if p.t != nil {
		return p.t
	}
	return p.tg.Leader()
}

// live returns a task of p that has memory and files: the leader may have
// exited before the others.
func (p *process) live() *kernel.Task {
	t := p.task()
	if p.t == nil && t.State() == 'Z' {
		if ts := p.tg.Tasks(); len(ts) > 0 {
			return ts[0]
		}
	}
	return t
}

// memory returns p's address space with a reference, nil if it has none.
func (p *process) memory() kernel.Memory { return p.live().SharedMem() }

// owner is who owns p's files: root, if others may not look into it
// (task_dump_owner).
func (p *process) owner() (uid, gid uint32) {
	if p.tg.Dumpable() != linux.SUID_DUMP_USER {
		return 0, 0
	}
	c := p.task().Creds()
	return c.EUID, c.EGID
}

// check reports whether c may look into p: EACCES if not.
func (p *process) check(c *vfs.Ctx) error {
	if t := caller(c); t != nil && !t.MayPtrace(p.task()) {
		return linux.EACCES
	}
	return nil
}

// meta returns p's Meta for a file with permissions perm.
func (p *process) meta(perm uint32) synth.Meta { return synth.Meta{Perm: perm, Owner: p.owner} }

// secret is meta for a file that only those who could trace p may open.
func (p *process) secret(perm uint32) synth.Meta {
	m := p.meta(perm)
	m.Permit = func(c *vfs.Ctx, want vfs.Access) error {
		uid, gid := p.owner()
		a := vfs.Attr{Mode: linux.S_IFREG | perm, UID: uid, GID: gid}
		if err := a.Permission(c.Creds, want); err != nil {
			return err
		}
		return p.check(c)
	}
	return m
}

// An entry is a name in a process's directory.
type entry struct {
	name string
	kind uint32 // S_IF*
	make func(p *process) vfs.Inode
}

// show is an entry that everyone can read.
func show(name string, f func(p *process, w *bytes.Buffer)) entry {
	return entry{name, linux.S_IFREG, func(p *process) vfs.Inode {
		return p.fs.File(p.meta(0o444), func(_ *vfs.Ctx, w *bytes.Buffer) error {
			f(p, w)
			return nil
		}, nil)
	}}
}

// showTo is show for what depends on the reader.
func showTo(name string, f func(p *process, c *vfs.Ctx, w *bytes.Buffer)) entry {
	return entry{name, linux.S_IFREG, func(p *process) vfs.Inode {
		return p.fs.File(p.meta(0o444), func(c *vfs.Ctx, w *bytes.Buffer) error {
			f(p, c, w)
			return nil
		}, nil)
	}}
}

// guard is an entry for those who could trace the process.
func guard(name string, perm uint32, f func(p *process, w *bytes.Buffer)) entry {
	return entry{name, linux.S_IFREG, func(p *process) vfs.Inode {
		return p.fs.File(p.secret(perm), func(_ *vfs.Ctx, w *bytes.Buffer) error {
			f(p, w)
			return nil
		}, nil)
	}}
}

// sub is an entry that is a directory.
func sub(name string, perm uint32, names func(p *process) synth.Names) entry {
	return entry{name, linux.S_IFDIR, func(p *process) vfs.Inode {
		return p.fs.LiveDir(p.meta(perm), names(p))
	}}
}

// A processDir is the directory of a process or task.
type processDir struct {
	*synth.LiveDir
	p *process
}

// processDir returns the directory of p.
func (fs *tree) processDir(p *process) *processDir {
	table := processEntries()
	if p.t != nil {
		table = slices.DeleteFunc(table, func(e entry) bool { return e.name == "task" })
	}
	return &processDir{fs.LiveDir(p.meta(0o555), entries{p, table}), p}
}

// entries are the names of a table. They are valid as long as the directory is.
type entries struct {
	p     *process
	table []entry
}

// Lookup implements synth.Names.
func (e entries) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	for i := range e.table {
		if e.table[i].name == name {
			return e.table[i].make(e.p), nil
		}
	}
	return nil, linux.ENOENT
}

// Valid implements synth.Names.
func (e entries) Valid(*vfs.Ctx, string, vfs.Inode) bool { return true }

// List implements synth.Names.
func (e entries) List(_ *vfs.Ctx, from int64, add func(int64, string, uint32) bool) error {
	for i := from; i < int64(len(e.table)); i++ {
		if !add(i, e.table[i].name, e.table[i].kind) {
			break
		}
	}
	return nil
}

// processEntries are the names in /proc/PID.
func processEntries() []entry {
	return []entry{
		sub("task", 0o555, func(p *process) synth.Names { return tasks{p} }),
		sub("fd", 0o500, func(p *process) synth.Names { return fds{p} }),
		sub("fdinfo", 0o555, func(p *process) synth.Names { return fdinfos{p} }),
		sub("ns", 0o511, func(p *process) synth.Names { return entries{p, namespaces} }),
		sub("net", 0o555, func(p *process) synth.Names { return entries{p, netEntries} }),
		guard("environ", 0o400, environ),
		guard("auxv", 0o400, auxv),
		show("status", status),
		guard("personality", 0o400, personality),
		show("limits", limits),
		show("sched", schedule),
		{"comm", linux.S_IFREG, commFile},
		guard("syscall", 0o400, func(_ *process, w *bytes.Buffer) { w.WriteString("running\n") }),
		show("cmdline", cmdline),
		showTo("stat", stat),
		show("statm", statm),
		guard("maps", 0o444, showMaps),
		{"mem", linux.S_IFREG, memFile},
		{"cwd", linux.S_IFLNK, cwdLink},
		{"root", linux.S_IFLNK, rootLink},
		{"exe", linux.S_IFLNK, exeLink},
		showTo("mounts", mounts),
		showTo("mountinfo", mountinfo),
		guard("smaps", 0o444, smaps),
		guard("smaps_rollup", 0o444, smapsRollup),
		show("wchan", func(_ *process, w *bytes.Buffer) { w.WriteByte('0') }),
		guard("stack", 0o400, func(*process, *bytes.Buffer) {}),
		show("schedstat", schedstat),
		show("cpuset", func(_ *process, w *bytes.Buffer) { w.WriteString("/\n") }),
		show("cgroup", func(_ *process, w *bytes.Buffer) { w.WriteString("0::/\n") }),
		show("oom_score", func(p *process, w *bytes.Buffer) { fmt.Fprintln(w, p.tg.OOMScore()) }),
		{"oom_adj", linux.S_IFREG, oomAdjFile},
		{"oom_score_adj", linux.S_IFREG, oomScoreAdjFile},
		{"loginuid", linux.S_IFREG, loginuidFile},
		show("sessionid", func(_ *process, w *bytes.Buffer) { w.WriteString("4294967295") }),
		guard("io", 0o400, ioCounts),
		show("uid_map", func(p *process, w *bytes.Buffer) { w.WriteString(p.fs.uidMap) }),
		show("gid_map", func(p *process, w *bytes.Buffer) { w.WriteString(p.fs.gidMap) }),
		show("projid_map", func(_ *process, w *bytes.Buffer) { w.WriteString(sameIDs) }),
		show("setgroups", func(_ *process, w *bytes.Buffer) { w.WriteString("allow\n") }),
		show("timerslack_ns", func(p *process, w *bytes.Buffer) {
			w.WriteString(strconv.FormatUint(p.task().TimerSlack().Load(), 10) + "\n")
		}),
	}
}

// sameIDs is the map of the first user namespace: every id is itself.
const sameIDs = "         0          0 4294967295\n"

// tasks are the threads of a process.
type tasks struct{ p *process }

// Lookup implements synth.Names.
func (ts tasks) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	id, ok := parseID(name)
	if !ok {
		return nil, linux.ENOENT
	}
	t := ts.p.fs.pids.Task(id)
	if t == nil || t.Group() != ts.p.tg {
		return nil, linux.ENOENT
	}
	return ts.p.fs.processDir(&process{fs: ts.p.fs, tg: ts.p.tg, t: t}), nil
}

// Valid implements synth.Names.
func (ts tasks) Valid(_ *vfs.Ctx, name string, child vfs.Inode) bool {
	id, _ := parseID(name)
	d, ok := child.(*processDir)
	return ok && ts.p.fs.pids.Task(id) == d.p.t
}

// List implements synth.Names.
func (ts tasks) List(_ *vfs.Ctx, from int64, add func(int64, string, uint32) bool) error {
	var ids []int64
	for _, t := range ts.p.tg.Tasks() {
		ids = append(ids, int64(t.TID()))
	}
	slices.Sort(ids)
	for _, id := range ids {
		if id >= from && !add(id, strconv.FormatInt(id, 10), linux.S_IFDIR) {
			break
		}
	}
	return nil
}
