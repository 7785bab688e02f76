package main

import (
	"errors"
	"flag"
	"fmt"

	"glovebox/oci/sandbox"
)

// goferCommand is the file server's process.
var goferCommand = command{
	name: "gofer", args: "ID", summary: "serve a container's files", internal: true,
	run: func(_ *globals, fs *flag.FlagSet) func([]string) (int, error) {
		config := fs.Int("config-fd", -1, "descriptor of the configuration")
		return func([]string) (int, error) {
			root, err := sandbox.EnterGofer(*config)
			if err != nil {
				return 0, fmt.Errorf("enter the gofer's root: %w", err)
			}
			_ = root
			return 0, errors.New("gofer: not implemented")
		}
	},
}
