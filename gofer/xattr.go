package gofer

import (
	"bytes"
	"strings"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// allowed reports whether guests may see an extended attribute, and set it:
// their own and file capabilities, but not what the host's security modules or
// overlays keep there.
func allowed(name string) bool {
	return strings.HasPrefix(name, "user.") || name == "security.capability"
}

// withFile calls f with a descriptor of the node's file, none if it is of a
// kind that has no attributes for guests (xattr(7)).
func (n *node) withFile(f func(fd int) error) error {
	if n.file.kind != unix.S_IFREG && n.file.kind != unix.S_IFDIR {
		return linux.EPERM
	}
	fd, err := n.open(unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer n.s.close(fd)
	return f(fd)
}

// GetXattr implements p9.Node.
func (n *node) GetXattr(name string) ([]byte, error) {
	if !allowed(name) {
		return nil, linux.EOPNOTSUPP
	}
	var value []byte
	err := n.withFile(func(fd int) (err error) {
		value, err = sized(func(b []byte) (int, error) { return unix.Fgetxattr(fd, name, b) })
		return err
	})
	if err == linux.EPERM {
		err = linux.ENODATA
	}
	return value, err
}

// sized calls get with a buffer that is large enough.
func sized(get func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := get(nil)
		if err != nil || n == 0 {
			return nil, errno(err)
		}
		b := make([]byte, n)
		// ERANGE: it has grown meanwhile.
		if n, err = get(b); err != unix.ERANGE {
			return b[:max(n, 0)], errno(err)
		}
	}
}

// SetXattr implements p9.Node.
func (n *node) SetXattr(name string, value []byte, flags uint32) error {
	if err := n.writable(); err != nil {
		return err
	}
	if !allowed(name) {
		return linux.EOPNOTSUPP
	}
	return n.withFile(func(fd int) error {
		return errno(unix.Fsetxattr(fd, name, value, int(flags)))
	})
}

// RemoveXattr implements p9.Node.
func (n *node) RemoveXattr(name string) error {
	if err := n.writable(); err != nil {
		return err
	}
	if !allowed(name) {
		return linux.EOPNOTSUPP
	}
	return n.withFile(func(fd int) error { return errno(unix.Fremovexattr(fd, name)) })
}

// ListXattr implements p9.Node.
func (n *node) ListXattr() ([]byte, error) {
	var names []byte
	err := n.withFile(func(fd int) (err error) {
		names, err = sized(func(b []byte) (int, error) { return unix.Flistxattr(fd, b) })
		return err
	})
	if err == linux.EPERM || err == linux.EOPNOTSUPP {
		return nil, nil
	}
	var shown []byte
	for name := range bytes.SplitAfterSeq(names, []byte{0}) {
		if allowed(string(bytes.TrimSuffix(name, []byte{0}))) {
			shown = append(shown, name...)
		}
	}
	return shown, err
}
