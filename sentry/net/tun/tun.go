// Package tun is /dev/net/tun (Documentation/networking/tuntap.rst): interfaces whose
// frames a program makes and reads.
package tun

import (
	"encoding/binary"
	"sync"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/net/stack"
	"glovebox/sentry/vfs"
)

// Device is the number of /dev/net/tun.
var Device = vfs.Device{Kind: linux.S_IFCHR, Major: 10, Minor: 200}

// ioctl(2) requests.
const (
	setIff      = 0x400454ca // TUNSETIFF
	setPersist  = 0x400454cb // TUNSETPERSIST
	setOwner    = 0x400454cc // TUNSETOWNER
	setGroup    = 0x400454ce // TUNSETGROUP
	getFeatures = 0x800454cf // TUNGETFEATURES
	setOffload  = 0x400454d0 // TUNSETOFFLOAD
	getIff      = 0x800454d2 // TUNGETIFF
	setNoCsum   = 0x400454c8 // TUNSETNOCSUM
)

// Flags of TUNSETIFF.
const (
	iffTun  = 0x1
	iffTap  = 0x2
	iffNoPI = 0x1000
	// iffOneQueue means nothing any more.
	iffOneQueue = 0x2000
	iffExcl     = 0x8000
	known       = iffTun | iffTap | iffNoPI | iffOneQueue
)

// sizeOfPI is struct tun_pi in front of each packet: flags and protocol.
const sizeOfPI = 4

// A file is what stands behind an open /dev/net/tun.
type file struct {
	vfs.NoFile
	queue wait.Queue

	mu    sync.Mutex
	p     *stack.Program // nil before TUNSETIFF; guarded by mu
	flags uint16         // guarded by mu
}

// network is a network namespace.
type network interface {
	Stack() (*stack.Stack, error)
}

// Open is open(2) of the device.
func Open(*vfs.Ctx, vfs.Path, uint32) (vfs.FileOps, error) { return &file{}, nil }

const (
	readable = wait.In | wait.RdNorm
	writable = wait.Out | wait.WrNorm
)

func (f *file) program() (*stack.Program, uint16) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.p, f.flags
}

// Ready implements vfs.FileOps (tun_chr_poll).
func (f *file) Ready() wait.Mask {
	p, _ := f.program()
	if p == nil {
		return wait.Err
	}
	m := wait.Mask(0)
	if p.Waiting() {
		m |= readable
	}
	st, id := p.Index()
	if st == nil {
		return wait.Err
	}
	if n, ok := st.NIC(id); ok && n.Flags&linux.IFF_UP != 0 {
		m |= writable
	}
	return m
}

// Queue implements vfs.FileOps.
func (f *file) Queue() *wait.Queue { return &f.queue }

// Read implements vfs.FileOps: one packet, of which what does not fit is lost.
func (f *file) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	p, flags := f.program()
	if p == nil {
		return 0, linux.EBADFD
	}
	frame, err := p.Next()
	if err != nil {
		return 0, err
	}
	if flags&iffNoPI == 0 {
		pi := make([]byte, sizeOfPI, sizeOfPI+len(frame))
		binary.BigEndian.PutUint16(pi[2:], protocol(frame, flags))
		frame = append(pi, frame...)
	}
	n, err := b.CopyOut(frame)
	if err != nil {
		return 0, err
	}
	return int64(n), nil
}

// protocol is ETH_P_* of a packet.
func protocol(frame []byte, flags uint16) uint16 {
	const ipv4, ipv6 = 0x0800, 0x86dd
	switch {
	case flags&iffTap != 0 && len(frame) >= 14:
		return binary.BigEndian.Uint16(frame[12:])
	case len(frame) > 0 && frame[0]>>4 == 6:
		return ipv6
	}
	return ipv4
}

// maxFrame is the longest packet that is taken, in bytes.
const maxFrame = 65535 + 14

// Write implements vfs.FileOps: one packet (tun_get_user).
func (f *file) Write(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	p, flags := f.program()
	if p == nil {
		return 0, linux.EBADFD
	}
	head, least := 0, 1
	if flags&iffNoPI == 0 {
		head = sizeOfPI
	}
	if flags&iffTap != 0 {
		least = 14
	}
	n := b.Len()
	switch {
	case n < head+least:
		return 0, linux.EINVAL
	case n > head+maxFrame:
		return 0, linux.EMSGSIZE
	}
	frame := make([]byte, n)
	if _, err := b.CopyIn(frame); err != nil {
		return 0, err
	}
	frame = frame[head:]
	if v := frame[0] >> 4; flags&iffTun != 0 && v != 4 && v != 6 {
		return 0, linux.EINVAL
	}
	if err := p.Send(frame); err != nil {
		return 0, err
	}
	return int64(n), nil
}

// Release implements vfs.FileOps.
func (f *file) Release() {
	if p, _ := f.program(); p != nil {
		p.Close()
	}
}

// Ioctl implements vfs.FileOps (__tun_chr_ioctl).
func (f *file) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	a := guest.Addr(arg)
	switch cmd {
	case getFeatures:
		v := uint32(known)
		_, err := mem.CopyOut(a, linux.Bytes(&v))
		return 0, err
	case setIff:
		return 0, f.attach(c, mem, a)
	}
	p, flags := f.program()
	if p == nil {
		return 0, linux.EBADFD
	}
	switch cmd {
	case getIff:
		st, id := p.Index()
		if st == nil {
			return 0, linux.EBADFD
		}
		n, _ := st.NIC(id)
		return 0, putIfreq(mem, a, n.Name, flags)
	case setNoCsum, setOwner, setGroup:
		return 0, nil // nobody else can attach to it
	case setPersist:
		if arg != 0 {
			return 0, linux.EOPNOTSUPP // it ends with its file
		}
		return 0, nil
	case setOffload:
		if arg != 0 {
			return 0, linux.EINVAL // no offload that is known
		}
		return 0, nil
	}
	return 0, linux.ENOTTY
}

func putIfreq(mem guest.Memory, a guest.Addr, name string, flags uint16) error {
	var req [linux.SizeOfIfreq]byte
	copy(req[:linux.IFNAMSIZ-1], name)
	binary.NativeEndian.PutUint16(req[linux.IFNAMSIZ:], flags)
	_, err := mem.CopyOut(a, req[:])
	return err
}

// attach is tun_set_iff.
func (f *file) attach(c *vfs.Ctx, mem guest.Memory, a guest.Addr) error {
	var req [linux.SizeOfIfreq]byte
	if _, err := mem.CopyIn(a, req[:]); err != nil {
		return err
	}
	flags := binary.NativeEndian.Uint16(req[linux.IFNAMSIZ:])
	kind := flags & (iffTun | iffTap)
	switch {
	case !c.Creds.Has(auth.CapNetAdmin):
		return linux.EPERM
	case flags&^(known|iffExcl) != 0, kind != iffTun && kind != iffTap:
		return linux.EINVAL
	}
	t, ok := c.Task.(*kernel.Task)
	if !ok {
		return linux.EINVAL
	}
	ns, ok := t.Files().Net.(network)
	if !ok {
		return linux.EINVAL
	}
	st, err := ns.Stack()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.p != nil {
		return linux.EINVAL
	}
	s := stack.Spec{Name: name(req[:linux.IFNAMSIZ]), Bare: kind == iffTun}
	if s.Name == "" {
		s.Name = "tun%d"
		if !s.Bare {
			s.Name = "tap%d"
		}
	}
	p, id, err := st.AddProgram(s, func() { f.queue.Notify(readable | wait.Err) })
	if err == linux.EEXIST {
		return linux.EBUSY // another's, which has one queue
	}
	if err != nil {
		return err
	}
	f.p, f.flags = p, flags&^iffExcl
	n, _ := st.NIC(id)
	return putIfreq(mem, a, n.Name, f.flags)
}

func name(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b[:len(b)-1])
}
