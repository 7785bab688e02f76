package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/oci/container"
	"glovebox/oci/sandbox"
)

var killCommand = command{
	name: "kill", args: "ID [SIGNAL]",
	summary:  "send a signal (TERM) to a container's first process",
	examples: []string{"runsc kill web", "runsc kill web KILL", "runsc kill --all web 9"},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		k := &kill{globals: g}
		fs.BoolVar(&k.all, "all", false, "send it to every process of the container")
		fs.BoolVar(&k.all, "a", false, "")
		fs.IntVar(&k.pid, "pid", 0, "send it to the process with this `number` inside")
		fs.IntVar(&k.pgid, "pgid", 0, "send it to the process group with this `number` inside")
		return k.run
	},
}

// killPatience is how long a sandbox may take to answer that it kills its first
// process. Then it is killed itself.
const killPatience = 5 * time.Second

type kill struct {
	*globals
	all       bool
	pid, pgid int
}

func (k *kill) run(args []string) (int, error) {
	if len(args) < 1 || len(args) > 2 {
		return 0, fmt.Errorf("kill: want a container id and a signal, not %d arguments", len(args))
	}
	a := control.SignalArgs{Signal: int(unix.SIGTERM)}
	if len(args) == 2 {
		var err error
		if a.Signal, err = parseSignal(args[1]); err != nil {
			return 0, err
		}
	}
	switch {
	case k.all:
		a.Scope = control.Everyone
	case k.pgid != 0:
		a.PID, a.Scope = int32(k.pgid), control.ProcessGroup
	default:
		a.PID = int32(k.pid)
	}
	return 0, k.send(args[0], a)
}

func (k *kill) send(id string, a control.SignalArgs) error {
	c, err := container.Open(k.globals.root, id)
	if err != nil {
		return err
	}
	switch c.Now() {
	case specs.StateStopped:
		// Callers who want everything gone have it.
		if k.all {
			return nil
		}
		return notRunning(c)
	case specs.StateCreating:
		return fmt.Errorf("cannot kill container %q: it is being created", id)
	case specs.StateCreated:
		if !startedMeanwhile(c) {
			// There is no process yet that could handle or ignore it.
			if ends(unix.Signal(a.Signal)) {
				return end(c)
			}
			return nil
		}
	}
	if a.Signal == int(unix.SIGKILL) && (a.PID <= 1 || k.all) {
		// Whatever the Sentry is busy with, or has run out of.
		late := time.AfterFunc(killPatience, func() { _ = c.HostProcess().Kill(patience) })
		defer late.Stop()
	}
	client, err := reach(c)
	if err != nil {
		return unreached(c, err)
	}
	defer client.Close()
	err = client.Signal(a)
	if errors.Is(err, control.ErrGone) && a.Signal == int(unix.SIGKILL) && !c.HostProcess().Alive() {
		return nil
	}
	if errors.Is(err, control.ErrGone) {
		return notRunning(c)
	}
	return err
}

// startedMeanwhile reports whether the first process runs although nobody has noted that
// yet: `run` does when it hears of it, and the program may be faster.
func startedMeanwhile(c *container.Container) bool {
	client, err := reach(c)
	if err != nil {
		return false
	}
	defer client.Close()
	// A start that hangs in a hook lets nobody know.
	defer time.AfterFunc(time.Second, func() { client.Close() }).Stop()
	st, err := client.State()
	return err == nil && st.Status != string(specs.StateCreated)
}

// notRunning is the error of who wants something of a container that has ended.
func notRunning(c *container.Container) error {
	return fmt.Errorf("container %q: container not running%s", c.ID, lastWords(c))
}

// lastWords is why a container's sandbox died, to be put behind an error; "" if it
// ended in order.
func lastWords(c *container.Container) string {
	if c.Now() != specs.StateStopped {
		return ""
	}
	if e, err := ended(c, patience); err == nil && e.LastWords() != "" {
		return ": " + e.LastWords()
	}
	return ""
}

// ended is how a container's sandbox did, of which its gofer, given so much time, leaves
// word.
func ended(c *container.Container, patience time.Duration) (sandbox.End, error) {
	if err := c.Gofer.Gone(patience); err != nil {
		return sandbox.End{}, err
	}
	return sandbox.ReadEnd(c.Dir())
}

// parseSignal reads a signal's name, with or without SIG, or number.
func parseSignal(s string) (int, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 64 {
			return 0, fmt.Errorf("signal %d does not exist", n)
		}
		return n, nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	for prefix, base := range map[string]int{"SIGRTMIN": 34, "SIGRTMAX": 64} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			n, err := strconv.Atoi("0" + strings.TrimLeft(rest, "+-"))
			if strings.HasPrefix(rest, "-") {
				n = -n
			}
			if err == nil && base+n >= 34 && base+n <= 64 {
				return base + n, nil
			}
		}
	}
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

// ends reports whether a signal's default is the end of a process: signal(7).
func ends(s unix.Signal) bool {
	switch s {
	case unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return false
	}
	return true
}
