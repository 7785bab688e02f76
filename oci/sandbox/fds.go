package sandbox

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/sys/unix"

	"glovebox/boot"
)

// An fdTable is the descriptors of a process to be: fds[n] becomes n.
type fdTable struct{ fds []int }

// std fills 0, 1 and 2.
func (t *fdTable) std(null, crash int) { t.fds = append(t.fds, null, null, crash) }

// add gives fd the next number in the child; -1 stays -1.
func (t *fdTable) add(fd int) int {
	if fd < 0 {
		return -1
	}
	t.fds = append(t.fds, fd)
	return len(t.fds) - 1
}

// boot numbers what a container's configuration has of the caller's descriptors, and
// of p's.
func (t *fdTable) boot(b *boot.Config, p *preparation) {
	b.GoferFDs = [2]int{t.add(p.sentry[1]), t.add(p.sentry[0])}
	for i, fd := range b.StdioFDs {
		b.StdioFDs[i] = t.add(fd)
	}
	b.PassedFDs = slices.Clone(b.PassedFDs)
	for i := range b.PassedFDs {
		b.PassedFDs[i].FD = t.add(b.PassedFDs[i].FD)
	}
}

// KeepDescriptors keeps to this process what its caller left open to it: who is started
// later gets only what is named.
func KeepDescriptors() error {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	return nil
}

// An fdSet closes what it was given.
type fdSet struct{ fds []int }

func (s *fdSet) add(fds ...int) { s.fds = append(s.fds, fds...) }

func (s *fdSet) close() {
	for _, fd := range s.fds {
		unix.Close(fd)
	}
}
