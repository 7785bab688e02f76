package proc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/nsfs"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/namespace"
	"glovebox/sentry/vfs"
)

// magic is a link that shows and leads to what find returns, for those who
// could trace p.
func (p *process) magic(find func() (vfs.Path, error)) vfs.Inode {
	jump := func(c *vfs.Ctx) (vfs.Path, error) {
		if err := p.check(c); err != nil {
			return vfs.Path{}, err
		}
		return find()
	}
	target := func(c *vfs.Ctx) (string, error) {
		at, err := jump(c)
		if err != nil {
			return "", err
		}
		return c.VFS.PathName(c.Root, at), nil
	}
	return p.fs.Magic(p.meta(0o777), target, jump)
}

// cwdLink is /proc/PID/cwd.
func cwdLink(p *process) vfs.Inode {
	return p.magic(func() (at vfs.Path, err error) {
		err = linux.ENOENT
		p.withFiles(func(v kernel.Files) {
			_, at, _ = v.FS.Get()
			err = nil
		})
		return at, err
	})
}

// rootLink is /proc/PID/root.
func rootLink(p *process) vfs.Inode {
	return p.magic(func() (at vfs.Path, err error) {
		err = linux.ENOENT
		p.withFiles(func(v kernel.Files) {
			at, _, _ = v.FS.Get()
			err = nil
		})
		return at, err
	})
}

// exeLink is /proc/PID/exe.
func exeLink(p *process) vfs.Inode {
	return p.magic(func() (vfs.Path, error) {
		m := p.memory()
		if m == nil {
			return vfs.Path{}, linux.ENOENT
		}
		defer m.DecUsers()
		l := m.Layout()
		defer dropExe(&l)
		f, ok := l.Exe.(*vfs.File)
		if !ok {
			return vfs.Path{}, linux.ENOENT
		}
		return f.Place(), nil
	})
}

// namespaces are the links in /proc/PID/ns. Of some kinds there is only one, with the
// number that Linux gives the first (include/linux/proc_ns.h).
var namespaces = []entry{
	only(nsfs.Cgroup, "cgroup", 0xeffffffb),
	nsLink(nsfs.IPC, "ipc", func(t *kernel.Task) namespace.Object { return t.IPC() }),
	nsLink(nsfs.Mount, "mnt", func(t *kernel.Task) namespace.Object {
		if m := t.MountNamespace(); m != nil {
			return m
		}
		return nil
	}),
	nsLink(nsfs.Net, "net", func(t *kernel.Task) namespace.Object {
		if n := t.NetNamespace(); n != nil {
			return n
		}
		return nil
	}),
	nsLink(nsfs.PID, "pid", func(t *kernel.Task) namespace.Object { return t.PIDNamespace() }),
	nsLink(nsfs.PID, "pid_for_children", func(t *kernel.Task) namespace.Object { return t.PIDNamespace() }),
	only(nsfs.Time, "time", 0xeffffffa),
	only(nsfs.Time, "time_for_children", 0xeffffffa),
	only(nsfs.User, "user", 0xeffffffd),
	nsLink(nsfs.UTS, "uts", func(t *kernel.Task) namespace.Object { return t.UTS() }),
}

func only(k nsfs.Kind, name string, id namespace.ID) entry {
	return nsLink(k, name, func(*kernel.Task) namespace.Object { return namespace.Only{Number: id} })
}

// nsLink is the link to the namespace that of returns; nil for a process that has exited.
func nsLink(k nsfs.Kind, name string, of func(*kernel.Task) namespace.Object) entry {
	return entry{name, linux.S_IFLNK, func(p *process) vfs.Inode {
		return p.magic(func() (vfs.Path, error) {
			o := of(p.live())
			if o == nil {
				return vfs.Path{}, linux.ENOENT
			}
			return nsfs.Path(k, o), nil
		})
	}}
}

// commFile is /proc/PID/comm, which the process itself may write.
func commFile(p *process) vfs.Inode {
	return p.fs.File(p.meta(0o644), func(_ *vfs.Ctx, w *bytes.Buffer) error {
		w.WriteString(p.task().Comm() + "\n")
		return nil
	}, func(c *vfs.Ctx, b []byte) error {
		t := caller(c)
		if t == nil || t.Group() != p.tg {
			return linux.EINVAL
		}
		s, _, _ := strings.Cut(string(b), "\x00")
		p.task().SetComm(s)
		return nil
	})
}

// Bounds of oom_score_adj and oom_adj (include/uapi/linux/oom.h).
const (
	maxOOMScoreAdj = 1000
	maxOOMAdj      = 15
	minOOMAdj      = -17
)

// oomScoreAdjFile is /proc/PID/oom_score_adj.
func oomScoreAdjFile(p *process) vfs.Inode {
	return p.oomFile(maxOOMScoreAdj, func(v int) int { return v }, func(v int) int { return v })
}

// oomAdjFile is /proc/PID/oom_adj, the same on an older scale.
func oomAdjFile(p *process) vfs.Inode {
	return p.oomFile(-minOOMAdj, func(v int) int {
		if v == maxOOMScoreAdj {
			return maxOOMAdj
		}
		return v * -minOOMAdj / maxOOMScoreAdj
	}, func(v int) int {
		if v == maxOOMAdj {
			return maxOOMScoreAdj
		}
		return v * maxOOMScoreAdj / -minOOMAdj
	})
}

// oomFile is a file of the OOM killer's adjustment on some scale.
func (p *process) oomFile(most int, show, take func(int) int) vfs.Inode {
	adj := p.tg.OOMScoreAdj()
	return p.fs.File(p.meta(0o644), func(_ *vfs.Ctx, w *bytes.Buffer) error {
		fmt.Fprintln(w, show(int(adj.Load())))
		return nil
	}, func(c *vfs.Ctx, b []byte) error {
		v, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil || v < -most || v > most {
			return linux.EINVAL
		}
		if v = take(v); v < int(adj.Load()) && !c.Creds.Has(auth.CapSysResource) {
			return linux.EACCES
		}
		adj.Store(int32(v))
		return nil
	})
}

// loginuidFile is /proc/PID/loginuid. Nobody has logged in; PAM tries to write
// it and goes on where there is no audit.
func loginuidFile(p *process) vfs.Inode {
	return p.fs.File(p.meta(0o644), func(_ *vfs.Ctx, w *bytes.Buffer) error {
		w.WriteString("4294967295")
		return nil
	}, func(*vfs.Ctx, []byte) error { return linux.EPERM })
}

// netFile is a list of which only the heading is there.
func netFile(name, heading string) entry {
	return entry{name, linux.S_IFREG, func(p *process) vfs.Inode {
		return p.fs.Text(synth.Meta{Perm: 0o444}, heading)
	}}
}
