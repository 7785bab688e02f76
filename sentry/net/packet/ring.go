package packet

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// A ring is memory that the guest maps, with a packet in each frame (packet_mmap in
// Documentation/networking). The guest owns it: of what is there the Sentry reads only
// whose turn a frame is.
type ring struct {
	file   *vfs.File
	header header

	perBlock, blockSize, frameSize, frames int
	reserve                                int
	at                                     int // the next frame
}

// A header is what comes before a packet, by PACKET_VERSION (struct tpacket_hdr,
// tpacket2_hdr).
type header struct {
	size   int // with padding
	status int // bytes of the status
	write  func(b []byte, r *received, size, snap, mac, net int)
}

var headers = map[int]header{
	0: {32, 8, func(b []byte, r *received, size, snap, mac, net int) {
		binary.NativeEndian.PutUint32(b[8:], uint32(size))
		binary.NativeEndian.PutUint32(b[12:], uint32(snap))
		binary.NativeEndian.PutUint16(b[16:], uint16(mac))
		binary.NativeEndian.PutUint16(b[18:], uint16(net))
		binary.NativeEndian.PutUint32(b[20:], uint32(r.at.Unix()))
		binary.NativeEndian.PutUint32(b[24:], uint32(r.at.Nanosecond()/1000))
	}},
	1: {32, 4, func(b []byte, r *received, size, snap, mac, net int) {
		binary.NativeEndian.PutUint32(b[4:], uint32(size))
		binary.NativeEndian.PutUint32(b[8:], uint32(snap))
		binary.NativeEndian.PutUint16(b[12:], uint16(mac))
		binary.NativeEndian.PutUint16(b[14:], uint16(net))
		binary.NativeEndian.PutUint32(b[16:], uint32(r.at.Unix()))
		binary.NativeEndian.PutUint32(b[20:], uint32(r.at.Nanosecond()))
	}},
}

// Whose turn a frame is (TP_STATUS_*).
const (
	statusKernel = 0
	statusUser   = 1
)

const (
	alignment  = 16 // TPACKET_ALIGNMENT
	maxReserve = 1 << 16
	// maxRing is the longest ring, in bytes.
	maxRing = 1 << 28
)

func align(n int) int { return (n + alignment - 1) &^ (alignment - 1) }

// length is TPACKET_HDRLEN.
func (h header) length() int { return align(h.size) + linux.SizeOfSockaddrLl }

// setRing is packet_set_ring: memory for a ring, or none.
func (s *Socket) setRing(c *vfs.Ctx, value []byte) error {
	const sizeOfReq = 16 // struct tpacket_req
	if len(value) < sizeOfReq {
		return linux.EINVAL
	}
	blockSize, blocks := binary.NativeEndian.Uint32(value), binary.NativeEndian.Uint32(value[4:])
	frameSize, frames := binary.NativeEndian.Uint32(value[8:]), binary.NativeEndian.Uint32(value[12:])
	s.recvMu.Lock()
	old, h, reserve := s.ring, headers[s.version], s.reserve
	s.recvMu.Unlock()
	if old != nil && blocks != 0 {
		return linux.EBUSY
	}
	var r *ring
	switch {
	case blocks == 0 && frames != 0:
		return linux.EINVAL
	case blocks != 0:
		if blockSize == 0 || blockSize%guest.PageSize != 0 || int(frameSize) < h.length()+reserve || frameSize%alignment != 0 || frameSize > blockSize {
			return linux.EINVAL
		}
		per := blockSize / frameSize
		total := uint64(blockSize) * uint64(blocks)
		if uint64(per)*uint64(blocks) != uint64(frames) {
			return linux.EINVAL
		}
		if total > maxRing || c.VFS == nil || c.VFS.Memory == nil {
			return linux.ENOMEM
		}
		f, err := memory(c, int64(total))
		if err != nil {
			return err
		}
		r = &ring{file: f, header: h, perBlock: int(per), blockSize: int(blockSize), frameSize: int(frameSize), frames: int(frames), reserve: reserve}
	}
	s.recvMu.Lock()
	if old = s.ring; old != nil && r != nil {
		s.recvMu.Unlock()
		r.file.Dec()
		return linux.EBUSY
	}
	s.ring = r
	s.recvMu.Unlock()
	if old != nil {
		old.file.Dec()
	}
	return nil
}

// memory returns a file of zeros that nobody else has.
func memory(c *vfs.Ctx, size int64) (*vfs.File, error) {
	inode := c.VFS.Memory(0o600, c.Creds.FSUID, c.Creds.FSGID, 0)
	f, err := vfs.NewUnlinkedFile(c, "socket:[packet]", inode, linux.O_RDWR)
	if err != nil {
		return nil, err
	}
	if err := inode.SetAttr(c, vfs.SetAttr{Mask: vfs.SetSize, Size: size}); err != nil {
		f.Dec()
		return nil, err
	}
	return f, nil
}

// offset is where a frame lies.
func (r *ring) offset(i int) int64 {
	return int64(i/r.perBlock)*int64(r.blockSize) + int64(i%r.perBlock)*int64(r.frameSize)
}

// turn reads whose turn a frame is.
func (r *ring) turn(i int) uint32 {
	var b [4]byte
	buf := guest.Local(b[:])
	if _, err := r.file.Ops().Read(&vfs.Ctx{}, &buf, r.offset(i)); err != nil {
		return statusUser // the memory is gone
	}
	return binary.NativeEndian.Uint32(b[:])
}

// ready reports whether there is a packet in the frame before the next.
func (r *ring) ready() bool { return r.turn((r.at+r.frames-1)%r.frames)&statusUser != 0 }

// put stores a packet of which snap bytes are to be taken (tpacket_rcv); false if the guest
// has not read the frame yet.
func (r *ring) put(p *received, snap, typ int) bool {
	if r.turn(r.at) != statusKernel {
		return false
	}
	const least = 16 // bytes for the link's header
	net := align(r.header.length()+max(p.Header, least)) + r.reserve
	mac := net - p.Header
	if typ == linux.SOCK_DGRAM {
		net = align(r.header.length()) + least + r.reserve
		mac = net
	}
	if mac > r.frameSize {
		return false
	}
	snap = min(snap, r.frameSize-mac)
	b := make([]byte, mac+snap)
	r.header.write(b, p, len(p.data), snap, mac, net)
	copy(b[align(r.header.size):], sockaddr(p.Proto, p.NIC, p.HardwareType, p.Type, p.From()))
	copy(b[mac:], p.data[:snap])
	at := r.offset(r.at)
	// The status comes last: with it the frame is the guest's.
	if !r.write(b[r.header.status:], at+int64(r.header.status)) {
		return false
	}
	binary.NativeEndian.PutUint32(b, statusUser)
	r.at = (r.at + 1) % r.frames
	return r.write(b[:r.header.status], at)
}

func (r *ring) write(b []byte, at int64) bool {
	buf := guest.Local(b)
	_, err := r.file.Ops().Write(&vfs.Ctx{FileLimit: linux.RLIM_INFINITY}, &buf, at)
	return err == nil
}

// mapped returns the ring's memory.
func (s *Socket) mapped() mm.Mappable {
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	if s.ring == nil {
		return nil
	}
	return s.ring.file.Mappable()
}

var _ mm.Mappable = (*Socket)(nil)

// Backing implements mm.Mappable.
func (s *Socket) Backing(write bool) (mm.Backing, bool, error) {
	m := s.mapped()
	if m == nil {
		return nil, false, linux.EINVAL
	}
	return m.Backing(write)
}

// ReadAt implements mm.Mappable.
func (s *Socket) ReadAt(p []byte, off int64) (int, error) {
	m := s.mapped()
	if m == nil {
		return 0, linux.EINVAL
	}
	return m.ReadAt(p, off)
}
