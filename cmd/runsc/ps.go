package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"glovebox/control"
	"glovebox/oci/container"
)

var psCommand = command{
	name: "ps", args: "ID",
	summary: "list a container's processes",
	examples: []string{
		"runsc ps web                  # as the container sees them",
		"runsc ps --format json web    # ids of the host, for tools that look there",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		format := fs.String("format", "table", "table or json")
		fs.StringVar(format, "f", "table", "")
		return func(args []string) (int, error) {
			// What follows the id are options of ps(1), for other runtimes.
			if len(args) == 0 {
				return 0, errors.New("ps: which container?")
			}
			return g.ps(args[0], *format)
		}
	},
}

// checkFormat refuses a --format that is neither for people nor for tools.
func checkFormat(format string) error {
	if format != "table" && format != "json" {
		return fmt.Errorf("--format=%s is neither table nor json", format)
	}
	return nil
}

func (g *globals) ps(id, format string) (int, error) {
	if err := checkFormat(format); err != nil {
		return 0, err
	}
	c, client, err := g.connect(id)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	list, err := client.Processes()
	if err != nil {
		return 0, gone(c, err)
	}
	if format == "json" {
		return 0, printJSON(hostPIDs(c, list))
	}
	return printed(func(out io.Writer) {
		w := tabwriter.NewWriter(out, 8, 1, 2, ' ', 0)
		fmt.Fprintln(w, "UID\tPID\tPPID\tPGID\tC\tTTY\tSTIME\tTIME\tCMD")
		now := time.Now()
		for _, p := range list {
			fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", p.UID, p.PID, p.PPID, p.PGID, percent(&p, now), orQuestion(p.TTY),
				started(time.Unix(0, p.StartedNS), now), clock(time.Duration(p.CPUNS)), printable(p.Args))
		}
		w.Flush()
	}), nil
}

// hostPIDs are the processes of the host that run the guest's. Who asks for them is
// going to look at them (docker top): they show the guest's arguments from now on.
func hostPIDs(c *container.Container, list []control.Process) []int {
	pids := container.ChildPIDs(c.Sandbox.PID)
	out := []int{}
	for _, p := range list {
		if pid := pids[p.HostPID]; pid != 0 {
			// Without that they show their names.
			_ = container.ShowArgs(pid, c.Sandbox.PID, printable(p.Args))
			out = append(out, pid)
		}
	}
	return out
}

// percent is the share of a processor since the start (ps(1), C).
func percent(p *control.Process, now time.Time) int64 {
	return p.CPUNS * 100 / max(now.UnixNano()-p.StartedNS, 1)
}

func orQuestion(tty string) string {
	if tty == "" {
		return "?"
	}
	return tty
}

// started is the time of today, or the day.
func started(t, now time.Time) string {
	if now.Sub(t) < 24*time.Hour {
		return t.Format("15:04")
	}
	return t.Format("Jan02")
}

// clock is a duration as HH:MM:SS.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

// printable is a command line without what would change a terminal.
func printable(args []string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.Join(args, " "))
}
