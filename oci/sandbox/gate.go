package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A gate keeps processes from doing anything until they are where they
// belong: a pipe whose entry they read from. -1 is none.
type gate struct{ entry, key int }

func newGate() (gate, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return gate{-1, -1}, fmt.Errorf("pipe: %w", err)
	}
	return gate{p[0], p[1]}, nil
}

// open lets n processes pass.
func (g gate) open(n int) error {
	if done, err := unix.Write(g.key, make([]byte, n)); done != n {
		return fmt.Errorf("open the gate: %w", err)
	}
	return nil
}

func (g gate) close() {
	if g.key >= 0 {
		unix.Close(g.entry)
		unix.Close(g.key)
	}
}

// passGate waits until the gate is open.
func passGate(fd int) error {
	if fd < 0 {
		return nil
	}
	defer unix.Close(fd)
	var b [1]byte
	for {
		n, err := unix.Read(fd, b[:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("gate: %w", err)
		case n == 0:
			return errors.New("runsc is gone")
		default:
			return nil
		}
	}
}
