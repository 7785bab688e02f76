package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// An End is how a sandbox ended. The status is the Sentry's, -1 if it did not end in
// order.
type End struct {
	boot.End
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
func lastWords() End {
	end, err := boot.ReadEnd(unix.Stderr)
	if err != nil {
		end.Status = -1
	}
	text := crashLog{unix.Stderr}.text()
	return End{end, text[:min(len(text), endSize)]}
}

func (e End) keep(fd int) { _, _ = unix.Write(fd, fmt.Appendf(nil, "%s\n%s", e.End, e.Log)) }

// ReadEnd returns how the detached sandbox whose Options.SocketDir was dir ended;
// an error if nobody knows.
func ReadEnd(dir string) (End, error) {
	b, err := os.ReadFile(filepath.Join(dir, endName))
	if err != nil {
		return End{}, err
	}
	first, log, _ := strings.Cut(string(b), "\n")
	end, err := boot.ParseEnd(first)
	if err != nil {
		return End{}, errors.New("the gofer was killed, too")
	}
	return End{end, log}, nil
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
