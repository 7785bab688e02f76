package sys

import (
	"bytes"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// copyIn reads *v at a. T is an ABI struct or an integer.
func copyIn[T any](t *kernel.Task, a Addr, v *T) error {
	_, err := t.Mem().CopyIn(a.Guest(), linux.Bytes(v))
	return err
}

// copyOut writes *v at a.
func copyOut[T any](t *kernel.Task, a Addr, v *T) error {
	_, err := t.Mem().CopyOut(a.Guest(), linux.Bytes(v))
	return err
}

// copyInSized reads *v from a struct of size bytes at a that may be older or
// newer than ours: E2BIG if it says something that we do not know
// (copy_struct_from_user).
func copyInSized[T any](t *kernel.Task, a Addr, size uint64, v *T) error {
	b := linux.Bytes(v)
	n := min(size, uint64(len(b)))
	if size > n {
		rest := make([]byte, size-n)
		if _, err := t.Mem().CopyIn(a.Guest()+guest.Addr(n), rest); err != nil {
			return err
		}
		for _, c := range rest {
			if c != 0 {
				return linux.E2BIG
			}
		}
	}
	_, err := t.Mem().CopyIn(a.Guest(), b[:n])
	return err
}

// copyInString reads the NUL-terminated string at a: ENAMETOOLONG with what
// was read if it has no NUL in max bytes.
func copyInString(m guest.Memory, a guest.Addr, max int) (string, error) {
	var buf [256]byte
	var s []byte
	for len(s) < max {
		// Stay within a page: the next one need not be mapped.
		n := min(len(buf), max-len(s), guest.PageSize-int(a%guest.PageSize))
		got, err := m.CopyIn(a, buf[:n])
		if i := bytes.IndexByte(buf[:got], 0); i >= 0 {
			return string(append(s, buf[:i]...)), nil
		}
		if err != nil {
			return "", err
		}
		s = append(s, buf[:n]...)
		a += guest.Addr(n)
	}
	return string(s), linux.ENAMETOOLONG
}
