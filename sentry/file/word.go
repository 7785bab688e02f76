// Package file is the parent of the files without a name, and holds what they
// share.
package file

import (
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

// WordSize is the size of a Word in bytes.
const WordSize = 8

// A Word moves the eight bytes that eventfd(2) and timerfd_create(2) are about
// between a Buf and the Sentry without allocating. Its owner locks it.
type Word struct {
	buf     [WordSize]byte
	n       int
	in, out func([]byte) (int, error)
}

// Load reads eight bytes of b.
func (w *Word) Load(b *guest.Buf) (uint64, error) {
	w.init()
	if _, err := b.Move(guest.Load, WordSize, w.in); err != nil {
		return 0, err
	}
	if w.n != WordSize {
		return 0, linux.EFAULT
	}
	return binary.NativeEndian.Uint64(w.buf[:]), nil
}

// Store writes v to b.
func (w *Word) Store(b *guest.Buf, v uint64) error {
	w.init()
	binary.NativeEndian.PutUint64(w.buf[:], v)
	if _, err := b.Move(guest.Store, WordSize, w.out); err != nil {
		return err
	}
	if w.n != WordSize {
		return linux.EFAULT
	}
	return nil
}

func (w *Word) init() {
	w.n = 0
	if w.in != nil {
		return
	}
	w.in = func(p []byte) (int, error) {
		m := copy(w.buf[w.n:], p)
		w.n += m
		return m, nil
	}
	w.out = func(p []byte) (int, error) {
		m := copy(p, w.buf[w.n:])
		w.n += m
		return m, nil
	}
}
