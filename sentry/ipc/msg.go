package ipc

import (
	"slices"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/memfile"
)

// A Queue is a message queue. Its fields are guarded by Namespace.mu.
type Queue struct {
	perm
	ns           *Namespace
	msgs         []message // oldest first
	bytes        uint64
	most         uint64 // msg_qbytes
	stime, rtime int64
	lspid, lrpid int32
	// changed is told when a message came or went, or the queue itself.
	changed wait.Queue
}

type message struct {
	kind int64
	text []byte
	// memory is the sender's, which is charged.
	memory *memfile.Account
}

// messageCost is what a message takes beside its text, in bytes (struct msg_msg).
const messageCost = 48

// charge counts the message, or, with -1, no more.
func (m *message) charge(sign int64) {
	m.memory.Heap.Add(sign * int64(len(m.text)+messageCost))
}

// Msgget is msgget(2).
func (ns *Namespace) Msgget(w Who, key int32, flags uint32) (int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.msgs.get(w, key, flags, int(ns.limits.MsgMNI),
		func(*Queue) error { return nil },
		func() (*Queue, error) { return &Queue{ns: ns, most: ns.limits.MsgMNB}, nil })
}

// MsgQueue returns the queue id, for mode (S_I*).
func (ns *Namespace) MsgQueue(w Who, id int32, mode uint32) (*Queue, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	q, err := ns.msgs.find(id)
	if err != nil {
		return nil, err
	}
	if !q.allows(w, mode) {
		return nil, linux.EACCES
	}
	return q, nil
}

// Changed is told when Send or Receive may succeed.
func (q *Queue) Changed() *wait.Queue { return &q.changed }

// Send is msgsnd(2): EAGAIN if the queue is full. text becomes the queue's.
func (q *Queue) Send(w Who, kind int64, text []byte) error {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	if q.removed {
		return linux.EIDRM
	}
	if q.bytes+uint64(len(text)) > q.most || uint64(len(q.msgs)) >= q.most {
		return linux.EAGAIN
	}
	m := message{kind, text, w.Memory}
	m.charge(1)
	q.msgs = append(q.msgs, m)
	q.bytes += uint64(len(text))
	q.stime, q.lspid = now(), w.PID
	q.changed.Notify(wait.In)
	return nil
}

// Receive is msgrcv(2): the first message that kind asks for, EAGAIN if there
// is none. E2BIG: it has more than size bytes and flags do not allow to cut it.
func (q *Queue) Receive(w Who, kind int64, size uint64, flags uint32) (int64, []byte, error) {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	if q.removed {
		return 0, nil, linux.EIDRM
	}
	i := q.search(kind, flags)
	if i < 0 {
		return 0, nil, linux.EAGAIN
	}
	m := q.msgs[i]
	if uint64(len(m.text)) > size && flags&linux.MSG_NOERROR == 0 {
		return 0, nil, linux.E2BIG
	}
	m.charge(-1)
	q.msgs = slices.Delete(q.msgs, i, i+1)
	q.bytes -= uint64(len(m.text))
	q.rtime, q.lrpid = now(), w.PID
	q.changed.Notify(wait.Out)
	return m.kind, m.text[:min(uint64(len(m.text)), size)], nil
}

// search returns the index of the message to receive, -1 if there is none.
func (q *Queue) search(kind int64, flags uint32) int {
	switch {
	case kind == 0:
		return min(len(q.msgs), 1) - 1
	case kind > 0:
		except := flags&linux.MSG_EXCEPT != 0
		return slices.IndexFunc(q.msgs, func(m message) bool { return m.kind == kind != except })
	}
	// The lowest kind up to -kind.
	best := -1
	for i, m := range q.msgs {
		// -kind may overflow: compare the negatives.
		if -m.kind >= kind && (best < 0 || m.kind < q.msgs[best].kind) {
			best = i
		}
	}
	return best
}

// MsgStat is IPC_STAT, or MSG_STAT and MSG_STAT_ANY, which name an index and
// get the id.
func (ns *Namespace) MsgStat(w Who, id int32, cmd int) (linux.MsqidDS, int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	find := ns.msgs.find
	if cmd != linux.IPC_STAT {
		find = ns.msgs.at
	}
	q, err := find(id)
	if err != nil {
		return linux.MsqidDS{}, 0, err
	}
	if cmd != linux.MSG_STAT_ANY && !q.allows(w, 0o444) {
		return linux.MsqidDS{}, 0, linux.EACCES
	}
	return linux.MsqidDS{
		Perm: q.show(), Stime: q.stime, Rtime: q.rtime, Ctime: q.ctime,
		Cbytes: q.bytes, Qnum: uint64(len(q.msgs)), Qbytes: q.most, LSPID: q.lspid, LRPID: q.lrpid,
	}, q.id, nil
}

// MsgSet is IPC_SET.
func (ns *Namespace) MsgSet(w Who, id int32, to *linux.MsqidDS) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	q, err := ns.msgs.find(id)
	if err != nil {
		return err
	}
	if err := q.set(w, &to.Perm); err != nil {
		return err
	}
	// More would be memory of the Sentry without a limit.
	q.most = min(to.Qbytes, ns.limits.MsgMNB)
	q.changed.Notify(wait.Out)
	return nil
}

// MsgRemove is IPC_RMID: who waits gets EIDRM.
func (ns *Namespace) MsgRemove(w Who, id int32) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	q, err := ns.msgs.find(id)
	if err != nil {
		return err
	}
	if !q.owned(w) {
		return linux.EPERM
	}
	for i := range q.msgs {
		q.msgs[i].charge(-1)
	}
	q.removed, q.msgs = true, nil
	ns.msgs.remove(q)
	q.changed.Notify(wait.In | wait.Out)
	return nil
}

// MsgInfo is MSG_INFO's queues, messages and bytes, and the highest index.
func (ns *Namespace) MsgInfo() (queues, msgs, bytes int32, highest uintptr) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	for _, q := range ns.msgs.slots {
		if q != nil {
			msgs += int32(len(q.msgs))
			bytes += int32(q.bytes)
		}
	}
	return int32(ns.msgs.count), msgs, bytes, ns.msgs.highest()
}
