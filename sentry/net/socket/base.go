package socket

import (
	"encoding/binary"
	"math"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// A Base is the part of a socket that does not depend on its family, which
// embeds it.
type Base struct {
	Domain, Type, Protocol int // immutable
	// ID is the inode number, in "socket:[ID]". Immutable.
	ID uint64

	// RecvTimeoutNS and SendTimeoutNS are SO_RCVTIMEO and SO_SNDTIMEO, 0 for
	// none.
	RecvTimeoutNS, SendTimeoutNS atomic.Int64
	// RecvLowat is SO_RCVLOWAT, 0 standing for 1.
	RecvLowat atomic.Int32

	flags  atomic.Uint32 // 1<<SO_* of options that are on or off
	linger atomic.Uint64 // struct linger
	prio   atomic.Int32
	mark   atomic.Uint32
	filter atomic.Pointer[Filter]
}

var lastID atomic.Uint64

// NextID returns an ID that no other socket has.
func NextID() uint64 { return lastID.Add(1) }

// onOff are the options that are remembered as a bit. What they mean is the
// family's to know; those without meaning for a family are only remembered, as
// in Linux.
const onOff = 1<<linux.SO_DEBUG | 1<<linux.SO_REUSEADDR | 1<<linux.SO_DONTROUTE | 1<<linux.SO_BROADCAST |
	1<<linux.SO_KEEPALIVE | 1<<linux.SO_OOBINLINE | 1<<linux.SO_NO_CHECK | 1<<linux.SO_REUSEPORT |
	1<<linux.SO_PASSCRED | 1<<linux.SO_TIMESTAMP

// Common implements Socket.
func (b *Base) Common() *Base { return b }

// On reports whether the option SO_name, one that is on or off, is on.
func (b *Base) On(name int) bool { return b.flags.Load()&(1<<name) != 0 }

// Inherit sets the option SO_name, one that is on or off, as it is in from.
func (b *Base) Inherit(from *Base, name int) { b.set(name, from.On(name)) }

// InheritValues takes from a listener what is not on or off.
func (b *Base) InheritValues(from *Base) {
	b.RecvTimeoutNS.Store(from.RecvTimeoutNS.Load())
	b.SendTimeoutNS.Store(from.SendTimeoutNS.Load())
	b.RecvLowat.Store(from.RecvLowat.Load())
	b.linger.Store(from.linger.Load())
	b.prio.Store(from.prio.Load())
	b.mark.Store(from.mark.Load())
}

// Filter returns the filter that was attached, nil for none.
func (b *Base) Filter() *Filter { return b.filter.Load() }

// AttachFilter is SO_ATTACH_FILTER, of families that look at the filter. The value is the
// program itself.
func (b *Base) AttachFilter(program []byte) error {
	f, err := NewFilter(program)
	if err == nil {
		b.filter.Store(f)
	}
	return err
}

// DetachFilter is SO_DETACH_FILTER: ENOENT if there is none.
func (b *Base) DetachFilter(value []byte) error {
	if _, err := ParseInt(value); err != nil {
		return err
	}
	if b.filter.Swap(nil) == nil {
		return linux.ENOENT
	}
	return nil
}

// Linger returns SO_LINGER.
func (b *Base) Linger() linux.Linger {
	v := b.linger.Load()
	return linux.Linger{OnOff: int32(v >> 32), Linger: int32(v)}
}

// Option returns the SOL_SOCKET option name; ok is false for one that is the
// family's to answer (sk_getsockopt in net/core/sock.c).
func (b *Base) Option(name int) (v []byte, ok bool) {
	switch name {
	case linux.SO_TYPE:
		return Int(b.Type), true
	case linux.SO_DOMAIN:
		return Int(b.Domain), true
	case linux.SO_PROTOCOL:
		return Int(b.Protocol), true
	case linux.SO_BSDCOMPAT:
		return Int(0), true
	case linux.SO_PRIORITY:
		return Int(int(b.prio.Load())), true
	case linux.SO_MARK:
		return Int(int(b.mark.Load())), true
	case linux.SO_RCVLOWAT:
		return Int(int(max(b.RecvLowat.Load(), 1))), true
	case linux.SO_SNDLOWAT:
		return Int(1), true
	case linux.SO_RCVTIMEO, linux.SO_RCVTIMEO_NEW:
		return timeval(b.RecvTimeoutNS.Load()), true
	case linux.SO_SNDTIMEO, linux.SO_SNDTIMEO_NEW:
		return timeval(b.SendTimeoutNS.Load()), true
	case linux.SO_LINGER:
		l := b.Linger()
		return append([]byte(nil), linux.Bytes(&l)...), true
	}
	if name < 32 && onOff>>name&1 != 0 {
		if b.On(name) {
			return Int(1), true
		}
		return Int(0), true
	}
	return nil, false
}

// SetOption sets the SOL_SOCKET option name; ok is false for one that is the
// family's. Options set here mean something to families that look.
func (b *Base) SetOption(c *auth.Creds, name int, value []byte) (err error, ok bool) {
	switch name {
	case linux.SO_RCVTIMEO, linux.SO_RCVTIMEO_NEW:
		return setTimeout(&b.RecvTimeoutNS, value), true
	case linux.SO_SNDTIMEO, linux.SO_SNDTIMEO_NEW:
		return setTimeout(&b.SendTimeoutNS, value), true
	case linux.SO_TYPE, linux.SO_DOMAIN, linux.SO_PROTOCOL, linux.SO_ERROR, linux.SO_SNDLOWAT:
		return linux.ENOPROTOOPT, true
	case linux.SO_BSDCOMPAT:
		return nil, true
	case linux.SO_LINGER:
		return b.setLinger(value), true
	}
	known := name == linux.SO_PRIORITY || name == linux.SO_MARK || name == linux.SO_RCVLOWAT ||
		name < 32 && onOff>>name&1 != 0
	if !known {
		return nil, false
	}
	v, err := ParseInt(value)
	if err != nil {
		return err, true
	}
	admin := c.Has(auth.CapNetAdmin)
	switch name {
	case linux.SO_DEBUG:
		if v != 0 && !admin {
			return linux.EACCES, true
		}
	case linux.SO_PRIORITY:
		if (v < 0 || v > 6) && !admin && !c.Has(auth.CapNetRaw) {
			return linux.EPERM, true
		}
		b.prio.Store(int32(v))
		return nil, true
	case linux.SO_MARK:
		if !admin && !c.Has(auth.CapNetRaw) {
			return linux.EPERM, true
		}
		b.mark.Store(uint32(v))
		return nil, true
	case linux.SO_RCVLOWAT:
		if v < 0 {
			v = math.MaxInt32
		}
		b.RecvLowat.Store(int32(max(v, 1)))
		return nil, true
	}
	b.set(name, v != 0)
	return nil, true
}

func (b *Base) set(name int, on bool) {
	if on {
		b.flags.Or(1 << name)
	} else {
		b.flags.And(^uint32(1 << name))
	}
}

func (b *Base) setLinger(value []byte) error {
	if len(value) < 8 {
		return linux.EINVAL
	}
	var l linux.Linger
	copy(linux.Bytes(&l), value)
	if l.OnOff != 0 {
		l.OnOff = 1
	}
	b.linger.Store(uint64(l.OnOff)<<32 | uint64(uint32(l.Linger)))
	return nil
}

// setTimeout is sock_set_timeout.
func setTimeout(to *atomic.Int64, value []byte) error {
	var tv linux.Timeval
	if len(value) < len(linux.Bytes(&tv)) {
		return linux.EINVAL
	}
	copy(linux.Bytes(&tv), value)
	switch {
	case tv.Usec < 0 || tv.Usec >= 1e6:
		return linux.EDOM
	case tv.Sec < 0 || tv.Sec == 0 && tv.Usec == 0:
		to.Store(0)
		if tv.Sec < 0 {
			to.Store(1) // do not wait at all
		}
	case tv.Sec >= math.MaxInt64/1_000_000_000:
		to.Store(0)
	default:
		to.Store(tv.Sec*1e9 + tv.Usec*1e3)
	}
	return nil
}

func timeval(ns int64) []byte {
	tv := linux.Timeval{Sec: ns / 1e9, Usec: ns % 1e9 / 1e3}
	return append([]byte(nil), linux.Bytes(&tv)...)
}

// Int encodes an option's value.
func Int(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }

// ParseInt decodes one: EINVAL if it is too short.
func ParseInt(value []byte) (int, error) {
	if len(value) < 4 {
		return 0, linux.EINVAL
	}
	return int(int32(binary.NativeEndian.Uint32(value))), nil
}
