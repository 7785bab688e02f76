package boot

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An End is how a container ended.
type End struct {
	Status int
	// OOMKilled says that at least one of its processes was killed for memory.
	OOMKilled bool
}

// oomWord stands behind the status in the text of an End.
const oomWord = "oom"

// String is what ParseEnd reads.
func (e End) String() string {
	s := strconv.Itoa(e.Status)
	if e.OOMKilled {
		s += " " + oomWord
	}
	return s
}

// ParseEnd reads what String wrote.
func ParseEnd(s string) (e End, err error) {
	status, word, more := strings.Cut(s, " ")
	e.Status, err = strconv.Atoi(status)
	switch {
	case err != nil:
	case more && word != oomWord:
		err = errors.New("not the end of a container")
	case e.Status < -1 || e.Status > 255:
		err = strconv.ErrRange
	}
	e.OOMKilled = more
	return e, err
}

// StatusSize is the size in bytes of a note of an End, which is StatusAt in its file:
// text, then zeros.
const (
	StatusAt   = 256<<10 - StatusSize
	StatusSize = 16
)

// NoteEnd leaves an end in the file fd, for whoever is told of it by no other way.
func NoteEnd(fd int, e End) {
	b := make([]byte, StatusSize)
	copy(b, e.String())
	_, _ = unix.Pwrite(fd, b, StatusAt) // all that is lost is a message
}

// ReadEnd reads what NoteEnd left. None of it is believed.
func ReadEnd(fd int) (End, error) {
	b := make([]byte, StatusSize)
	n, err := unix.Pread(fd, b, StatusAt)
	if err != nil {
		return End{}, err
	}
	return ParseEnd(string(bytes.TrimRight(b[:n], "\x00")))
}
