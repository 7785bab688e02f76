package sys

import (
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// Argument types say how the ABI narrows a register and how strace shows it.
type (
	FD     int32  // a descriptor, or AT_FDCWD
	Addr   uint64 // a guest address
	Path   uint64 // the guest address of a NUL-terminated path
	Size   uint64 // size_t
	Offset int64  // loff_t
	Int    int32  // int
	Uint   uint32 // unsigned int
	Long   int64  // long
	Flags  uint32 // int or unsigned int of flag bits
	LFlags uint64 // unsigned long of flag bits
	Mode   uint32 // mode_t
	PID    int32  // pid_t
	ID     uint32 // uid_t or gid_t
	Clock  int32  // clockid_t
	Signal int32  // a signal number
)

type arg interface {
	~int32 | ~uint32 | ~int64 | ~uint64
}

// A shower is an argument type with its own look in strace.
type shower interface {
	show(t *kernel.Task, b []byte) []byte
}

// Guest returns a as the address that package guest uses.
func (a Addr) Guest() guest.Addr { return guest.Addr(a) }

// Guest returns p as the address that package guest uses.
func (p Path) Guest() guest.Addr { return guest.Addr(p) }

func (fd FD) show(_ *kernel.Task, b []byte) []byte {
	if fd == -100 {
		return append(b, "AT_FDCWD"...)
	}
	return strconv.AppendInt(b, int64(fd), 10)
}

func (a Addr) show(_ *kernel.Task, b []byte) []byte { return appendAddr(b, uint64(a)) }

func (p Path) show(t *kernel.Task, b []byte) []byte {
	s, err := copyInString(t.Mem(), p.Guest(), 128)
	if err != nil && err != linux.ENAMETOOLONG {
		return appendAddr(b, uint64(p))
	}
	b = strconv.AppendQuote(b, s)
	if err != nil {
		b = append(b, "..."...)
	}
	return b
}

func (f Flags) show(_ *kernel.Task, b []byte) []byte  { return appendHex(b, uint64(f)) }
func (f LFlags) show(_ *kernel.Task, b []byte) []byte { return appendHex(b, uint64(f)) }

func (m Mode) show(_ *kernel.Task, b []byte) []byte {
	return strconv.AppendUint(append(b, '0'), uint64(m), 8)
}

func appendHex(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	return strconv.AppendUint(append(b, "0x"...), v, 16)
}

func appendAddr(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, "NULL"...)
	}
	return appendHex(b, v)
}

func show[A arg](t *kernel.Task, b []byte, a A) []byte {
	if s, ok := any(a).(shower); ok {
		return s.show(t, b)
	}
	if a < 0 {
		return strconv.AppendInt(b, int64(a), 10)
	}
	return strconv.AppendUint(b, uint64(a), 10)
}
