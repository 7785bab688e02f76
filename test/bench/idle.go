package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of what its descendants leave behind, so
// that a sandbox's processes can be found from here, whoever started them.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// idle measures the processes behind a program that waits: what memory they
// have, and what processor time they use meanwhile.
func idle(cmd *exec.Cmd, settle, watch time.Duration, got samples) (err error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close(), cmd.Wait()) }()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("%v: %q, %w", cmd.Args, line, err)
	}
	time.Sleep(settle)
	pids, err := descendants(os.Getpid())
	if err != nil {
		return err
	}
	var rss, pss float64
	for _, pid := range pids {
		m, err := memory(pid)
		if err != nil {
			return err
		}
		rss += m["Rss"]
		pss += m["Pss"]
	}
	before, err := processorTime(pids)
	if err != nil {
		return err
	}
	start := time.Now()
	time.Sleep(watch)
	took := time.Since(start)
	after, err := processorTime(pids)
	if err != nil {
		return err
	}
	got.add("idle-processes", float64(len(pids)))
	got.add("idle-rss", rss)
	got.add("idle-pss", pss)
	got.add("idle-cpu", float64(after-before)/float64(took)*1e6)
	return nil
}

// descendants are the processes below a process.
func descendants(of int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state ppid ...; a name may hold anything.
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, err2 := strconv.Atoi(f[1])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if f[0] != "Z" {
			children[parent] = append(children[parent], pid)
		}
	}
	var all []int
	for next := children[of]; len(next) > 0; {
		pid := next[0]
		all = append(all, pid)
		next = append(next[1:], children[pid]...)
	}
	return all, nil
}

// memory is what smaps_rollup says of a process, in bytes.
func memory(pid int) (map[string]float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return nil, err
	}
	m := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		if f := strings.Fields(rest); len(f) == 2 && f[1] == "kB" {
			kib, err := strconv.ParseFloat(f[0], 64)
			if err != nil {
				return nil, err
			}
			m[name] = kib * 1024
		}
	}
	if m["Rss"] == 0 {
		return nil, fmt.Errorf("/proc/%d/smaps_rollup: no memory: %q", pid, b)
	}
	return m, nil
}

// processorTime is what the threads of processes used so far.
func processorTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
				continue // the thread ended meanwhile
			} else if err != nil {
				return 0, err
			}
			ns, err := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}
