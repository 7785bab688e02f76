package hostinet

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

const (
	// sendFlags and recvFlags are what the host may be told; what waits is known above.
	sendFlags = linux.MSG_OOB | linux.MSG_DONTROUTE | linux.MSG_EOR | linux.MSG_CONFIRM | linux.MSG_MORE
	recvFlags = linux.MSG_OOB | linux.MSG_PEEK | linux.MSG_TRUNC | linux.MSG_ERRQUEUE
	// shownFlags are those of a received message that a guest sees.
	shownFlags = linux.MSG_OOB | linux.MSG_TRUNC | linux.MSG_CTRUNC | linux.MSG_EOR | linux.MSG_ERRQUEUE

	// maxMessage is what no message of IP is longer than.
	maxMessage = 64 << 10
	// maxControl is more than all that the host tells of one.
	maxControl = 1 << 10
)

// rooms are messages on their way. A room is 64 KiB, of which there are as many as calls
// that move messages at once.
var rooms = sync.Pool{New: func() any { return new(room) }}

type room struct {
	data    [maxMessage]byte
	control [maxControl]byte
	name    [host.SizeOfName]byte
}

// Send implements socket.Socket.
func (s *Socket) Send(c *vfs.Ctx, b *guest.Buf, m *socket.Outgoing) (int64, error) {
	if m.Flags&linux.MSG_FASTOPEN != 0 {
		return 0, linux.EOPNOTSUPP
	}
	p := &host.Packet{}
	var err error
	if m.To != nil {
		if p.Name, err = checked(m.To); err != nil {
			return 0, err
		}
	}
	if len(m.Control.Others) > 0 {
		if p.Control, err = s.controlled(m.Control.Others); err != nil {
			return 0, err
		}
	}
	if s.stream() {
		return s.sendStream(b, p, int(m.Flags&sendFlags))
	}
	return s.sendMessage(b, p, int(m.Flags&sendFlags))
}

// sendStream hands the guest's memory to the host, piece by piece.
func (s *Socket) sendStream(b *guest.Buf, p *host.Packet, flags int) (int64, error) {
	if b.Len() == 0 {
		n, err := host.Send(s.fd, p, flags)
		return int64(n), errno(err)
	}
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	left, failed := b.Len(), false
	n, err := b.Move(guest.Load, left, func(data []byte) (int, error) {
		if p.Data != nil && host.PollNow(s.fd, 0) != 0 {
			failed = true // what was sent is told first; the error is the next call's
			return 0, nil
		}
		p.Data = data
		f := flags
		if len(data) < left {
			// Pieces of one call are one to the network, too.
			f = f&^linux.MSG_OOB | linux.MSG_MORE
		}
		n, err := host.Send(s.fd, p, f)
		left -= n
		return n, errno(err)
	})
	if err == nil && b.Len() > 0 && !failed {
		err = linux.EAGAIN // the buffer is full
	}
	return int64(n), err
}

// sendMessage sends all of b or nothing.
func (s *Socket) sendMessage(b *guest.Buf, p *host.Packet, flags int) (int64, error) {
	if b.Len() >= maxMessage {
		return 0, linux.EMSGSIZE
	}
	r := rooms.Get().(*room)
	defer rooms.Put(r)
	was := b.Clone()
	p.Data = r.data[:b.Len()]
	if _, err := b.CopyIn(p.Data); err != nil {
		return 0, err
	}
	n, err := host.Send(s.fd, p, flags)
	if err != nil {
		*b = was // it is sent again, if it has to wait
	}
	return int64(n), errno(err)
}

// Recv implements socket.Socket.
func (s *Socket) Recv(_ *vfs.Ctx, b *guest.Buf, m *socket.Incoming) (int64, error) {
	const apart = linux.MSG_OOB | linux.MSG_PEEK | linux.MSG_TRUNC | linux.MSG_ERRQUEUE
	if s.stream() && m.Flags&apart == 0 && b.Len() > 0 {
		return s.recvStream(b, m)
	}
	return s.recvMessage(b, m)
}

// recvStream has the host fill the guest's memory, piece by piece.
func (s *Socket) recvStream(b *guest.Buf, m *socket.Incoming) (int64, error) {
	r := rooms.Get().(*room)
	defer rooms.Put(r)
	got := 0
	n, err := b.Move(guest.Store, b.Len(), func(data []byte) (int, error) {
		if got > 0 && s.nothing() {
			return 0, nil // an error there may be is the next call's
		}
		p := &host.Packet{Data: data, Control: r.control[:]}
		n, err := host.Receive(s.fd, p, 0)
		if err != nil {
			return 0, errno(err)
		}
		got += n
		m.Control.Others = s.told(p.Control)
		return n, nil
	})
	return int64(n), err
}

// nothing reports whether nothing waits to be read.
func (s *Socket) nothing() bool {
	n, err := s.queued(linux.SIOCINQ)
	return n == 0 || err != nil
}

// recvMessage receives one message; or a piece of a stream that is to be copied or
// thrown away.
func (s *Socket) recvMessage(b *guest.Buf, m *socket.Incoming) (int64, error) {
	r := rooms.Get().(*room)
	defer rooms.Put(r)
	p := &host.Packet{Data: r.data[:min(b.Len(), maxMessage)], Name: r.name[:], Control: r.control[:]}
	flags := int(m.Flags & recvFlags)
	waste := s.stream() && flags&(linux.MSG_TRUNC|linux.MSG_OOB|linux.MSG_ERRQUEUE) == linux.MSG_TRUNC
	if !s.stream() {
		flags |= linux.MSG_TRUNC // how long it was
	}
	full, err := host.Receive(s.fd, p, flags)
	if err != nil {
		err = errno(err)
		if err == linux.EAGAIN && !s.stream() && s.deaf.Load() && m.Flags&linux.MSG_DONTWAIT == 0 {
			err = nil
		}
		return 0, err
	}
	m.Out |= uint32(p.Flags) & shownFlags
	m.Control.Others = s.told(p.Control)
	if len(p.Name) > 0 {
		m.From = append([]byte(nil), p.Name...)
	}
	if waste {
		b.Limit(b.Len() - full)
		return int64(full), nil
	}
	m.Full = int64(full)
	n, err := b.CopyOut(p.Data[:min(full, len(p.Data))])
	return int64(n), err
}
