package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// helpCommand is a function because help lists itself.
func helpCommand() command {
	return command{
		name: "help", args: "[COMMAND | syscalls | platforms]", summary: "explain a command",
		examples: []string{"runsc help do", "runsc help syscalls", "runsc help --format=markdown syscalls"},
		run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
			format := fs.String("format", "text", "`format` of the list of calls: text or markdown")
			return func(args []string) (int, error) { return help(g, args, *format), nil }
		},
	}
}

func help(g *globals, args []string, format string) int {
	if len(args) == 0 {
		usage(os.Stdout, g)
		return 0
	}
	switch args[0] {
	case "syscalls":
		list, ok := syscallLists[format]
		if !ok {
			return fail(g, fmt.Errorf("help: --format=%s is neither text nor markdown", format))
		}
		return printed(list)
	case "platforms":
		fmt.Println("systrap  guest code runs in seccomp-confined processes; no virtualisation needed")
		return 0
	}
	c := findCommand(args[0])
	if c == nil {
		return fail(g, fmt.Errorf("help: no command %q%s", args[0], didYouMean(args[0], commandNames())))
	}
	commandHelp(os.Stdout, c)
	return 0
}

// printed buffers what fn writes to standard output.
func printed(fn func(io.Writer)) int {
	w := bufio.NewWriter(os.Stdout)
	fn(w)
	if w.Flush() != nil {
		return runtimeFailed
	}
	return 0
}

func usage(out io.Writer, g *globals) {
	fmt.Fprint(out, "runsc runs containers, each on a kernel of its own.\n\n"+
		"usage: runsc [flags] COMMAND [flags] [arguments]\n\ncommands:\n")
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	var missing []string
	for _, c := range commands() {
		switch {
		case c.internal:
		case c.run == nil:
			missing = append(missing, c.name)
		default:
			fmt.Fprintf(w, "  %s\t%s\n", c.name, c.summary)
		}
	}
	w.Flush()
	fmt.Fprintf(out, "\nnot implemented yet: %s\n\nflags (one dash or two):\n", strings.Join(missing, " "))
	printFlags(out, g.flags())
	fmt.Fprint(out, "\ntry: runsc do echo hello\n     runsc help do\n")
}

func commandHelp(out io.Writer, c *command) {
	fmt.Fprintf(out, "runsc %s: %s\n\nusage: runsc [flags] %s [flags] %s\n", c.name, c.summary, c.name, c.args)
	if c.run == nil {
		fmt.Fprintln(out, "\nnot implemented yet")
		return
	}
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.run(&globals{log: &logger{}}, fs)
	n := 0
	fs.VisitAll(func(*flag.Flag) { n++ })
	if n > 0 {
		fmt.Fprintln(out, "\nflags:")
		printFlags(out, fs)
	}
	if len(c.examples) > 0 {
		fmt.Fprintln(out, "\nexamples:")
		for _, e := range c.examples {
			fmt.Fprintln(out, "  "+e)
		}
	}
}

// printFlags lists the flags that have an explanation.
func printFlags(out io.Writer, fs *flag.FlagSet) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" {
			return
		}
		arg, text := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if arg != "" {
			name += "=" + strings.ReplaceAll(arg, " ", "")
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "-1" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %s\t%s\n", name, strings.ReplaceAll(text, "`", ""))
	})
	w.Flush()
}
