package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/fs/mqueue"
	"glovebox/sentry/ipc"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// posixQueues is the calls of POSIX message queues.
var posixQueues = family{
	sysno.MqOpen:         call4(mqOpen),
	sysno.MqUnlink:       call1(mqUnlink),
	sysno.MqTimedsend:    call5(mqTimedsend),
	sysno.MqTimedreceive: call5(mqTimedreceive),
	sysno.MqNotify:       call2(mqNotify).except("SIGEV_THREAD is EINVAL"),
	sysno.MqGetsetattr:   call3(mqGetsetattr),
}

// mqName reads the name of a queue, which the C library passes without its slash.
func mqName(t *kernel.Task, a Path) (string, error) {
	s, err := copyInString(t.Mem(), a.Guest(), linux.NAME_MAX+2)
	if err != nil {
		return "", err
	}
	return s, ipc.MQName(s)
}

// mqOpen is mq_open(2).
func mqOpen(t *kernel.Task, name Path, flags Flags, mode Mode, attr Addr) (uintptr, error) {
	s, err := mqName(t, name)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	o := ipc.MQOpen{
		Name: s, Flags: uint32(flags), Mode: uint32(mode) &^ c.Umask,
		Account: t.User().MQBytes(), Limit: t.Group().Limits().Cur(linux.RLIMIT_MSGQUEUE),
	}
	if flags&linux.O_CREAT != 0 && attr != 0 {
		o.Attr = new(linux.MqAttr)
		if err := copyIn(t, attr, o.Attr); err != nil {
			return 0, err
		}
	}
	q, err := t.IPC().OpenMQ(t.IPCWho(), &o)
	if err != nil {
		return 0, err
	}
	f := vfs.NewAnonFile("/"+s, mqueue.Open(q), uint32(flags)&(linux.O_ACCMODE|linux.O_NONBLOCK))
	return addFile(t, f, vfs.CloseOnExec)
}

// mqUnlink is mq_unlink(2).
func mqUnlink(t *kernel.Task, name Path) (uintptr, error) {
	s, err := mqName(t, name)
	if err != nil {
		return 0, err
	}
	return 0, t.IPC().UnlinkMQ(t.IPCWho(), s)
}

// mqFile is a descriptor of a queue, open for mode (O_RDONLY, O_WRONLY).
func mqFile(t *kernel.Task, fd FD, mode uint32) (*vfs.File, *mqueue.File, error) {
	f, err := getFileFor(t, fd, mode)
	if err != nil {
		return nil, nil, err
	}
	m, ok := f.Ops().(*mqueue.File)
	if !ok {
		f.Dec()
		return nil, nil, linux.EBADF
	}
	return f, m, nil
}

// waitMQ calls try until it returns anything but EAGAIN: ETIMEDOUT at the deadline.
// It is restarted, as the deadline is absolute (wq_sleep).
func waitMQ(t *kernel.Task, f *vfs.File, q *ipc.MQ, m wait.Mask, deadline int64, try func() error) error {
	err := try()
	if err != linux.EAGAIN || f.Flags()&linux.O_NONBLOCK != 0 {
		return err
	}
	e := t.NewWaiter(m)
	q.Changed().Register(e)
	defer q.Changed().Unregister(e)
	for {
		if err := try(); err != linux.EAGAIN {
			return err
		}
		if err := t.Block(deadline); err != nil {
			return err
		}
	}
}

// mqTimedsend is mq_timedsend(2).
func mqTimedsend(t *kernel.Task, fd FD, msg Addr, size Size, prio Uint, timeout Addr) (uintptr, error) {
	deadline, err := mqDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	if prio >= linux.MQ_PRIO_MAX {
		return 0, linux.EINVAL
	}
	f, m, err := mqFile(t, fd, linux.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	q := m.MQ()
	if uint64(size) > uint64(q.Attr().Msgsize) {
		return 0, linux.EMSGSIZE
	}
	text := make([]byte, size)
	if _, err := t.Mem().CopyIn(msg.Guest(), text); err != nil {
		return 0, err
	}
	return 0, waitMQ(t, f, q, wait.Out, deadline, func() error { return q.Send(t.IPCWho(), text, uint32(prio)) })
}

// mqTimedreceive is mq_timedreceive(2).
func mqTimedreceive(t *kernel.Task, fd FD, to Addr, size Size, prio, timeout Addr) (uintptr, error) {
	deadline, err := mqDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	f, m, err := mqFile(t, fd, linux.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	var text []byte
	var p uint32
	q := m.MQ()
	q.Waits(1)
	err = waitMQ(t, f, q, wait.In, deadline, func() (err error) {
		text, p, err = q.Receive(uint64(size))
		return err
	})
	q.Waits(-1)
	if err != nil {
		return 0, err
	}
	if _, err := t.Mem().CopyOut(to.Guest(), text); err != nil {
		return 0, err
	}
	if prio != 0 {
		if err := copyOut(t, prio, &p); err != nil {
			return 0, err
		}
	}
	return uintptr(len(text)), nil
}

// mqDeadline reads a time of CLOCK_REALTIME; 0 is none.
func mqDeadline(t *kernel.Task, timeout Addr) (int64, error) {
	if timeout == 0 {
		return kernel.Forever, nil
	}
	return copyInTimeout(t, timeout, absoluteRealtime)
}

// mqNotify is mq_notify(2).
func mqNotify(t *kernel.Task, fd FD, event Addr) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	m, ok := f.Ops().(*mqueue.File)
	if !ok {
		return 0, linux.EBADF
	}
	tgid := t.Group().ID()
	if event == 0 {
		return 0, m.Notify(tgid, nil)
	}
	var ev linux.Sigevent
	if err := copyIn(t, event, &ev); err != nil {
		return 0, err
	}
	n := &ipc.MQNotify{TGID: tgid, Kind: ev.Notify}
	switch {
	case ev.Notify == linux.SIGEV_NONE:
	case ev.Notify == linux.SIGEV_SIGNAL && ev.Signo >= 0 && ev.Signo <= linux.NSIG:
		n.Signo = ev.Signo
		if ev.Signo != 0 {
			group := t.Group()
			n.Tell = func(from ipc.Who) {
				// One that cannot be queued is lost (do_send_sig_info).
				_ = group.Signal(kernel.MessageInfo(int(ev.Signo), from.PID, from.Creds.UID, ev.Value))
			}
		}
	default:
		return 0, linux.EINVAL
	}
	return 0, m.Notify(tgid, n)
}

// mqGetsetattr is mq_getsetattr(2): only O_NONBLOCK can be set.
func mqGetsetattr(t *kernel.Task, fd FD, set, old Addr) (uintptr, error) {
	var to linux.MqAttr
	if set != 0 {
		if err := copyIn(t, set, &to); err != nil {
			return 0, err
		}
		if to.Flags&^linux.O_NONBLOCK != 0 {
			return 0, linux.EINVAL
		}
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	m, ok := f.Ops().(*mqueue.File)
	if !ok {
		return 0, linux.EBADF
	}
	a := m.MQ().Attr()
	a.Flags = int64(f.Flags() & linux.O_NONBLOCK)
	if set != 0 {
		f.SetFlags(f.Flags()&^linux.O_NONBLOCK | uint32(to.Flags))
	}
	if old == 0 {
		return 0, nil
	}
	return 0, copyOut(t, old, &a)
}
