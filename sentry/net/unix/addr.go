package unix

import (
	stdbytes "bytes"
	"encoding/binary"

	"glovebox/abi/linux"
)

// An addr is what a socket is bound to (struct unix_address). Immutable.
type addr struct {
	raw []byte // struct sockaddr_un as getsockname(2) shows it
}

// unnamed is the name of a socket that is not bound.
func unnamed() []byte { return binary.NativeEndian.AppendUint16(nil, linux.AF_UNIX) }

// name returns what a shows, which may be nil.
func (a *addr) name() []byte {
	if a == nil {
		return unnamed()
	}
	return a.raw
}

// parse checks a struct sockaddr_un (unix_validate_addr). One of the three it
// returns says what it names: a path, an abstract name with its leading NUL, or
// neither, which asks for any name.
func parse(raw []byte) (path, abstract string, err error) {
	if len(raw) < 2 || len(raw) > linux.SizeOfSockaddrUn ||
		binary.NativeEndian.Uint16(raw) != linux.AF_UNIX {
		return "", "", linux.EINVAL
	}
	switch p := raw[2:]; {
	case len(p) == 0:
		return "", "", nil
	case p[0] == 0:
		return "", string(p), nil
	default:
		if i := stdbytes.IndexByte(p, 0); i >= 0 {
			p = p[:i]
		}
		return string(p), "", nil
	}
}

// pathAddr is the address of a path, with a NUL at its end even where that goes
// beyond sun_path (unix(7), BUGS).
func pathAddr(path string) *addr {
	return &addr{append(append(unnamed(), path...), 0)}
}

// abstractAddr is the address of an abstract name, its leading NUL included.
func abstractAddr(name string) *addr { return &addr{append(unnamed(), name...)} }
