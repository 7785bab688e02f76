package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"glovebox/oci/container"
)

var runCommand = command{
	name: "run", args: "ID",
	summary: "make a container from a bundle and run it until it ends",
	examples: []string{
		"mkdir -p bundle/rootfs/bin && cp /bin/busybox bundle/rootfs/bin/sh   # busybox-static",
		"runsc spec --bundle bundle -- sh -c 'echo hello'",
		"runsc run --bundle bundle hello            # the container's name is hello",
		"runsc --overlay2=root:memory run -b bundle hello    # writes stay in memory",
		"runsc run --detach --bundle bundle web && runsc list",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		r := &run{launch{globals: g}}
		r.flags(fs)
		fs.BoolVar(&r.detach, "detach", false, "do not wait for the container's end")
		fs.BoolVar(&r.detach, "d", false, "")
		return r.run
	},
}

type run struct{ launch }

func (r *run) run(args []string) (int, error) {
	id, err := one(args)
	if err != nil {
		return 0, err
	}
	signals, stop := catch()
	defer stop()
	if err := r.create(id); err != nil {
		return 0, err
	}
	if r.detach {
		status, err := r.startDetached()
		if err != nil {
			r.discard()
			return status, err
		}
		r.c.Unlock()
		return status, nil
	}
	status, err := r.startAttached(signals)
	r.s.Kill()
	r.c.Unlock()
	if left := r.remove(); left != nil {
		// The status is the guest's all the same.
		r.log.errorf("%v", left)
		fmt.Fprintln(os.Stderr, "runsc:", left)
	}
	return status, err
}

// remove removes the container unless somebody else did.
func (r *run) remove() error {
	c, err := container.Lock(r.globals.root, r.c.ID)
	if errors.Is(err, container.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Unlock()
	if !c.Created.Equal(r.c.Created) {
		return nil // a later one of the same name
	}
	r.giveNetwork(c)
	if err := r.dropGroup(c); err != nil {
		return err
	}
	err = c.Remove()
	r.poststop(c)
	return err
}
