package main

import (
	"errors"
	"flag"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/oci/container"
)

var deleteCommand = command{
	name: "delete", args: "ID...",
	summary:  "remove containers that are stopped",
	examples: []string{"runsc delete web", "runsc delete --force web         # kill it first if it runs"},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		d := &deletion{globals: g}
		fs.BoolVar(&d.force, "force", false, "kill what runs; a container that does not exist is fine")
		fs.BoolVar(&d.force, "f", false, "")
		return d.run
	},
}

type deletion struct {
	*globals
	force bool
}

// patience is how long a process may take to end after SIGKILL: its memory has to
// be given back.
const patience = 30 * time.Second

func (d *deletion) run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("delete: which container?")
	}
	var errs []error
	for _, id := range args {
		errs = append(errs, d.remove(id))
	}
	return 0, errors.Join(errs...)
}

func (d *deletion) remove(id string) error {
	c, err := container.Lock(d.globals.root, id)
	var broken *container.BrokenError
	switch {
	case d.force && errors.Is(err, container.ErrNotExist):
		return nil
	case d.force && errors.As(err, &broken):
		d.log.warnf("%v", err)
		if c.HostProcess().PID == 0 {
			// The state does not say whom to kill.
			hangUp(c)
		}
	case err != nil && c != nil:
		c.Unlock()
		return err
	case err != nil:
		return err
	}
	defer c.Unlock()
	if now := c.Now(); (now == specs.StateRunning || now == statePaused) && !d.force {
		return fmt.Errorf("cannot delete container %q that is not stopped: %s", id, now)
	}
	if err := end(c); err != nil {
		return err
	}
	d.giveNetwork(c)
	if err := d.dropGroup(c); err != nil {
		return err
	}
	err = c.Remove()
	d.poststop(c)
	return err
}

// end ends a container's processes, those of the host with them.
func end(c *container.Container) error {
	if c.SandboxID != "" && c.Gofer.Alive() {
		// The Sentry goes on, and is to be done with the container.
		hangUp(c)
	}
	return errors.Join(c.HostProcess().Kill(patience), c.Gofer.Kill(patience))
}

// hangUp has the container end, if there is a sandbox that can be asked.
func hangUp(c *container.Container) {
	if client, err := reach(c); err == nil {
		// Without an answer it has ended, or is to lose its gofer.
		_ = client.Destroy(patience)
		client.Close()
	}
}
