package main

import (
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// result is what was measured, where and when.
type result struct {
	Date     time.Time
	Machine  string
	Load     []string // before the first run and after each
	Runs     int
	Runtimes []named
}

type named struct {
	Name    string
	Samples samples
}

// table writes the medians as markdown, beside their ratio to the first runtime,
// the host.
func (r *result) table(w io.Writer) {
	fmt.Fprintf(w, "%s, %s; medians of %d runs by turns; load %s.\n\n", r.Date.Format(time.DateTime+" UTC"), r.Machine, r.Runs, strings.Join(r.Load, ", "))
	fmt.Fprint(w, "| |")
	for _, rt := range r.Runtimes {
		fmt.Fprintf(w, " %s |", rt.Name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(r.Runtimes)))
	for _, row := range slices.Concat(programRows, hostRows, netRows) {
		fmt.Fprintf(w, "| %s |", row.name)
		base, hasBase := r.Runtimes[0].Samples.median(row.key)
		for i, rt := range r.Runtimes {
			v, ok := rt.Samples.median(row.key)
			switch {
			case !ok:
				fmt.Fprint(w, " |")
			case i > 0 && hasBase && (row.unit == duration || row.unit == rate):
				fmt.Fprintf(w, " %s (%s) |", row.unit.show(v), ratio(v/base))
			default:
				fmt.Fprintf(w, " %s |", row.unit.show(v))
			}
		}
		fmt.Fprintln(w)
	}
}

func ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.2g×", r)
	}
	return fmt.Sprintf("%.0f×", r)
}

// machine names the processor, how many there are, and the kernel.
func machine() string {
	model := "an unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "unknown"
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Release[:])
	}
	return fmt.Sprintf("%s, %d processors, Linux %s", model, goruntime.NumCPU(), kernel)
}

// load is the load average of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
