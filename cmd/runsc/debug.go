package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"glovebox/control"
)

var debugCommand = command{
	name: "debug", args: "ID",
	summary: "look into a sandbox",
	examples: []string{
		"runsc debug --strace web                    # until Ctrl-C",
		"runsc debug --strace=openat,execve web",
		"runsc debug --stacks web                    # what the Sentry does",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		d := &debug{globals: g}
		fs.Var(&d.strace, "strace", "print the system calls, all or a `list`, as they are made")
		fs.BoolVar(&d.stacks, "stacks", false, "print the stacks of the Sentry's goroutines")
		return d.run
	},
}

type debug struct {
	*globals
	strace callList
	stacks bool
}

// A callList is a flag that may have a value: names of system calls.
type callList struct {
	on    bool
	names []string
}

// IsBoolFlag says that the value may be left out.
func (*callList) IsBoolFlag() bool { return true }

func (l *callList) String() string { return strings.Join(l.names, ",") }

// Set implements flag.Value.
func (l *callList) Set(s string) error {
	l.on, l.names = true, nil
	switch s {
	case "true", "all":
	case "", "false", "off":
		l.on = false
	default:
		l.names = strings.Split(s, ",")
	}
	return nil
}

func (d *debug) run(args []string) (int, error) {
	id, err := one(args)
	if err != nil {
		return 0, fmt.Errorf("debug: %w", err)
	}
	if d.stacks == d.strace.on {
		return 0, errors.New("debug: want one of --strace and --stacks")
	}
	c, client, err := d.connect(id)
	if err != nil {
		return 0, err
	}
	// Its end ends what was asked for.
	defer client.Close()
	from, to, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer from.Close()
	const room = 1 << 20
	_, _ = unix.FcntlInt(to.Fd(), unix.F_SETPIPE_SZ, room) // the more, the fewer lines are lost
	answer := make(chan error, 1)
	go func() {
		defer to.Close()
		if d.stacks {
			answer <- client.Stacks(int(to.Fd()))
		} else {
			answer <- client.Strace(d.strace.names, int(to.Fd()))
		}
	}()
	// Ctrl-C leaves what was printed whole.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM)
	go func() {
		<-stop
		client.Close()
	}()
	if _, err := io.Copy(os.Stdout, from); err != nil {
		return 0, err
	}
	if err := <-answer; err != nil && !errors.Is(err, control.ErrGone) {
		return 0, gone(c, err)
	}
	return 0, nil
}
