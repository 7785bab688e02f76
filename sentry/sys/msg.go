package sys

import (
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// msgQueues is the calls of System V message queues.
var msgQueues = family{
	sysno.Msgget: call2(msgget),
	sysno.Msgsnd: call4(msgsnd),
	sysno.Msgrcv: call5(msgrcv).except("MSG_COPY is ENOSYS"),
	sysno.Msgctl: call3(msgctl),
}

// msgget is msgget(2).
func msgget(t *kernel.Task, key Int, flags Flags) (uintptr, error) {
	id, err := t.IPC().Msgget(t.IPCWho(), int32(key), uint32(flags))
	return uintptr(id), err
}

// waitMsg calls try until it returns anything but EAGAIN, unless flags hold
// IPC_NOWAIT. It is never restarted (signal(7)).
func waitMsg(t *kernel.Task, q *wait.Queue, m wait.Mask, flags Flags, try func() error) error {
	e := t.NewWaiter(m)
	q.Register(e)
	defer q.Unregister(e)
	for {
		if err := try(); err != linux.EAGAIN || flags&linux.IPC_NOWAIT != 0 {
			return err
		}
		if t.Block(kernel.Forever) != nil {
			return linux.EINTR
		}
	}
}

// msgsnd is msgsnd(2).
func msgsnd(t *kernel.Task, id Int, msg Addr, size Size, flags Flags) (uintptr, error) {
	var kind int64
	if err := copyIn(t, msg, &kind); err != nil {
		return 0, err
	}
	if size > Size(t.IPC().Limits().MsgMax) || id < 0 || kind < 1 {
		return 0, linux.EINVAL
	}
	text := make([]byte, size)
	if _, err := t.Mem().CopyIn(msg.Guest()+8, text); err != nil {
		return 0, err
	}
	w := t.IPCWho()
	q, err := t.IPC().MsgQueue(w, int32(id), 0o222)
	if err != nil {
		return 0, err
	}
	return 0, waitMsg(t, q.Changed(), wait.Out, flags, func() error { return q.Send(w, kind, text) })
}

// msgrcv is msgrcv(2).
func msgrcv(t *kernel.Task, id Int, msg Addr, size Size, kind Long, flags Flags) (uintptr, error) {
	if id < 0 || size > math.MaxInt64 {
		return 0, linux.EINVAL
	}
	if flags&linux.MSG_COPY != 0 {
		return 0, linux.ENOSYS // as without CONFIG_CHECKPOINT_RESTORE
	}
	w := t.IPCWho()
	q, err := t.IPC().MsgQueue(w, int32(id), 0o444)
	if err != nil {
		return 0, err
	}
	var got int64
	var text []byte
	err = waitMsg(t, q.Changed(), wait.In, flags, func() (err error) {
		got, text, err = q.Receive(w, int64(kind), uint64(size), uint32(flags))
		return err
	})
	if err == linux.EAGAIN {
		err = linux.ENOMSG
	}
	if err != nil {
		return 0, err
	}
	if err := copyOut(t, msg, &got); err != nil {
		return 0, err
	}
	n, err := t.Mem().CopyOut(msg.Guest()+guest.Addr(8), text)
	return uintptr(n), err
}

// msgctl is msgctl(2).
func msgctl(t *kernel.Task, id, cmd Int, to Addr) (uintptr, error) {
	if id < 0 || cmd < 0 {
		return 0, linux.EINVAL
	}
	ns, w := t.IPC(), t.IPCWho()
	switch cmd {
	case linux.IPC_INFO, linux.MSG_INFO:
		l := ns.Limits()
		mnb := int32(l.MsgMNB)
		i := linux.Msginfo{
			Max: int32(l.MsgMax), MNB: mnb, MNI: int32(l.MsgMNI),
			Pool: int32(l.MsgMNI * l.MsgMNB / 1024), Map: mnb, SSZ: 16, TQL: mnb, Seg: 0xffff,
		}
		queues, msgs, bytes, highest := ns.MsgInfo()
		if cmd == linux.MSG_INFO {
			i.Pool, i.Map, i.TQL = queues, msgs, bytes
		}
		return highest, copyOut(t, to, &i)
	case linux.IPC_STAT, linux.MSG_STAT, linux.MSG_STAT_ANY:
		d, id, err := ns.MsgStat(w, int32(id), int(cmd))
		if err != nil {
			return 0, err
		}
		if cmd == linux.IPC_STAT {
			id = 0
		}
		return uintptr(id), copyOut(t, to, &d)
	case linux.IPC_SET:
		var d linux.MsqidDS
		if err := copyIn(t, to, &d); err != nil {
			return 0, err
		}
		return 0, ns.MsgSet(w, int32(id), &d)
	case linux.IPC_RMID:
		return 0, ns.MsgRemove(w, int32(id))
	}
	return 0, linux.EINVAL
}
