package sandbox

import "golang.org/x/sys/unix"

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

// An fdSet closes what it was given.
type fdSet struct{ fds []int }

func (s *fdSet) add(fds ...int) { s.fds = append(s.fds, fds...) }

func (s *fdSet) close() {
	for _, fd := range s.fds {
		unix.Close(fd)
	}
}
