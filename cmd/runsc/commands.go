package main

import "flag"

// A command is one verb.
type command struct {
	name     string
	args     string // after the flags
	summary  string
	examples []string
	// run defines the verb's flags and returns what to do once they are
	// parsed; nil if the verb is not built.
	run func(*globals, *flag.FlagSet) func(args []string) (int, error)
	// internal verbs are for runsc itself.
	internal bool
}

// commands is every verb of the contract, in the order of help.
func commands() []command {
	return []command{
		doCommand, runCommand, specCommand, stateCommand, listCommand, killCommand, deleteCommand, helpCommand(),
		createCommand, startCommand,

		execCommand,
		psCommand,
		eventsCommand,
		pauseCommand,
		resumeCommand,
		updateCommand,
		{name: "checkpoint", args: "ID", summary: "write a container's state to files"},
		{name: "restore", args: "ID", summary: "go on from a checkpoint"},
		waitCommand,
		featuresCommand,
		tarCommand,
		{name: "port-forward", args: "ID PORT", summary: "forward a port of the host to a container"},
		installCommand, uninstallCommand,
		{name: "flags", summary: "list the global flags"},
		{name: "trace", summary: "manage trace sessions"},
		debugCommand,
		usageCommand,
		{name: "export-metrics", args: "ID", summary: "print metrics"},
		{name: "metric-metadata", summary: "describe the metrics"},
		{name: "metric-server", summary: "serve metrics to Prometheus"},
		{name: "cpu-features", summary: "list what the processor has"},

		bootCommand, goferCommand, execWaitCommand,
	}
}

func findCommand(name string) *command {
	all := commands()
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		if !c.internal {
			names = append(names, c.name)
		}
	}
	return names
}
