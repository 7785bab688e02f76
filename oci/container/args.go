package container

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// titleSize is the size of the page that a stub has for what the host shows as its
// arguments.
const titleSize = 4096

// ShowArgs has tools of the host show args for a process, as setproctitle(3) does: one
// of those in which guest code runs, a child of parent. Such a process has a page for
// that, and nothing else is written, whatever it did to it.
func ShowArgs(pid, parent int, args string) error {
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	// What is open stays with the process, or with none: now look whose it is.
	at, err := titlePage(pid, parent)
	if err != nil {
		return err
	}
	b := make([]byte, titleSize)
	copy(b[:titleSize-1], args)
	_, err = mem.WriteAt(b, at)
	return err
}

// titlePage returns where the page is: proc_pid_stat(5) has it as arguments of one byte
// and the environment behind it.
func titlePage(pid, parent int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name before may contain anything.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const third = 3 // what f begins with
	field := func(n int) int64 {
		if n-third >= len(f) {
			return -1
		}
		v, err := strconv.ParseInt(string(f[n-third]), 10, 64)
		if err != nil {
			return -1
		}
		return v
	}
	start, end, env, envEnd := field(48), field(49), field(50), field(51)
	if field(4) != int64(parent) || start <= 0 || start%titleSize != 0 || end != start+1 || env != end || envEnd != start+titleSize {
		return 0, fmt.Errorf("process %d has no page for a title", pid)
	}
	return start, nil
}
