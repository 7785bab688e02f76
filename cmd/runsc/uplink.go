package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"glovebox/boot"
	"glovebox/oci/network"
	"glovebox/oci/sandbox"
)

// withUplink has the sandbox get a network by way of a program of the host, until done.
func (d *do) withUplink(o *sandbox.Options) (done func(), err error) {
	remove, err := d.resolve(o)
	if err != nil {
		return nil, err
	}
	var up *network.Uplink
	o.Uplink = func(pid int) (err error) {
		if up, err = network.StartUplink(pid); err != nil {
			return fmt.Errorf("do: --network: %w", err)
		}
		return nil
	}
	return func() {
		remove()
		if up != nil {
			up.Stop()
		}
	}, nil
}

// resolve gives the program a resolver that it can reach where the host's is on the host's
// loopback.
func (d *do) resolve(o *sandbox.Options) (remove func(), err error) {
	const name = "/etc/resolv.conf"
	b, err := os.ReadFile(filepath.Join(d.root, name))
	if err != nil || !(bytes.Contains(b, []byte("nameserver 127.")) || bytes.Contains(b, []byte("nameserver ::1"))) {
		return func() {}, nil // without the file there is no resolver to mend
	}
	f, err := os.CreateTemp("", "runsc-resolv-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "nameserver %s\n", network.Resolver); err != nil {
		return nil, err
	}
	o.Boot.Mounts = append(o.Boot.Mounts, boot.Mount{Destination: name, Type: "bind", Source: f.Name(), File: true, Options: []string{"ro"}, Attach: len(o.Attach)})
	o.Attach = append(o.Attach, sandbox.AttachPoint{Source: f.Name(), ReadOnly: true})
	return func() { os.Remove(f.Name()) }, f.Chmod(0o644)
}
