package container

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Process is a process of the host that is told from a later one with the same
// number.
type Process struct {
	PID int `json:"pid"`
	// Start is when it started, in clock ticks since the host's boot: field 22
	// of /proc/PID/stat (proc(5)).
	Start uint64 `json:"start"`
}

// Identify returns the process that has the number pid now.
func Identify(pid int) (Process, error) {
	start, state, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	if state == 'Z' || state == 'X' {
		return Process{}, unix.ESRCH
	}
	return Process{pid, start}, nil
}

// Alive reports whether the process still runs. One that nobody has waited for
// does not.
func (p Process) Alive() bool {
	now, err := Identify(p.PID)
	return err == nil && now == p
}

// open returns a descriptor of the process: pidfd_open(2). ESRCH says that it
// ended.
func (p Process) open() (int, error) {
	if p.PID <= 0 {
		return -1, unix.ESRCH
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return -1, err
	}
	// Whatever it names cannot be replaced any more: look whether it is ours.
	if !p.Alive() {
		unix.Close(fd)
		return -1, unix.ESRCH
	}
	return fd, nil
}

// Gone waits until p has ended.
func (p Process) Gone(patience time.Duration) error {
	fd, err := p.open()
	if err == unix.ESRCH {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pidfd_open %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	return wait(p.PID, fd, patience)
}

// Kill ends the process and waits for that, at most for the given time. One that
// ended before is fine.
func (p Process) Kill(patience time.Duration) error {
	fd, err := p.open()
	if err == unix.ESRCH {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pidfd_open %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return fmt.Errorf("kill %d: %w", p.PID, err)
	}
	return wait(p.PID, fd, patience)
}

// wait waits until the process behind a pidfd has ended.
func wait(pid, fd int, patience time.Duration) error {
	end := time.Now().Add(patience)
	for {
		left := max(time.Until(end), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n > 0:
			return nil
		default:
			return fmt.Errorf("process %d did not end within %v of SIGKILL", pid, patience)
		}
	}
}

// ChildPIDs returns the children of a process, by the number that each has in the
// pid namespace that it is in itself (NSpid of proc_pid_status(5)).
func ChildPIDs(pid int) map[int]int {
	out := map[int]int{}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return out
	}
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		for f := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				out[innerPID(child)] = child
			}
		}
	}
	return out
}

// innerPID is the number of a process in its own pid namespace, 0 if it has ended.
func innerPID(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		return 0
	}
	return n
}

// readStat returns the start time and state of a process.
func readStat(pid int) (start uint64, state byte, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	// The second field is the name in parentheses, whatever that contains.
	_, rest, _ := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	const stateField, startField = 0, 19 // proc(5) calls the first 3
	if len(fields) <= startField || len(fields[stateField]) != 1 {
		return 0, 0, fmt.Errorf("/proc/%d/stat: unknown format", pid)
	}
	start, err = strconv.ParseUint(string(fields[startField]), 10, 64)
	return start, fields[stateField][0], err
}
