package main

import (
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"glovebox/control"
)

var usageCommand = command{
	name: "usage", args: "ID",
	summary: "show a container's memory, processes and processor time",
	examples: []string{
		"runsc usage web",
		"runsc usage --full web                   # and what the Sentry itself has",
		"runsc usage --format json web | jq .memory.total",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		format := fs.String("format", "table", "table or json")
		full := fs.Bool("full", false, "show the memory of the Sentry itself, too")
		return func(args []string) (int, error) {
			id, err := one(args)
			if err != nil {
				return 0, fmt.Errorf("usage: %w", err)
			}
			return g.usage(id, *format, *full)
		}
	},
}

// A containerUsage is what usage prints as JSON.
type containerUsage struct {
	ID        string         `json:"id"`
	Memory    control.Memory `json:"memory"` // bytes
	Processes int            `json:"processes"`
	Threads   int            `json:"threads"`
	CPU       cpuUsage       `json:"cpu"`
	OOMKills  int64          `json:"oomKills"`
	// Sentry is of --full.
	Sentry *control.Sentry `json:"sentry,omitempty"`
}

// A cpuUsage is processor time in nanoseconds.
type cpuUsage struct {
	User   int64 `json:"user"`
	System int64 `json:"system"`
	Total  int64 `json:"total"`
}

func (g *globals) usage(id, format string, full bool) (int, error) {
	if err := checkFormat(format); err != nil {
		return 0, err
	}
	c, client, err := g.connect(id)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	s, err := client.Stats()
	if err != nil {
		return 0, gone(c, err)
	}
	u := &containerUsage{
		ID: id, Memory: s.Memory, Processes: s.Processes, Threads: s.Tasks, OOMKills: s.OOMKills,
		CPU: cpuUsage{s.UserNS, s.SystemNS, s.UserNS + s.SystemNS},
	}
	if full {
		u.Sentry = &s.Sentry
	}
	if format == "json" {
		return 0, printJSON(u)
	}
	return printed(u.table), nil
}

// table is the usage for people.
func (u *containerUsage) table(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	m, limit := &u.Memory, "none"
	if m.Limit > 0 {
		limit = size(m.Limit)
	}
	row("memory", size(m.Total))
	row("  anonymous", size(m.Anonymous))
	row("  shared", size(m.Shared))
	row("  tmpfs and overlay", size(m.Files))
	row("  kernel", size(m.Kernel))
	row("limit", limit)
	row("killed for memory", u.OOMKills)
	row("processes", u.Processes)
	row("threads", u.Threads)
	row("processor time", time.Duration(u.CPU.Total).Round(time.Millisecond))
	if s := u.Sentry; s != nil {
		row("sentry", size(s.Runtime))
		row("  heap", size(s.Heap))
		row("  goroutines", s.Goroutines)
		row("  containers", s.Containers)
	}
	w.Flush()
}

// size is bytes for people.
func size(n uint64) string {
	units := "KMGT"
	f, i := float64(n)/1024, 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}
