// Package proc is the proc file system (proc(5)): what the kernel says of
// processes and of itself, in the words that ps, top, free and language
// runtimes parse.
//
// The names at the top and those of a process are tables; a file is made when
// it is looked up, with a function that writes its content. What a process
// keeps to itself is shown to those who could trace it (Task.MayPtrace).
package proc

import (
	"bytes"
	"cmp"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/vfs"
)

// Options are what a proc file system shows.
type Options struct {
	Dev    uint64 // st_dev
	Kernel *kernel.Kernel
	PIDs   *kernel.PIDNamespace
	// Cgroup is whose memory meminfo shows.
	Cgroup *kernel.Cgroup
	// UIDMap and GIDMap are the files of those names; "" where ids are the host's.
	UIDMap, GIDMap string
	// Net is the container's network; nil if there is none.
	Net *netns.Namespace
}

// A tree makes the files of one proc file system.
type tree struct {
	*synth.FS
	k    *kernel.Kernel
	pids *kernel.PIDNamespace
	cg   *kernel.Cgroup

	uidMap, gidMap string
	net            *netns.Namespace
}

// New returns a proc file system.
func New(o Options) *synth.FS {
	fs := &tree{synth.New("proc", linux.PROC_SUPER_MAGIC, o.Dev), o.Kernel, o.PIDs, o.Cgroup, cmp.Or(o.UIDMap, sameIDs), cmp.Or(o.GIDMap, sameIDs), o.Net}
	root := fs.LiveDir(synth.Meta{Perm: 0o555}, pidNames{fs})
	fs.addSystem(&root.Dir)
	root.Add("sys", fs.sysctls())
	root.Add("self", fs.Link(synth.Meta{}, fs.self))
	root.Add("thread-self", fs.Link(synth.Meta{}, fs.threadSelf))
	root.Add("mounts", fs.LinkTo("self/mounts"))
	root.Add("net", fs.LinkTo("self/net"))
	fs.SetRoot(root)
	return fs.FS
}

// caller returns the task on whose behalf c is, nil for the Sentry's own work.
func caller(c *vfs.Ctx) *kernel.Task {
	t, _ := c.Task.(*kernel.Task)
	return t
}

// self is where /proc/self leads.
func (fs *tree) self(c *vfs.Ctx) (string, error) {
	t := caller(c)
	if t == nil || fs.pids.IDOfGroup(t.Group()) == 0 {
		return "", linux.ENOENT
	}
	return strconv.Itoa(int(t.Group().ID())), nil
}

// threadSelf is where /proc/thread-self leads.
func (fs *tree) threadSelf(c *vfs.Ctx) (string, error) {
	s, err := fs.self(c)
	if err != nil {
		return "", err
	}
	return s + "/task/" + strconv.Itoa(int(caller(c).TID())), nil
}

// dir returns a directory of fixed names.
func (fs *tree) dir() *synth.Dir { return fs.Dir(synth.Meta{Perm: 0o555}) }

// text returns a file that everyone can read.
func (fs *tree) text(s string) vfs.Inode { return fs.Text(synth.Meta{Perm: 0o444}, s) }

// file returns a file that everyone can read.
func (fs *tree) file(f func(c *vfs.Ctx, w *bytes.Buffer)) vfs.Inode {
	return fs.File(synth.Meta{Perm: 0o444}, func(c *vfs.Ctx, w *bytes.Buffer) error {
		f(c, w)
		return nil
	}, nil)
}

// pidNames are the numbers in the root directory.
type pidNames struct{ fs *tree }

// parseID reads a process's number: no sign, no leading zero.
func parseID(name string) (int32, bool) {
	n, err := strconv.ParseUint(name, 10, 31)
	return int32(n), err == nil && n > 0 && name[0] != '0' && name[0] != '+'
}

// Lookup implements synth.Names. A thread's number works too, though it is not
// listed.
func (p pidNames) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	id, ok := parseID(name)
	if !ok {
		return nil, linux.ENOENT
	}
	if tg := p.fs.pids.Group(id); tg != nil {
		return p.fs.processDir(&process{fs: p.fs, tg: tg}), nil
	}
	if t := p.fs.pids.Task(id); t != nil {
		return p.fs.processDir(&process{fs: p.fs, tg: t.Group()}), nil
	}
	return nil, linux.ENOENT
}

// Valid implements synth.Names.
func (p pidNames) Valid(_ *vfs.Ctx, name string, child vfs.Inode) bool {
	id, _ := parseID(name)
	d, ok := child.(*processDir)
	if !ok {
		return false
	}
	if tg := p.fs.pids.Group(id); tg != nil {
		return tg == d.p.tg
	}
	t := p.fs.pids.Task(id)
	return t != nil && t.Group() == d.p.tg
}

// List implements synth.Names.
func (p pidNames) List(_ *vfs.Ctx, from int64, add func(int64, string, uint32) bool) error {
	for _, tg := range p.fs.pids.Groups() {
		id := int64(tg.ID())
		if id >= from && !add(id, strconv.FormatInt(id, 10), linux.S_IFDIR) {
			break
		}
	}
	return nil
}
