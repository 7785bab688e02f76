package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"glovebox/boot"
)

// endName is the file in Options.SocketDir that says how a detached sandbox ended.
// The gofer writes it: it is there until the Sentry has ended, and may write to the
// host anyway.
const endName = "end"

// endSize bounds the last words in it.
const endSize = 16 << 10

// An End is how a sandbox ended.
type End struct {
	// Status is the Sentry's, -1 if it did not end in order.
	Status int
	// Log is what it said last.
	Log string
}

// LastWords is why a Sentry died, in a line; "" if it did not say.
func (e End) LastWords() string {
	first, _, _ := strings.Cut(strings.TrimSpace(e.Log), "\n")
	if said, ok := strings.CutPrefix(first, "runsc: "); ok {
		return said
	}
	if first == "" {
		return ""
	}
	return "the sandbox died: " + first // what Go's runtime says
}

// lastWords is what is in the crash log of whoever ran the container: this process's
// standard error. None of it is believed. The status is -1 if there is none.
func lastWords() (status int, text string) {
	log := crashLog{unix.Stderr}
	b := make([]byte, boot.StatusSize)
	n, err := unix.Pread(log.fd, b, boot.StatusAt)
	if err != nil {
		return -1, ""
	}
	status, err = strconv.Atoi(string(bytes.TrimRight(b[:n], "\x00")))
	if err != nil || status < 0 || status > 255 {
		status = -1
	}
	text = log.text()
	return status, text[:min(len(text), endSize)]
}

func keepEnd(fd, status int, text string) {
	_, _ = unix.Write(fd, fmt.Appendf(nil, "%d\n%s", status, text))
}

// ReadEnd returns how the detached sandbox whose Options.SocketDir was dir ended;
// an error if nobody knows.
func ReadEnd(dir string) (End, error) {
	b, err := os.ReadFile(filepath.Join(dir, endName))
	if err != nil {
		return End{}, err
	}
	first, log, _ := strings.Cut(string(b), "\n")
	status, err := strconv.Atoi(first)
	if err != nil {
		return End{}, errors.New("the gofer was killed, too")
	}
	return End{status, log}, nil
}

// newEnd makes the file.
func newEnd(dir string) (int, error) {
	name := filepath.Join(dir, endName)
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return fd, nil
}
