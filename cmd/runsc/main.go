// Command runsc is an OCI runtime that gives every container a kernel of its
// own. main.go parses the global flags and finds the verb; every verb is a
// file of its own with a row in commands.go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// version is the command's own; releases set it by -ldflags.
var version = "0.1.0-dev"

// runtimeFailed is the status of a failure of the runtime itself.
const runtimeFailed = 128

func main() {
	// A sandbox dies with the thread that started it: PR_SET_PDEATHSIG.
	runtime.LockOSThread()
	os.Exit(Main(os.Args[1:]))
}

// Main runs one command line and returns the process's status.
func Main(args []string) int {
	g, rest, err := parseGlobals(args)
	if errors.Is(err, flag.ErrHelp) {
		return help(g, nil, "")
	}
	if err != nil {
		return fail(g, err)
	}
	defer g.log.close()
	if g.version {
		fmt.Printf("runsc version %s\nspec: %s\n", version, specs.Version)
		return 0
	}
	if len(rest) == 0 {
		usage(os.Stderr, g)
		return runtimeFailed
	}
	name := rest[0]
	c := findCommand(name)
	if c == nil {
		return fail(g, fmt.Errorf("unknown command %q%s; see `runsc help`", name, didYouMean(name, commandNames())))
	}
	if c.run == nil {
		return fail(g, fmt.Errorf("%s: not implemented", name))
	}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	run := c.run(g, fs)
	if err := parse(fs, rest[1:]); errors.Is(err, flag.ErrHelp) {
		commandHelp(os.Stdout, c)
		return 0
	} else if err != nil {
		return fail(g, fmt.Errorf("%s: %w", name, err))
	}
	status, err := run(fs.Args())
	if errors.Is(err, flag.ErrHelp) {
		commandHelp(os.Stdout, c)
		return 0
	}
	if err != nil {
		return fail(g, err)
	}
	return status
}

// A statusError is an error with an exit status of its own.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// fail reports err on standard error, in the log if there is one, and returns
// the status for it.
func fail(g *globals, err error) int {
	// One line, whatever it quotes: callers read the log by lines.
	msg := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	fmt.Fprintln(os.Stderr, "runsc: "+msg)
	if g != nil {
		g.log.errorf("%s", msg)
	}
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	return runtimeFailed
}
