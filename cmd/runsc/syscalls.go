package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"glovebox/sentry/sys"
)

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
