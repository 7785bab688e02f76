package main

import (
	"errors"
	"flag"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/control"
	"glovebox/oci/container"
)

// statePaused is what state and list say of a paused container, as runc does.
const statePaused specs.ContainerState = "paused"

var pauseCommand = command{
	name: "pause", args: "ID",
	summary:  "stop a container's processes for a while",
	examples: []string{"runsc pause web && runsc resume web"},
	run: func(g *globals, _ *flag.FlagSet) func([]string) (int, error) {
		return func(args []string) (int, error) {
			return 0, g.change(args, specs.StateRunning, statePaused, (*control.Client).Pause)
		}
	},
}

var resumeCommand = command{
	name: "resume", args: "ID",
	summary:  "let a paused container go on",
	examples: []string{"runsc resume web"},
	run: func(g *globals, _ *flag.FlagSet) func([]string) (int, error) {
		return func(args []string) (int, error) {
			return 0, g.change(args, statePaused, specs.StateRunning, (*control.Client).Resume)
		}
	},
}

// change brings a container from one state to another.
func (g *globals) change(args []string, from, to specs.ContainerState, how func(*control.Client) error) error {
	id, err := one(args)
	if err != nil {
		return err
	}
	c, err := container.Lock(g.root, id)
	if err != nil {
		if c != nil {
			c.Unlock()
		}
		return err
	}
	defer c.Unlock()
	if now := c.Now(); now != from {
		return fmt.Errorf("container %q is %s, not %s", id, now, from)
	}
	client, err := reach(c)
	if err != nil {
		return unreached(c, err)
	}
	defer client.Close()
	if err := how(client); err != nil {
		return gone(c, err)
	}
	c.Status = to
	return c.Save()
}

// connect connects to a container that has processes.
func (g *globals) connect(id string) (*container.Container, *control.Client, error) {
	c, err := container.Open(g.root, id)
	if err != nil {
		return nil, nil, err
	}
	if now := c.Now(); now != specs.StateRunning && now != statePaused && now != specs.StateCreated {
		return nil, nil, notRunning(c)
	}
	client, err := reach(c)
	if err != nil {
		return nil, nil, unreached(c, err)
	}
	return c, client, nil
}

// unreached explains an error of reach.
func unreached(c *container.Container, err error) error {
	if !c.HostProcess().Alive() {
		return notRunning(c)
	}
	return gone(c, err)
}

// gone explains an error of a sandbox that may have ended meanwhile.
func gone(c *container.Container, err error) error {
	if errors.Is(err, control.ErrGone) {
		return notRunning(c)
	}
	return err
}
