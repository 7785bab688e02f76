// Package mqueue is the file system that shows POSIX message queues
// (mq_overview(7)), and what stands behind their descriptors.
package mqueue

import (
	"fmt"
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/guest"
	"glovebox/sentry/ipc"
	"glovebox/sentry/vfs"
)

// New returns the file system of a namespace.
func New(ns *ipc.Namespace, dev uint64) *synth.FS {
	fs := synth.New("mqueue", linux.MQUEUE_MAGIC, dev)
	l := &list{fs: fs, ns: ns, nodes: map[uint64]*synth.File{}}
	fs.SetRoot(root{fs.LiveDir(synth.Meta{Perm: 0o1777}, l), l})
	return fs
}

// root is the directory of queues: files can be made in it, and taken away.
type root struct {
	*synth.LiveDir
	list *list
}

// Create implements vfs.Dir.
func (r root) Create(c *vfs.Ctx, name string, mode uint32, _ uint64) (vfs.Inode, error) {
	if mode&linux.S_IFMT != linux.S_IFREG {
		return nil, linux.EPERM
	}
	q, err := r.list.ns.OpenMQ(ipc.Who{Creds: c.Creds}, &ipc.MQOpen{Name: name, Flags: linux.O_CREAT | linux.O_EXCL, Mode: mode})
	if err != nil {
		return nil, err
	}
	q.Close()
	return r.Lookup(c, name)
}

// Remove implements vfs.Dir.
func (r root) Remove(c *vfs.Ctx, name string, _ vfs.Inode) error {
	return r.list.ns.UnlinkMQ(ipc.Who{Creds: c.Creds}, name)
}

// list is the names in the root.
type list struct {
	fs *synth.FS
	ns *ipc.Namespace

	mu    sync.Mutex
	nodes map[uint64]*synth.File // guarded by mu; by the queue's id
}

// Lookup implements synth.Names.
func (l *list) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	q := l.ns.FindMQ(name)
	if q == nil {
		return nil, linux.ENOENT
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := q.Stat().ID
	if n := l.nodes[id]; n != nil {
		return n, nil
	}
	// Those of queues that are gone go when others come.
	there := map[uint64]bool{id: true}
	for _, q := range l.ns.MQList() {
		there[q.Stat().ID] = true
	}
	for id := range l.nodes {
		if !there[id] {
			delete(l.nodes, id)
		}
	}
	n := l.fs.Special(meta(q), func(*vfs.Ctx, uint32) (vfs.FileOps, error) {
		q.Open()
		return &File{q: q}, nil
	})
	l.nodes[id] = n
	return n, nil
}

// Valid implements synth.Names.
func (l *list) Valid(_ *vfs.Ctx, name string, child vfs.Inode) bool {
	q := l.ns.FindMQ(name)
	if q == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := child.(*synth.File)
	return ok && l.nodes[q.Stat().ID] == n
}

// List implements synth.Names.
func (l *list) List(_ *vfs.Ctx, from int64, add func(cookie int64, name string, kind uint32) bool) error {
	for _, q := range l.ns.MQList() {
		s := q.Stat()
		if s.Name != "" && int64(s.ID) >= from && !add(int64(s.ID), s.Name, linux.S_IFREG) {
			break
		}
	}
	return nil
}

// statusSize is st_size of a queue (FILENT_SIZE in ipc/mqueue.c).
const statusSize = 80

func meta(q *ipc.MQ) synth.Meta {
	return synth.Meta{
		Size:  statusSize,
		Owner: func() (uid, gid uint32) { s := q.Stat(); return s.UID, s.GID },
		Patch: func(a *vfs.Attr) {
			s := q.Stat()
			a.Mode = linux.S_IFREG | s.Mode
			a.Ctime = linux.Timespec{Sec: s.Ctime}
			a.Mtime = a.Ctime
			if s.Name == "" {
				a.Nlink = 0
			}
		},
		Set: func(_ *vfs.Ctx, set vfs.SetAttr) error {
			s := q.Stat()
			if set.Mask&vfs.SetMode != 0 {
				q.Chmod(set.Mode)
			}
			if set.Mask&vfs.SetUID != 0 {
				s.UID = set.UID
			}
			if set.Mask&vfs.SetGID != 0 {
				s.GID = set.GID
			}
			q.Chown(s.UID, s.GID)
			return nil
		},
	}
}

// A File is an open description of a queue.
type File struct {
	vfs.NoFile
	q *ipc.MQ
	// registered is the process that mq_notify registered by this file.
	registered atomic.Int32
}

// Open returns what stands behind a descriptor of q, which the caller has opened.
func Open(q *ipc.MQ) *File { return &File{q: q} }

// Queue of the messages.
func (f *File) MQ() *ipc.MQ { return f.q }

// Notify is ipc.MQ.Notify by this file.
func (f *File) Notify(tgid int32, n *ipc.MQNotify) error {
	err := f.q.Notify(tgid, n)
	if err == nil && n != nil {
		f.registered.Store(tgid)
	}
	return err
}

// Read implements vfs.FileOps: the state of the queue, as text.
func (f *File) Read(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	s := f.q.Stat()
	var n ipc.MQNotify
	if s.Notify != nil {
		n = *s.Notify
	}
	line := fmt.Appendf(nil, "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", s.Bytes, n.Kind, n.Signo, n.TGID)
	if off < 0 || off >= int64(len(line)) {
		return 0, nil
	}
	done, err := b.CopyOut(line[off:])
	return int64(done), err
}

// Ready implements vfs.FileOps.
func (f *File) Ready() (m wait.Mask) {
	s := f.q.Stat()
	if s.Messages > 0 {
		m |= wait.In | wait.RdNorm
	}
	if s.Room {
		m |= wait.Out | wait.WrNorm
	}
	return m
}

// Queue implements vfs.FileOps.
func (f *File) Queue() *wait.Queue { return f.q.Changed() }

// Release implements vfs.FileOps.
func (f *File) Release() {
	if tgid := f.registered.Load(); tgid != 0 {
		_ = f.q.Notify(tgid, nil) // taking back never fails
	}
	f.q.Close()
}
