package main

import (
	"flag"
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/oci/sandbox"
)

// bootCommand is the Sentry's process.
var bootCommand = command{
	name: "boot", args: "ID", summary: "be the Sentry of a sandbox", internal: true,
	run: func(_ *globals, fs *flag.FlagSet) func([]string) (int, error) {
		config := fs.Int("config-fd", -1, "descriptor of the configuration")
		return func([]string) (int, error) {
			cfg, err := sandbox.EnterSentry(*config)
			if err != nil {
				return 0, fmt.Errorf("enter the sandbox: %w", err)
			}
			end := boot.Main(cfg)
			boot.NoteEnd(unix.Stderr, end)
			return end.Status, nil
		}
	},
}
