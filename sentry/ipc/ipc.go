// Package ipc is System V shared memory, semaphores and message queues
// (sysvipc(7)), and POSIX message queues (mq_overview(7)). What blocks returns EAGAIN, and the caller waits on a queue.
//
// Lock order: Namespace.mu alone guards everything; it is a leaf but for the
// wait queues.
package ipc

import (
	"slices"
	"sync"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/memfile"
	"glovebox/sentry/namespace"
)

// A Namespace is the objects that the processes of a container share.
type Namespace struct {
	namespace.Kept
	id namespace.ID

	mu     sync.Mutex
	limits Limits          // guarded by mu
	shms   table[*Segment] // guarded by mu
	sems   table[*Set]     // guarded by mu
	msgs   table[*Queue]   // guarded by mu
	mqs    map[string]*MQ  // guarded by mu
	// undos are those that take something back. Guarded by mu.
	undos map[*Undo]struct{}
	mqID  uint64 // guarded by mu; of the last queue that was made
}

// NewNamespace returns an empty namespace.
func NewNamespace() *Namespace { return &Namespace{id: namespace.NewID(), limits: DefaultLimits()} }

// ID implements namespace.Object.
func (ns *Namespace) ID() namespace.ID { return ns.id }

// Limits returns the namespace's.
func (ns *Namespace) Limits() Limits {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.limits
}

// SetLimit is Limits.Set of the namespace's.
func (ns *Namespace) SetLimit(name, value string) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.limits.Set(name, value)
}

// A Who is on whose behalf a call is made.
type Who struct {
	Creds *auth.Creds
	PID   int32
	// Memory is whose the segments are that it makes.
	Memory *memfile.Account
}

// perm is an object's owner and mode (struct kern_ipc_perm). Guarded by
// Namespace.mu.
type perm struct {
	id, key              int32
	uid, gid, cuid, cgid uint32
	mode                 uint32
	seq                  uint16
	ctime                int64
	removed              bool
}

func (p *perm) base() *perm { return p }

// allows is ipcperms: whether w may do what mode, S_I* of one or all, says.
func (p *perm) allows(w Who, mode uint32) bool {
	c := w.Creds
	granted := p.mode
	switch {
	case c.EUID == p.cuid || c.EUID == p.uid:
		granted >>= 6
	case inGroup(c, p.cgid) || inGroup(c, p.gid):
		granted >>= 3
	}
	want := (mode>>6 | mode>>3 | mode) & 7
	return want&^granted == 0 || c.Has(auth.CapIpcOwner)
}

func inGroup(c *auth.Creds, gid uint32) bool {
	if c.EGID == gid {
		return true
	}
	_, ok := slices.BinarySearch(c.Groups, gid)
	return ok
}

// owned reports whether w may change or remove the object.
func (p *perm) owned(w Who) bool {
	return w.Creds.EUID == p.uid || w.Creds.EUID == p.cuid || w.Creds.Has(auth.CapSysAdmin)
}

func (p *perm) show() linux.IPCPerm {
	return linux.IPCPerm{
		Key: p.key, UID: p.uid, GID: p.gid, CUID: p.cuid, CGID: p.cgid, Mode: p.mode, Seq: p.seq,
	}
}

// set is IPC_SET.
func (p *perm) set(w Who, to *linux.IPCPerm) error {
	if !p.owned(w) {
		return linux.EPERM
	}
	p.uid, p.gid = to.UID, to.GID
	p.mode = p.mode&^0o777 | to.Mode&0o777
	p.ctime = now()
	return nil
}

func now() int64 { return time.Now().Unix() }

// A table is the objects of one kind: an id is an index and a sequence number,
// so that ids are not soon used again (ipc_addid).
type table[T interface {
	comparable
	base() *perm
}] struct {
	slots []T
	seq   uint16
	count int
}

const (
	seqShift  = 15
	indexMask = 1<<seqShift - 1
)

// get finds or makes the object with a key (ipcget). check looks at one that
// was found, create makes one.
func (t *table[T]) get(w Who, key int32, flags uint32, most int, check func(T) error, create func() (T, error)) (int32, error) {
	if key != linux.IPC_PRIVATE {
		for _, o := range t.slots {
			var none T
			if o == none || o.base().key != key {
				continue
			}
			if flags&(linux.IPC_CREAT|linux.IPC_EXCL) == linux.IPC_CREAT|linux.IPC_EXCL {
				return 0, linux.EEXIST
			}
			if err := check(o); err != nil {
				return 0, err
			}
			if !o.base().allows(w, flags) {
				return 0, linux.EACCES
			}
			return o.base().id, nil
		}
		if flags&linux.IPC_CREAT == 0 {
			return 0, linux.ENOENT
		}
	}
	if t.count >= most {
		return 0, linux.ENOSPC
	}
	o, err := create()
	if err != nil {
		return 0, err
	}
	c := w.Creds
	p := o.base()
	*p = perm{
		key: key, mode: flags & 0o777, ctime: now(),
		uid: c.EUID, gid: c.EGID, cuid: c.EUID, cgid: c.EGID,
	}
	t.add(o)
	return p.id, nil
}

func (t *table[T]) add(o T) {
	var none T
	i := slices.Index(t.slots, none)
	if i < 0 {
		i = len(t.slots)
		t.slots = append(t.slots, none)
	}
	t.slots[i] = o
	p := o.base()
	p.seq = t.seq
	p.id = int32(t.seq)<<seqShift | int32(i)
	if t.seq++; t.seq > 0x7fff {
		t.seq = 0
	}
	t.count++
}

// find returns the object with that id: EINVAL if there is none (or EIDRM for
// one that went, which the numbers do not tell apart).
func (t *table[T]) find(id int32) (o T, err error) {
	if o, err = t.at(id & indexMask); err != nil || id < 0 || o.base().id != id {
		var none T
		return none, linux.EINVAL
	}
	return o, nil
}

// at returns the object at an index (SHM_STAT and its kin).
func (t *table[T]) at(i int32) (o T, err error) {
	if i < 0 || int(i) >= len(t.slots) || t.slots[i] == o {
		return o, linux.EINVAL
	}
	return t.slots[i], nil
}

// highest returns the highest index in use, 0 if there is none (IPC_INFO).
func (t *table[T]) highest() uintptr {
	var none T
	for i := len(t.slots) - 1; i > 0; i-- {
		if t.slots[i] != none {
			return uintptr(i)
		}
	}
	return 0
}

func (t *table[T]) remove(o T) {
	var none T
	t.slots[o.base().id&indexMask] = none
	t.count--
}
