package main

import (
	"errors"
	"flag"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/control"
	"glovebox/oci/container"
)

var waitCommand = command{
	name: "wait", args: "ID",
	summary:  "wait until a container ends",
	examples: []string{"runsc wait web", "runsc wait --pid 7 web"},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		pid := fs.Int("pid", 0, "wait for the process with this `number` inside")
		root := fs.Int("rootpid", 0, "")
		return func(args []string) (int, error) {
			id, err := one(args)
			if err != nil {
				return 0, err
			}
			return g.wait(id, int32(max(*pid, *root)))
		}
	},
}

// endPatience is how long who has the status waits for what else there is to say.
const endPatience = 2 * time.Second

// A waitResult is what wait prints.
type waitResult struct {
	ID         string `json:"id"`
	ExitStatus int    `json:"exitStatus"`
	// OOMKilled is of the container, not of its other processes.
	OOMKilled bool `json:"oomKilled,omitempty"`
}

func (g *globals) wait(id string, pid int32) (int, error) {
	c, err := container.Open(g.root, id)
	if err != nil {
		return 0, err
	}
	switch c.Now() {
	case specs.StateStopped:
		return g.waited(c, pid)
	case specs.StateCreating:
		return 0, notRunning(c)
	}
	client, err := reach(c)
	if errors.Is(err, control.ErrGone) || err != nil && !c.HostProcess().Alive() {
		return g.waited(c, pid)
	}
	if err != nil {
		return 0, err
	}
	defer client.Close()
	status, err := client.Wait(pid)
	if errors.Is(err, control.ErrGone) {
		return g.waited(c, pid)
	}
	if err != nil {
		return 0, err
	}
	r := waitResult{ID: id, ExitStatus: status.ExitCode()}
	if pid <= 1 {
		// The sandbox is about to end, and to leave word.
		e, err := ended(c, endPatience)
		r.OOMKilled = err == nil && e.OOMKilled
	}
	return 0, printJSON(r)
}

// waited is wait for what has ended: it is known of the first process.
func (g *globals) waited(c *container.Container, pid int32) (int, error) {
	e, err := ended(c, patience)
	if err != nil || e.Status < 0 || pid > 1 || e.LastWords() != "" {
		return 0, notRunning(c)
	}
	return 0, printJSON(waitResult{c.ID, e.Status, e.OOMKilled})
}
