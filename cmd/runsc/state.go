package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/oci/container"
)

var stateCommand = command{
	name: "state", args: "ID", summary: "show a container's state as JSON",
	examples: []string{"runsc state web"},
	run: func(g *globals, _ *flag.FlagSet) func([]string) (int, error) {
		return func(args []string) (int, error) {
			id, err := one(args)
			if err != nil {
				return 0, err
			}
			c, err := container.Open(g.root, id)
			if err != nil {
				return 0, err
			}
			return 0, printJSON(ociState(c))
		}
	},
}

// oomKilled is the annotation of a stopped container of which a process was killed for
// memory. The state that the OCI specifies has no other place for it.
const oomKilled = "dev.glovebox.oom-killed"

// ociState is the state as callers of a runtime want it.
func ociState(c *container.Container) specs.State {
	s := c.OCI()
	if s.Status != specs.StateStopped {
		return s
	}
	if e, err := ended(c, endPatience); err == nil && e.OOMKilled {
		s.Annotations = maps.Clone(s.Annotations)
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[oomKilled] = "true"
	}
	return s
}

func printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%s\n", b)
	return err
}
