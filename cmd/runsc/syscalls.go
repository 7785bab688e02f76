package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"glovebox/sentry/sys"
)

// syscallLists print the table in a format.
var syscallLists = map[string]func(io.Writer){
	"text":     syscallsHelp,
	"markdown": syscallsMarkdown,
}

// syscallsHelp prints the Sentry's table: what a guest may call, what is
// partial, and what is refused and why.
func syscallsHelp(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tNAME\tSTATE\tNOTE")
	full, partial, refused, missing := 0, 0, 0, 0
	for no, c := range sys.Rows() {
		switch {
		case c.Name == "":
			missing++
		case c.Errno != 0:
			refused++
			fmt.Fprintf(w, "%d\t%s\trefused\t%s: %s\n", no, c.Name, c.Errno.Name(), c.Why)
		case c.Missing != "":
			partial++
			fmt.Fprintf(w, "%d\t%s\tpartial\t%s\n", no, c.Name, c.Missing)
		default:
			full++
			fmt.Fprintf(w, "%d\t%s\timplemented\t\n", no, c.Name)
		}
	}
	w.Flush()
	fmt.Fprintf(out, "%d implemented, %d partial, %d refused; other numbers (%d) return ENOSYS\n", full, partial, refused, missing)
}

// syscallsMarkdown prints the table as a part of docs/compatibility.md: calls that
// are refused for the same reason share a line.
func syscallsMarkdown(out io.Writer) {
	type reason struct{ errno, why string }
	var full, partial []string
	var reasons []reason
	refused := map[reason][]string{}
	for _, c := range sys.Rows() {
		switch {
		case c.Name == "":
		case c.Errno != 0:
			r := reason{c.Errno.Name(), c.Why}
			if refused[r] == nil {
				reasons = append(reasons, r)
			}
			refused[r] = append(refused[r], c.Name)
		case c.Missing != "":
			partial = append(partial, fmt.Sprintf("| %s | %s |", c.Name, c.Missing))
		default:
			full = append(full, c.Name)
		}
	}
	fmt.Fprintf(out, "### Implemented (%d)\n\n%s.\n\n", len(full), strings.Join(full, ", "))
	fmt.Fprintf(out, "### Partial (%d)\n\n| call | what is not there |\n|---|---|\n%s\n\n", len(partial), strings.Join(partial, "\n"))
	n := 0
	for _, names := range refused {
		n += len(names)
	}
	fmt.Fprintf(out, "### Refused (%d)\n\n| calls | errno | why |\n|---|---|---|\n", n)
	for _, r := range reasons {
		fmt.Fprintf(out, "| %s | %s | %s |\n", strings.Join(refused[r], ", "), r.errno, r.why)
	}
	fmt.Fprint(out, "\nAll other numbers return ENOSYS.\n")
}

// verbsMarkdown prints which verbs there are, for the same page.
func verbsMarkdown(out io.Writer) {
	var built, not []string
	for _, c := range commands() {
		switch {
		case c.internal:
		case c.run == nil:
			not = append(not, c.name)
		default:
			built = append(built, c.name)
		}
	}
	fmt.Fprintf(out, "Built: %s. Not built, they say so with status 128: %s.\n", strings.Join(built, ", "), strings.Join(not, ", "))
}
