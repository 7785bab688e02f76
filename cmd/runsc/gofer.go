package main

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"glovebox/gofer"
	"glovebox/host"
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
			return serveFiles(root)
		}
	},
}

// serveFiles is the gofer's work, until the Sentry hangs up.
func serveFiles(root *sandbox.GoferRoot) (int, error) {
	o := gofer.Options{SelfFDs: root.SelfFDs}
	for i, t := range root.Attach {
		fd, err := unix.Open(t.Path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, fmt.Errorf("attach point %d: %w", i, err)
		}
		o.Attach = append(o.Attach, gofer.Attach{Name: strconv.Itoa(i), Root: fd, ReadOnly: t.ReadOnly})
	}
	if err := host.SealGofer(); err != nil {
		return 0, err
	}
	// On the main thread, to which entering the root may have bound this
	// goroutine, each wake-up would be a hand-over between threads.
	runtime.UnlockOSThread()
	err := gofer.ServeFDs(root.RequestFD, root.AnswerFD, o)
	return root.Ended(), err
}
