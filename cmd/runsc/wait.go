package main

import (
	"flag"

	"glovebox/control"
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

// A waitResult is what wait prints.
type waitResult struct {
	ID         string `json:"id"`
	ExitStatus int    `json:"exitStatus"`
}

func (g *globals) wait(id string, pid int32) (int, error) {
	_, client, err := g.connect(id)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var status control.WaitStatus
	if status, err = client.Wait(pid); err != nil {
		return 0, gone(id, err)
	}
	return 0, printJSON(waitResult{id, status.ExitCode()})
}
