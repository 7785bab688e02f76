package sys

import (
	"encoding/binary"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// sockets is the calls of socket(7) but for those that move data.
var sockets = family{
	sysno.Socket:      call3(makeSocket).except("no SCTP, UDP-Lite, MPTCP; raw sockets of ICMP, TCP, UDP and IPPROTO_RAW only"),
	sysno.Socketpair:  call4(socketpair),
	sysno.Bind:        call3(bind),
	sysno.Listen:      call2(listen),
	sysno.Accept:      call3(accept),
	sysno.Accept4:     call4(accept4),
	sysno.Connect:     call3(connect),
	sysno.Shutdown:    call2(shutdown),
	sysno.Getsockname: call3(getsockname),
	sysno.Getpeername: call3(getpeername),
	sysno.Getsockopt:  call5(getsockopt),
	sysno.Setsockopt:  call5(setsockopt).except("socket filters of packet and netlink sockets only, no TCP_FASTOPEN, TCP_ULP, TCP_REPAIR; close(2) does not wait for SO_LINGER"),
}

// familyOf returns what makes sockets of a domain, and takes apart a type with
// flags in it.
func familyOf(t *kernel.Task, domain, typ Int) (f socket.Family, kind int, flags uint32, err error) {
	flags = uint32(typ) &^ linux.SOCK_TYPE_MASK
	kind = int(typ) & linux.SOCK_TYPE_MASK
	if flags&^(linux.SOCK_CLOEXEC|linux.SOCK_NONBLOCK) != 0 {
		return nil, 0, 0, linux.EINVAL
	}
	if domain < 0 || domain >= linux.AF_MAX {
		return nil, 0, 0, linux.EAFNOSUPPORT
	}
	if kind >= linux.SOCK_MAX {
		return nil, 0, 0, linux.EINVAL
	}
	f, ok := t.Files().Net.Families()[int(domain)]
	if !ok {
		return nil, 0, 0, linux.EAFNOSUPPORT
	}
	return f, kind, flags, nil
}

// socketFile returns the open file of a new socket.
func socketFile(s socket.Socket, flags uint32) *vfs.File {
	name := "socket:[" + strconv.FormatUint(s.Common().ID, 10) + "]"
	return vfs.NewAnonFile(name, s, linux.O_RDWR|flags&linux.O_NONBLOCK)
}

// makeSocket is socket(2).
func makeSocket(t *kernel.Task, domain, typ, protocol Int) (uintptr, error) {
	f, kind, flags, err := familyOf(t, domain, typ)
	if err != nil {
		return 0, err
	}
	s, err := f.Socket(ioCtx(t), kind, int(protocol))
	if err != nil {
		return 0, err
	}
	return addFile(t, socketFile(s, flags), cloexec(flags))
}

// socketpair is socketpair(2).
func socketpair(t *kernel.Task, domain, typ, protocol Int, to Addr) (uintptr, error) {
	f, kind, flags, err := familyOf(t, domain, typ)
	if err != nil {
		return 0, err
	}
	a, b, err := f.Pair(ioCtx(t), kind, int(protocol))
	if err != nil {
		return 0, err
	}
	return 0, addPair(t, to, cloexec(flags), socketFile(a, flags), socketFile(b, flags))
}

// getSocket returns the socket at fd, and its file with a reference.
func getSocket(t *kernel.Task, fd FD) (socket.Socket, *vfs.File, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return nil, nil, err
	}
	s, ok := f.Ops().(socket.Socket)
	if !ok {
		f.Dec()
		return nil, nil, linux.ENOTSOCK
	}
	return s, f, nil
}

// copyInAddress reads a struct sockaddr (move_addr_to_kernel).
func copyInAddress(t *kernel.Task, a Addr, n Int) ([]byte, error) {
	if n < 0 || n > linux.SizeOfSockaddrStorage {
		return nil, linux.EINVAL
	}
	b := make([]byte, n)
	return b, copyInSlice(t, a, b)
}

// copyOutAddress stores as much of an address as the guest has room for, and
// its full length (move_addr_to_user).
func copyOutAddress(t *kernel.Task, raw []byte, to, size Addr) error {
	var n int32
	if err := copyIn(t, size, &n); err != nil {
		return err
	}
	if n < 0 {
		return linux.EINVAL
	}
	if err := copyOutSlice(t, to, raw[:min(len(raw), int(n))]); err != nil {
		return err
	}
	n = int32(len(raw))
	return copyOut(t, size, &n)
}

// bind is bind(2).
func bind(t *kernel.Task, fd FD, a Addr, n Int) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	raw, err := copyInAddress(t, a, n)
	if err != nil {
		return 0, err
	}
	return 0, s.Bind(vfsCtx(t), raw)
}

// listen is listen(2).
func listen(t *kernel.Task, fd FD, backlog Int) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	n := int(backlog)
	if n < 0 || n > linux.SOMAXCONN {
		n = linux.SOMAXCONN
	}
	return 0, s.Listen(ioCtx(t), n)
}

// accept is accept(2).
func accept(t *kernel.Task, fd FD, to, size Addr) (uintptr, error) {
	return accept4(t, fd, to, size, 0)
}

// accept4 is accept4(2).
func accept4(t *kernel.Task, fd FD, to, size Addr, flags Flags) (uintptr, error) {
	if flags&^(linux.SOCK_CLOEXEC|linux.SOCK_NONBLOCK) != 0 {
		return 0, linux.EINVAL
	}
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	c := ioCtx(t)
	n, err := s.Accept(c)
	if err == linux.EAGAIN && f.Flags()&linux.O_NONBLOCK == 0 {
		_, err = blockUntil(t, s.Queue(), readEvents, recvDeadline(f), func() (int64, error) {
			n, err = s.Accept(c)
			return 0, err
		})
	}
	if err != nil {
		return 0, err
	}
	file := socketFile(n, uint32(flags))
	if to != 0 {
		raw, err := callerOf(n)
		if err != nil {
			err = linux.ECONNABORTED
		} else {
			err = copyOutAddress(t, raw, to, size)
		}
		if err != nil {
			file.Dec()
			return 0, err
		}
	}
	return addFile(t, file, cloexec(uint32(flags)))
}

// callerOf is the address of who connected to a listener.
func callerOf(n socket.Socket) ([]byte, error) {
	if a, ok := n.(socket.Accepted); ok {
		return a.From(), nil
	}
	return n.Peer()
}

// connect is connect(2).
func connect(t *kernel.Task, fd FD, a Addr, n Int) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	raw, err := copyInAddress(t, a, n)
	if err != nil {
		return 0, err
	}
	c := vfsCtx(t)
	var q *wait.Queue
	try := func() (int64, error) {
		var err error
		q, err = s.Connect(c, raw)
		return 0, err
	}
	_, err = try()
	if f.Flags()&linux.O_NONBLOCK != 0 {
		return 0, err
	}
	switch err {
	case linux.EAGAIN:
		return blockMoving(t, &q, writeEvents, sendDeadline(f), try)
	case linux.EINPROGRESS, linux.EALREADY:
		if e := waitConnected(t, c, s, f, raw); e != linux.EAGAIN {
			return 0, e
		}
		return 0, err // the time is up
	}
	return 0, err
}

// waitConnected waits until a connection that is under way is made or not, which it is
// asked for again: EAGAIN after SO_SNDTIMEO.
func waitConnected(t *kernel.Task, c *vfs.Ctx, s socket.Socket, f *vfs.File, raw []byte) error {
	const settled = wait.Out | wait.Err | wait.Hup
	_, err := blockUntil(t, s.Queue(), settled, sendDeadline(f), func() (int64, error) {
		if s.Ready()&settled == 0 {
			return 0, linux.EAGAIN
		}
		if _, err := s.Connect(c, raw); err != linux.EALREADY {
			return 0, err
		}
		return 0, linux.EAGAIN
	})
	return err
}

// blockMoving is blockUntil where try changes which queue tells of readiness.
func blockMoving(t *kernel.Task, q **wait.Queue, m wait.Mask, deadline int64, try func() (int64, error)) (uintptr, error) {
	for {
		was := *q
		n, err := t.WaitReady(was, m, deadline, func() (int64, error) {
			n, err := try()
			if err == linux.EAGAIN && *q != was {
				return n, errMoved
			}
			return n, err
		})
		if err != errMoved {
			return uintptr(n), err
		}
	}
}

// errMoved says that another queue is to be waited on.
const errMoved = linux.ERESTARTNOINTR

// shutdown is shutdown(2).
func shutdown(t *kernel.Task, fd FD, how Int) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if how < linux.SHUT_RD || how > linux.SHUT_RDWR {
		return 0, linux.EINVAL
	}
	return 0, s.Shutdown(ioCtx(t), int(how))
}

// getsockname is getsockname(2).
func getsockname(t *kernel.Task, fd FD, to, size Addr) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	raw, err := s.Name()
	if err != nil {
		return 0, err
	}
	return 0, copyOutAddress(t, raw, to, size)
}

// getpeername is getpeername(2).
func getpeername(t *kernel.Task, fd FD, to, size Addr) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	raw, err := s.Peer()
	if err != nil {
		return 0, err
	}
	return 0, copyOutAddress(t, raw, to, size)
}

// getsockopt is getsockopt(2): a value is cut to what the guest has room for.
func getsockopt(t *kernel.Task, fd FD, level, name Int, to, size Addr) (uintptr, error) {
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	var n int32
	if err := copyIn(t, size, &n); err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, linux.EINVAL
	}
	var v []byte
	known := false
	if level == linux.SOL_SOCKET {
		v, known = s.Common().Option(int(name))
	}
	if q, ok := s.(socket.Questioned); ok && !known && q.Asks(int(level), int(name)) {
		known = true
		if n > maxOption {
			return 0, linux.EINVAL
		}
		asked := make([]byte, n)
		if err := copyInSlice(t, to, asked); err != nil {
			return 0, err
		}
		if v, err = q.Answer(ioCtx(t), int(level), int(name), asked); err != nil {
			return 0, err
		}
	}
	if !known {
		if v, err = s.Option(ioCtx(t), int(level), int(name)); err != nil {
			return 0, err
		}
	}
	v = v[:min(len(v), int(n))]
	if err := copyOutSlice(t, to, v); err != nil {
		return 0, err
	}
	n = int32(len(v))
	return 0, copyOut(t, size, &n)
}

// maxOption is how long an option's value can be.
const maxOption = 1 << 20

// setsockopt is setsockopt(2).
func setsockopt(t *kernel.Task, fd FD, level, name Int, from Addr, size Int) (uintptr, error) {
	if size < 0 || size > maxOption {
		return 0, linux.EINVAL
	}
	s, f, err := getSocket(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	v := make([]byte, size)
	if err := copyInSlice(t, from, v); err != nil {
		return 0, err
	}
	if level == linux.SOL_SOCKET && name == linux.SO_ATTACH_FILTER {
		if v, err = copyInFilter(t, v); err != nil {
			return 0, err
		}
	}
	if level == linux.SOL_SOCKET {
		if err, known := s.Common().SetOption(t.Creds(), int(name), v); known {
			if o, ok := s.(socket.Observer); ok && err == nil {
				o.Changed(int(name))
			}
			return 0, err
		}
	}
	return 0, s.SetOption(vfsCtx(t), int(level), int(name), v)
}

// copyInFilter returns the program that a struct sock_fprog points to.
func copyInFilter(t *kernel.Task, fprog []byte) ([]byte, error) {
	const size, insn, most = 16, 8, 4096 // BPF_MAXINSNS
	if len(fprog) < size {
		return nil, linux.EINVAL
	}
	n := int(binary.NativeEndian.Uint16(fprog))
	if n == 0 || n > most {
		return nil, linux.EINVAL
	}
	program := make([]byte, n*insn)
	return program, copyInSlice(t, Addr(binary.NativeEndian.Uint64(fprog[8:])), program)
}
