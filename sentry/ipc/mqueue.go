package ipc

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
)

// Limits of POSIX message queues (mq_overview(7)) that no privileges exceed.
const (
	mqHardMessages = 65536
	mqHardSize     = 16 << 20
	// mqOverhead is what a message counts against RLIMIT_MSGQUEUE beside its
	// bytes: sizeof(struct msg_msg *) and of a node of the tree, as on x86-64.
	mqOverhead = 8 + 48
)

// An MQ is a POSIX message queue (mq_overview(7)). Its fields are guarded by
// Namespace.mu.
type MQ struct {
	ns       *Namespace
	id       uint64
	name     string // "" once unlinked
	uid, gid uint32
	mode     uint32 // permissions
	ctime    int64
	attr     linux.MqAttr
	msgs     []mqMessage // by falling priority, then by age
	bytes    int64
	opens    int // open descriptions
	waiting  int // tasks that wait to receive
	notify   *MQNotify
	// charged is what the queue takes of its maker's RLIMIT_MSGQUEUE.
	charged int64
	account *atomic.Int64
	changed wait.Queue
}

type mqMessage struct {
	prio uint32
	text []byte
}

// An MQNotify is told once that a message came to an empty queue (mq_notify(3)).
type MQNotify struct {
	TGID  int32
	Kind  int32 // SIGEV_*
	Signo int32
	// Tell is called by who sends the message; nil for SIGEV_NONE.
	Tell func(from Who)
}

// MQOpen says how mq_open(2) makes or finds a queue.
type MQOpen struct {
	Name  string
	Flags uint32
	Mode  uint32        // with the umask applied
	Attr  *linux.MqAttr // nil for the defaults
	// Account counts the bytes of the user's queues, of which Limit may be.
	Account *atomic.Int64
	Limit   uint64
}

// MQName checks the name of a queue, without its slash.
func MQName(name string) error {
	switch {
	case name == "":
		return linux.ENOENT
	case len(name) > linux.NAME_MAX:
		return linux.ENAMETOOLONG
	case name == "." || name == ".." || strings.Contains(name, "/"):
		return linux.EACCES
	}
	return nil
}

// OpenMQ is mq_open(2). The caller closes the queue.
func (ns *Namespace) OpenMQ(w Who, o *MQOpen) (*MQ, error) {
	if err := MQName(o.Name); err != nil {
		return nil, err
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if q := ns.mqs[o.Name]; q != nil {
		if o.Flags&(linux.O_CREAT|linux.O_EXCL) == linux.O_CREAT|linux.O_EXCL {
			return nil, linux.EEXIST
		}
		want := [...]uint32{linux.O_RDONLY: 4, linux.O_WRONLY: 2, linux.O_RDWR: 6, linux.O_ACCMODE: 0}[o.Flags&linux.O_ACCMODE]
		if want == 0 {
			return nil, linux.EINVAL
		}
		if !q.allows(w.Creds, want) {
			return nil, linux.EACCES
		}
		q.opens++
		return q, nil
	}
	if o.Flags&linux.O_CREAT == 0 {
		return nil, linux.ENOENT
	}
	q, err := ns.newMQ(w, o)
	if err == nil {
		q.opens = 1
	}
	return q, err
}

// newMQ makes a queue (mqueue_create_attr).
func (ns *Namespace) newMQ(w Who, o *MQOpen) (*MQ, error) {
	privileged := w.Creds.Has(auth.CapSysResource)
	if len(ns.mqs) >= int(ns.limits.MQQueues) && !privileged {
		return nil, linux.ENOSPC
	}
	most, size := int64(ns.limits.MQMessages), int64(ns.limits.MQSize)
	a := linux.MqAttr{Maxmsg: min(int64(ns.limits.MQDefaultMessages), most), Msgsize: min(int64(ns.limits.MQDefaultSize), size)}
	if o.Attr != nil {
		a.Maxmsg, a.Msgsize = o.Attr.Maxmsg, o.Attr.Msgsize
	}
	if privileged {
		most, size = mqHardMessages, mqHardSize
	}
	if a.Maxmsg <= 0 || a.Msgsize <= 0 || a.Maxmsg > most || a.Msgsize > size {
		return nil, linux.EINVAL
	}
	n := a.Maxmsg * (a.Msgsize + mqOverhead) // at most 2^40
	if o.Account != nil && uint64(o.Account.Add(n)) > o.Limit {
		o.Account.Add(-n)
		return nil, linux.EMFILE
	}
	ns.mqID++
	q := &MQ{
		ns: ns, id: ns.mqID, name: o.Name, uid: w.Creds.FSUID, gid: w.Creds.FSGID, mode: o.Mode & 0o777,
		ctime: now(), attr: a, charged: n, account: o.Account,
	}
	if ns.mqs == nil {
		ns.mqs = map[string]*MQ{}
	}
	ns.mqs[o.Name] = q
	return q, nil
}

// FindMQ returns the queue called name, not opened; nil if there is none.
func (ns *Namespace) FindMQ(name string) *MQ {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.mqs[name]
}

// MQList returns all queues that have a name, oldest first.
func (ns *Namespace) MQList() []*MQ {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	list := make([]*MQ, 0, len(ns.mqs))
	for _, q := range ns.mqs {
		list = append(list, q)
	}
	slices.SortFunc(list, func(a, b *MQ) int { return cmp.Compare(a.id, b.id) })
	return list
}

// UnlinkMQ is mq_unlink(2): who has the queue open keeps it.
func (ns *Namespace) UnlinkMQ(w Who, name string) error {
	if err := MQName(name); err != nil {
		return err
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	q := ns.mqs[name]
	if q == nil {
		return linux.ENOENT
	}
	// The directory is sticky.
	if w.Creds.FSUID != q.uid && !w.Creds.Has(auth.CapFowner) {
		return linux.EPERM
	}
	delete(ns.mqs, name)
	q.name = ""
	q.endLocked()
	return nil
}

// Open counts an open description more.
func (q *MQ) Open() {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	q.opens++
}

// Close is the end of an open description.
func (q *MQ) Close() {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	q.opens--
	q.endLocked()
}

// endLocked gives back what a queue took that has neither a name nor is open.
func (q *MQ) endLocked() {
	if q.name == "" && q.opens == 0 && q.account != nil {
		q.account.Add(-q.charged)
		q.account, q.msgs, q.notify = nil, nil, nil
	}
}

// allows is inode_permission for a mask of r, w and x.
func (q *MQ) allows(c *auth.Creds, want uint32) bool {
	granted := q.mode
	switch {
	case c.FSUID == q.uid:
		granted >>= 6
	case c.FSGID == q.gid || slices.Contains(c.Groups, q.gid):
		granted >>= 3
	}
	return want&^granted == 0 || c.Has(auth.CapDacOverride)
}

// Changed is told when Send or Receive may succeed.
func (q *MQ) Changed() *wait.Queue { return &q.changed }

// Send is mq_send(3): EAGAIN if the queue is full. text becomes the queue's.
func (q *MQ) Send(from Who, text []byte, prio uint32) error {
	n, err := q.insert(text, prio)
	if n != nil && n.Tell != nil {
		n.Tell(from)
	}
	return err
}

// insert is Send, and returns who is to be told.
func (q *MQ) insert(text []byte, prio uint32) (tell *MQNotify, err error) {
	if prio >= linux.MQ_PRIO_MAX {
		return nil, linux.EINVAL
	}
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	if int64(len(text)) > q.attr.Msgsize {
		return nil, linux.EMSGSIZE
	}
	if int64(len(q.msgs)) >= q.attr.Maxmsg {
		return nil, linux.EAGAIN
	}
	i := len(q.msgs)
	for i > 0 && q.msgs[i-1].prio < prio {
		i--
	}
	q.msgs = slices.Insert(q.msgs, i, mqMessage{prio, text})
	q.bytes += int64(len(text))
	if len(q.msgs) == 1 && q.waiting == 0 && q.notify != nil {
		tell, q.notify = q.notify, nil
	}
	q.changed.Notify(wait.In | wait.RdNorm)
	return tell, nil
}

// Receive is mq_receive(3) into room for size bytes: EAGAIN if there is nothing.
func (q *MQ) Receive(size uint64) (text []byte, prio uint32, err error) {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	if size < uint64(q.attr.Msgsize) {
		return nil, 0, linux.EMSGSIZE
	}
	if len(q.msgs) == 0 {
		return nil, 0, linux.EAGAIN
	}
	m := q.msgs[0]
	q.msgs = slices.Delete(q.msgs, 0, 1)
	q.bytes -= int64(len(m.text))
	q.changed.Notify(wait.Out | wait.WrNorm)
	return m.text, m.prio, nil
}

// Waits counts tasks that wait in Receive: d is 1 or -1. A message for one of them
// is no news.
func (q *MQ) Waits(d int) {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	q.waiting += d
}

// Notify is mq_notify(3): EBUSY if somebody is registered. nil takes back what the
// process tgid registered.
func (q *MQ) Notify(tgid int32, n *MQNotify) error {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	switch {
	case n == nil:
		if q.notify != nil && q.notify.TGID == tgid {
			q.notify = nil
		}
	case q.notify != nil:
		return linux.EBUSY
	default:
		q.notify = n
	}
	return nil
}

// Attr returns the queue's attributes; the flags are an open description's.
func (q *MQ) Attr() linux.MqAttr {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	a := q.attr
	a.Curmsgs = int64(len(q.msgs))
	return a
}

// An MQStat is what the file system shows of a queue.
type MQStat struct {
	ID       uint64
	Name     string // "" once unlinked
	UID, GID uint32
	Mode     uint32
	Ctime    int64
	Bytes    int64
	Notify   *MQNotify // nil for none
	Messages int
	Room     bool // another message fits
}

// Stat returns it.
func (q *MQ) Stat() MQStat {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	return MQStat{q.id, q.name, q.uid, q.gid, q.mode, q.ctime, q.bytes, q.notify, len(q.msgs), int64(len(q.msgs)) < q.attr.Maxmsg}
}

// Chmod and Chown change who may open the queue.
func (q *MQ) Chmod(mode uint32) {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	q.mode = mode & 0o777
}

// Chown is Chmod for the owner.
func (q *MQ) Chown(uid, gid uint32) {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	q.uid, q.gid = uid, gid
}
