package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

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
			return 0, printJSON(c.OCI())
		}
	},
}

func printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%s\n", b)
	return err
}
