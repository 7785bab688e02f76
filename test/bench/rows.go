package main

import (
	"fmt"
	"slices"
)

// A row is one thing that is measured.
type row struct {
	key  string
	name string
	unit unit
}

// unit says how a row's value is shown; it is kept in nanoseconds or bytes.
type unit int

const (
	duration unit = iota
	size
	share // of a processor's time, in millionths
	count
	rate // bytes a second
)

// programRows are what measure.c prints.
var programRows = []row{
	{"getpid", "getpid", duration},
	{"getppid", "getppid", duration},
	{"umask", "umask (a call that changes something)", duration},
	{"pread", "pread 4 KiB", duration},
	{"open", "open + close", duration},
	{"stat", "stat", duration},
	{"clock", "clock_gettime", duration},
	{"pipe", "pipe, write + read of a byte", duration},
	{"pingpong", "pipe ping-pong of two processes", duration},
	{"futex", "futex ping-pong of two threads", duration},
	{"mmap", "mmap + munmap 64 KiB", duration},
	{"touch", "first touch of 64 MiB", duration},
	{"fork", "fork + wait", duration},
	{"exec-static", "fork + exec + wait, static", duration},
	{"exec-dynamic", "fork + exec + wait, /bin/true", duration},
}

// hostRows are measured from outside.
var hostRows = []row{
	{"do", "`do /bin/true`, whole process", duration},
	{"run", "`run` of a static program, whole process", duration},
	{"life", "`create`, `start`, `delete`, whole processes", duration},
	{"exec", "`exec` of a static program, whole process", duration},
	{"docker", "`docker run --rm` of a static program", duration},
	{"idle-processes", "idle sandbox: processes", count},
	{"idle-rss", "idle sandbox: RSS, summed", size},
	{"idle-pss", "idle sandbox: PSS, summed", size},
	{"idle-cpu", "idle sandbox: processor time", share},
}

// samples are the values of each row, by its key, one a run.
type samples map[string][]float64

func (s samples) add(key string, value float64) { s[key] = append(s[key], value) }

// median is that of a row; not there, it is false.
func (s samples) median(key string) (float64, bool) {
	v := slices.Sorted(slices.Values(s[key]))
	switch n := len(v); {
	case n == 0:
		return 0, false
	case n%2 == 0:
		return (v[n/2-1] + v[n/2]) / 2, true
	default:
		return v[n/2], true
	}
}

// show writes a value with three digits that count.
func (u unit) show(v float64) string {
	switch u {
	case duration:
		return scaled(v, 1000, "ns", "µs", "ms", "s")
	case size:
		return scaled(v/1024, 1024, "KiB", "MiB", "GiB")
	case rate:
		return scaled(v, 1000, "B/s", "kB/s", "MB/s", "GB/s")
	case share:
		return fmt.Sprintf("%.3f %%", v/1e4)
	}
	return fmt.Sprintf("%.0f", v)
}

func scaled(v, step float64, names ...string) string {
	i := 0
	for i < len(names)-1 && v >= step {
		v /= step
		i++
	}
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f %s", v, names[i])
	case v < 100:
		return fmt.Sprintf("%.1f %s", v, names[i])
	}
	return fmt.Sprintf("%.0f %s", v, names[i])
}
