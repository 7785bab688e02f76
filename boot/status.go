package boot

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// StatusSize is the size in bytes of a note of a status, which is StatusAt in its file:
// decimal digits, then zeros.
const (
	StatusAt   = 256<<10 - StatusSize
	StatusSize = 16
)

// NoteStatus leaves a status in the file fd, for whoever is told of the end by no
// other way.
func NoteStatus(fd, status int) {
	b := make([]byte, StatusSize)
	copy(b, strconv.Itoa(status))
	_, _ = unix.Pwrite(fd, b, StatusAt) // all that is lost is a message
}
