package sys

import (
	"encoding/binary"
	"math"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

const (
	sizeOfCmsgHdr = 16
	sizeOfUcred   = 12
	// maxControl bounds the ancillary data of a message
	// (net.core.optmem_max).
	maxControl = 20480
)

// cmsgAlign rounds up to where the next cmsghdr can lie.
func cmsgAlign(n int) int { return (n + 7) &^ 7 }

// copyInControl decodes the ancillary data of a message to s (scm_send). If it
// fails there is nothing to drop.
func copyInControl(t *kernel.Task, s socket.Socket, a Addr, n uint64, out *socket.Control) error {
	if n > maxControl {
		return linux.ENOBUFS
	}
	b := make([]byte, n)
	if err := copyInSlice(t, a, b); err != nil {
		return err
	}
	out.MaxInFlight = fdLimit(t)
	if c := t.Creds(); c.Has(auth.CapSysResource) || c.Has(auth.CapSysAdmin) {
		out.MaxInFlight = math.MaxUint64
	}
	for len(b) >= sizeOfCmsgHdr {
		size := binary.NativeEndian.Uint64(b)
		level := int32(binary.NativeEndian.Uint32(b[8:]))
		typ := int32(binary.NativeEndian.Uint32(b[12:]))
		if size < sizeOfCmsgHdr || size > uint64(len(b)) {
			dropFiles(out)
			return linux.EINVAL
		}
		data := b[sizeOfCmsgHdr:size]
		if err := addControl(t, s, level, typ, data, out); err != nil {
			dropFiles(out)
			return err
		}
		b = b[min(cmsgAlign(int(size)), len(b)):]
	}
	return nil
}

// addControl decodes one cmsg.
func addControl(t *kernel.Task, s socket.Socket, level, typ int32, data []byte, out *socket.Control) error {
	local := s.Common().Domain == linux.AF_UNIX || s.Common().Domain == linux.AF_NETLINK
	if !local || level != linux.SOL_SOCKET {
		out.Others = append(out.Others, socket.Cmsg{Level: level, Type: typ, Data: data})
		return nil
	}
	switch typ {
	case linux.SCM_RIGHTS:
		if s.Common().Domain != linux.AF_UNIX {
			return linux.EINVAL
		}
		return addRights(t, data, out)
	case linux.SCM_CREDENTIALS:
		if len(data) != sizeOfUcred {
			return linux.EINVAL
		}
		out.Creds = new(linux.Ucred)
		copy(linux.Bytes(out.Creds), data)
		return nil
	}
	return linux.EINVAL
}

// addRights turns descriptors into files.
func addRights(t *kernel.Task, data []byte, out *socket.Control) error {
	n := len(data) / 4
	if n > linux.SCM_MAX_FD || len(out.Files)+n > linux.SCM_MAX_FD {
		return linux.EINVAL
	}
	for ; n > 0; n-- {
		f, err := getAnyFile(t, FD(binary.NativeEndian.Uint32(data)))
		if err != nil {
			return err
		}
		out.Files = append(out.Files, f)
		data = data[4:]
	}
	return nil
}

// dropFiles drops the files in c that nobody took.
func dropFiles(c *socket.Control) {
	for _, f := range c.Files {
		f.Dec()
	}
	c.Files = nil
}

// controlOut stores ancillary data in the room that a guest has for it
// (put_cmsg, scm_detach_fds).
type controlOut struct {
	t     *kernel.Task
	at    Addr
	left  uint64
	used  uint64
	flags uint32 // MSG_CTRUNC if something did not fit
}

// put stores one cmsg, cut to the room there is. A fault loses it, as in Linux.
func (o *controlOut) put(level, typ int32, data []byte) bool {
	if o.at == 0 || o.left < sizeOfCmsgHdr {
		o.flags |= linux.MSG_CTRUNC
		return false
	}
	size := uint64(sizeOfCmsgHdr + len(data))
	if size > o.left {
		o.flags |= linux.MSG_CTRUNC
		size = o.left
	}
	b := make([]byte, 0, size)
	b = binary.NativeEndian.AppendUint64(b, size)
	b = binary.NativeEndian.AppendUint32(b, uint32(level))
	b = binary.NativeEndian.AppendUint32(b, uint32(typ))
	b = append(b, data[:size-sizeOfCmsgHdr]...)
	if copyOutSlice(o.t, o.at, b) != nil {
		return false
	}
	n := min(uint64(cmsgAlign(int(size))), o.left)
	o.at += Addr(n)
	o.left -= n
	o.used += n
	return true
}

// putAll stores everything in c, and drops the files that do not fit.
func (o *controlOut) putAll(c *socket.Control, flags uint32) {
	for i := range c.Others {
		o.put(c.Others[i].Level, c.Others[i].Type, c.Others[i].Data)
	}
	if c.Creds != nil {
		o.put(linux.SOL_SOCKET, linux.SCM_CREDENTIALS, linux.Bytes(c.Creds))
	}
	if len(c.Files) > 0 {
		o.putRights(c, flags)
	}
	dropFiles(c)
}

// putRights gives the task descriptors for as many files as it has room for.
func (o *controlOut) putRights(c *socket.Control, flags uint32) {
	room := 0
	if o.at != 0 && o.left > sizeOfCmsgHdr {
		room = int(min((o.left-sizeOfCmsgHdr)/4, linux.SCM_MAX_FD))
	}
	var fdFlags vfs.FDFlags
	if flags&linux.MSG_CMSG_CLOEXEC != 0 {
		fdFlags = vfs.CloseOnExec
	}
	table, limit := fdsOf(o.t), fdLimit(o.t)
	var fds []int32
	for len(fds) < room && len(c.Files) > 0 {
		fd, err := table.Add(c.Files[0], 0, fdFlags, limit)
		if err != nil {
			break
		}
		fds = append(fds, fd)
		c.Files = c.Files[1:]
	}
	if len(c.Files) > 0 {
		o.flags |= linux.MSG_CTRUNC
	}
	if len(fds) > 0 && !o.put(linux.SOL_SOCKET, linux.SCM_RIGHTS, linux.SliceBytes(fds)) {
		for _, fd := range fds {
			_ = table.Close(fd) // the guest never learnt of it
		}
	}
}
