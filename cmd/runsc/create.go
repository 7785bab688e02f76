package main

import (
	"errors"
	"flag"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/control"
	"glovebox/oci/container"
)

var createCommand = command{
	name: "create", args: "ID",
	summary:  "make a container from a bundle, for start to run",
	examples: []string{"runsc create --bundle bundle web && runsc start web"},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		l := &launch{globals: g, detach: true}
		l.flags(fs)
		return func(args []string) (int, error) {
			id, err := one(args)
			if err != nil {
				return 0, err
			}
			if err := l.create(id); err != nil {
				return 0, err
			}
			// An answer says that the mounts stand, too.
			if err := l.s.Client.Check(); err != nil {
				_, err = l.failed(l.s, err, l.c.Program)
				l.discard()
				return 0, err
			}
			if err := l.s.Detach(); err != nil {
				l.discard()
				return 0, err
			}
			l.c.Unlock()
			return 0, nil
		}
	},
}

var startCommand = command{
	name: "start", args: "ID",
	summary:  "run a container that was created",
	examples: []string{"runsc start web"},
	run: func(g *globals, _ *flag.FlagSet) func([]string) (int, error) {
		return func(args []string) (int, error) {
			id, err := one(args)
			if err != nil {
				return 0, err
			}
			return 0, g.start(id)
		}
	},
}

func (g *globals) start(id string) error {
	c, err := container.Lock(g.root, id)
	if err != nil {
		return err
	}
	defer c.Unlock()
	switch now := c.Now(); now {
	case specs.StateCreated:
	case specs.StateStopped:
		return fmt.Errorf("cannot start container %q: it is stopped%s", id, lastWords(c))
	default:
		return fmt.Errorf("cannot start container %q: it is %s", id, now)
	}
	client, err := reach(c)
	if err != nil {
		return unreached(c, err)
	}
	defer client.Close()
	err = g.startIn(c, client)
	if errors.Is(err, control.ErrGone) {
		return gone(c, err)
	}
	if err != nil {
		// It will never run: let it be stopped.
		_ = end(c)
		return notStarted(err, c.Program)
	}
	c.Status = specs.StateRunning
	err = c.Save()
	g.poststart(c)
	return err
}
