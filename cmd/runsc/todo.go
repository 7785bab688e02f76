package main

var (
	runCommand    = command{name: "run", args: "ID"}
	specCommand   = command{name: "spec"}
	stateCommand  = command{name: "state"}
	listCommand   = command{name: "list"}
	killCommand   = command{name: "kill"}
	deleteCommand = command{name: "delete"}
	createCommand = command{name: "create"}
	startCommand  = command{name: "start"}
)
