package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"text/tabwriter"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/oci/container"
)

var listCommand = command{
	name: "list", summary: "list the containers",
	examples: []string{"runsc list", "runsc list --format=json", "runsc list -q | xargs -rn1 runsc delete --force"},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		l := &list{globals: g}
		fs.StringVar(&l.format, "format", "table", "`format`: table or json")
		fs.StringVar(&l.format, "f", "table", "")
		fs.BoolVar(&l.quiet, "quiet", false, "show ids only")
		fs.BoolVar(&l.quiet, "q", false, "")
		return l.run
	},
}

type list struct {
	*globals
	format string
	quiet  bool
}

// A listed container has the fields that go-runc reads.
type listed struct {
	Version     string               `json:"ociVersion"`
	ID          string               `json:"id"`
	PID         int                  `json:"pid"`
	Status      specs.ContainerState `json:"status"`
	Bundle      string               `json:"bundle"`
	Rootfs      string               `json:"rootfs"`
	Created     time.Time            `json:"created"`
	Annotations map[string]string    `json:"annotations,omitempty"`
	Owner       string               `json:"owner"`
}

func (l *list) run(args []string) (int, error) {
	if len(args) != 0 {
		return 0, fmt.Errorf("list: takes no arguments, and was given %q", args[0])
	}
	if err := checkFormat(l.format); err != nil {
		return 0, err
	}
	all, broken, err := container.List(l.globals.root)
	if err != nil {
		return 0, err
	}
	for _, err := range broken {
		l.log.warnf("%v", err)
		fmt.Fprintln(os.Stderr, "runsc: warning:", err)
	}
	rows := []listed{}
	for _, c := range all {
		s := ociState(c)
		rows = append(rows, listed{
			s.Version, s.ID, s.Pid, s.Status, s.Bundle, c.Rootfs, c.Created, s.Annotations, userName(c.Owner),
		})
	}
	switch {
	case l.quiet:
		return printed(func(w io.Writer) {
			for _, r := range rows {
				fmt.Fprintln(w, r.ID)
			}
		}), nil
	case l.format == "json":
		return 0, printJSON(rows)
	}
	return printed(func(out io.Writer) {
		w := tabwriter.NewWriter(out, 12, 1, 3, ' ', 0)
		fmt.Fprintln(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER")
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", r.ID, r.PID, r.Status, r.Bundle, r.Created.Format(time.RFC3339Nano), r.Owner)
		}
		w.Flush()
	}), nil
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}
