package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// messages is the calls that move data through sockets.
var messages = family{
	sysno.Sendto:   call6(sendto),
	sysno.Recvfrom: call6(recvfrom),
	sysno.Sendmsg:  call3(sendmsg).except("TCP's urgent data is sent in line; IP_PKTINFO chooses the interface, not the source"),
	sysno.Recvmsg:  call3(recvmsg),
	sysno.Sendmmsg: call4(sendmmsg),
	sysno.Recvmmsg: call5(recvmmsg),
}

// sendto is sendto(2).
func sendto(t *kernel.Task, fd FD, a Addr, n Size, flags Flags, to Addr, toLen Int) (uintptr, error) {
	b, err := single(t, a, n)
	if err != nil {
		return 0, err
	}
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	m := &scratchOf(t).send
	*m = socket.Outgoing{Flags: uint32(flags)}
	if to != 0 {
		if m.To, err = copyInAddress(t, to, toLen); err != nil {
			return 0, err
		}
	}
	return send(t, s, f, b, m)
}

// send sends b, and waits until all of it is sent, unless it must not.
func send(t *kernel.Task, s socket.Socket, f *vfs.File, b *guest.Buf, m *socket.Outgoing) (uintptr, error) {
	c := vfsCtx(t)
	total := int64(0)
	var q *wait.Queue
	try := func() (int64, error) {
		m.Wait = nil
		n, err := s.Send(c, b, m)
		total += n
		if q = s.Queue(); m.Wait != nil {
			q = m.Wait
		}
		return n, err
	}
	_, err := try()
	if err == linux.EAGAIN && m.Flags&linux.MSG_DONTWAIT == 0 && f.Flags()&linux.O_NONBLOCK == 0 {
		_, err = blockMoving(t, &q, writeEvents, sendDeadline(f), try)
	}
	dropFiles(&m.Control)
	if total > 0 || err == nil {
		return uintptr(total), nil
	}
	if err == linux.EPIPE && s.Common().Type == linux.SOCK_STREAM && m.Flags&linux.MSG_NOSIGNAL == 0 {
		sendPipe(t)
	}
	return 0, err
}

// recvfrom is recvfrom(2).
func recvfrom(t *kernel.Task, fd FD, a Addr, n Size, flags Flags, from, fromLen Addr) (uintptr, error) {
	b, err := single(t, a, n)
	if err != nil {
		return 0, err
	}
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	m := &scratchOf(t).recv
	*m = socket.Incoming{Flags: uint32(flags)}
	got, err := recv(t, s, f, b, m)
	dropFiles(&m.Control)
	if err == nil && from != 0 {
		err = copyOutAddress(t, m.From, from, fromLen)
	}
	return got, err
}

// recv receives into b; with MSG_WAITALL a stream fills it.
func recv(t *kernel.Task, s socket.Socket, f *vfs.File, b *guest.Buf, m *socket.Incoming) (uintptr, error) {
	c := ioCtx(t)
	total := int64(0)
	all := m.Flags&(linux.MSG_WAITALL|linux.MSG_PEEK) == linux.MSG_WAITALL && s.Common().Type == linux.SOCK_STREAM
	try := func() (int64, error) {
		for {
			n, err := s.Recv(c, b, m)
			total += n
			switch {
			case err == linux.EAGAIN && total > 0 && !all:
				return total, nil
			case err != nil || n == 0 || !all || b.Len() == 0 || m.Control.Files != nil || m.AtMark:
				return n, err
			}
		}
	}
	_, err := try()
	if err == linux.EAGAIN && m.Flags&(linux.MSG_DONTWAIT|linux.MSG_ERRQUEUE) == 0 && f.Flags()&linux.O_NONBLOCK == 0 {
		_, err = blockUntil(t, s.Queue(), readEvents, recvDeadline(f), try)
	}
	switch {
	case total == 0 && err != nil:
		return 0, err
	case m.Flags&linux.MSG_TRUNC != 0 && m.Full > total:
		return uintptr(m.Full), nil
	}
	return uintptr(total), nil
}

// sendmsg is sendmsg(2).
func sendmsg(t *kernel.Task, fd FD, msg Addr, flags Flags) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	return sendOne(t, s, f, msg, uint32(flags))
}

// sendOne is ___sys_sendmsg.
func sendOne(t *kernel.Task, s socket.Socket, f *vfs.File, msg Addr, flags uint32) (uintptr, error) {
	h, b, err := copyInMsg(t, msg)
	if err != nil {
		return 0, err
	}
	m := &scratchOf(t).send
	*m = socket.Outgoing{Flags: flags}
	if h.Name != 0 && h.NameLen > 0 {
		if m.To, err = copyInAddress(t, Addr(h.Name), Int(h.NameLen)); err != nil {
			return 0, err
		}
	}
	if h.Control != 0 && h.ControlLen > 0 {
		if err := copyInControl(t, s, Addr(h.Control), h.ControlLen, &m.Control); err != nil {
			return 0, err
		}
	}
	return send(t, s, f, b, m)
}

// copyInMsg reads a struct msghdr and what its iovecs name. A name that is too
// long is cut (__copy_msghdr).
func copyInMsg(t *kernel.Task, msg Addr) (h linux.MsgHdr, b *guest.Buf, err error) {
	if err := copyIn(t, msg, &h); err != nil {
		return h, nil, err
	}
	if int32(h.NameLen) < 0 {
		return h, nil, linux.EINVAL
	}
	h.NameLen = min(h.NameLen, linux.SizeOfSockaddrStorage)
	if h.IovLen > linux.UIO_MAXIOV {
		return h, nil, linux.EMSGSIZE
	}
	b, err = vector(t, Addr(h.Iov), h.IovLen)
	return h, b, err
}

// recvmsg is recvmsg(2).
func recvmsg(t *kernel.Task, fd FD, msg Addr, flags Flags) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	return recvOne(t, s, f, msg, uint32(flags))
}

// Where fields of struct msghdr lie.
const (
	msgNameLen    = 8
	msgControlLen = 40
	msgFlags      = 48
)

// recvOne is ___sys_recvmsg.
func recvOne(t *kernel.Task, s socket.Socket, f *vfs.File, msg Addr, flags uint32) (uintptr, error) {
	h, b, err := copyInMsg(t, msg)
	if err != nil {
		return 0, err
	}
	m := &scratchOf(t).recv
	*m = socket.Incoming{Flags: flags}
	n, err := recv(t, s, f, b, m)
	if err != nil {
		dropFiles(&m.Control)
		return 0, err
	}
	if h.Name != 0 {
		if err := copyOutName(t, &h, m.From, msg+msgNameLen); err != nil {
			dropFiles(&m.Control)
			return 0, err
		}
	}
	o := controlOut{t: t, at: Addr(h.Control), left: h.ControlLen}
	o.putAll(&m.Control, flags)
	out := m.Out | o.flags | flags&linux.MSG_CMSG_CLOEXEC
	if err := copyOut(t, msg+msgFlags, &out); err != nil {
		return 0, err
	}
	return n, copyOut(t, msg+msgControlLen, &o.used)
}

// copyOutName stores the sender's address where the message says, and its
// length in the message.
func copyOutName(t *kernel.Task, h *linux.MsgHdr, from []byte, size Addr) error {
	if err := copyOutSlice(t, Addr(h.Name), from[:min(len(from), int(h.NameLen))]); err != nil {
		return err
	}
	n := uint32(len(from))
	return copyOut(t, size, &n)
}

const (
	sizeOfMMsgHdr = 64
	mmsgLen       = 56
)

// sendmmsg is sendmmsg(2): an error after the first message is not told.
func sendmmsg(t *kernel.Task, fd FD, msgs Addr, n Uint, flags Flags) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	return eachMsg(t, msgs, n, func(a Addr) (uintptr, error) { return sendOne(t, s, f, a, uint32(flags)) })
}

// eachMsg runs f on each of n struct mmsghdr and stores its result in it.
func eachMsg(t *kernel.Task, msgs Addr, n Uint, f func(Addr) (uintptr, error)) (uintptr, error) {
	n = min(n, linux.UIO_MAXIOV)
	for i := range uintptr(n) {
		a := msgs + Addr(i*sizeOfMMsgHdr)
		m, err := f(a)
		if err == nil {
			size := uint32(m)
			err = copyOut(t, a+mmsgLen, &size)
		}
		switch {
		case err != nil && i == 0:
			return 0, err
		case err != nil:
			return i, nil
		}
	}
	return uintptr(n), nil
}

// recvmmsg is recvmmsg(2). The time-out is looked at after each message only
// (BUGS there).
func recvmmsg(t *kernel.Task, fd FD, msgs Addr, n Uint, flags Flags, timeout Addr) (uintptr, error) {
	deadline, err := copyInDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	done, err := eachMsg(t, msgs, n, func(a Addr) (uintptr, error) {
		if flags&wasLate != 0 {
			return 0, linux.EAGAIN
		}
		n, err := recvOne(t, s, f, a, uint32(flags&^(linux.MSG_WAITFORONE|wasLate)))
		if flags&linux.MSG_WAITFORONE != 0 {
			flags |= linux.MSG_DONTWAIT
		}
		if deadline <= kernel.Now() {
			flags |= wasLate
		}
		return n, err
	})
	if err == nil && timeout != 0 {
		err = timespecLeft(t, timeout, max(deadline-kernel.Now(), 0))
	}
	return done, err
}

// wasLate among recvmmsg(2)'s flags says that the time is up.
const wasLate = linux.MSG_CMSG_COMPAT
