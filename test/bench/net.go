package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// netRows are what net.c prints.
var netRows = []row{
	{"net-out", "TCP to the outside", rate},
	{"net-in", "TCP from the outside", rate},
	{"net-rr", "TCP, 64 bytes there and back", duration},
	{"net-connect", "TCP connection made and closed", duration},
}

// The two ends of the wire.
const (
	nearAddr, farAddr = "10.93.0.2", "10.93.0.1"
	nearName, farName = "gb-bench-near", "gb-bench-far"
)

// network measures TCP over a veth pair: the program in a namespace by path, or in a
// container there, the servers in another.
func (b *bench) network(runtimes []*runtime, dir string) error {
	program := filepath.Join(dir, "net")
	source := filepath.Join(filepath.Dir(b.source), "net.c")
	if _, err := output(exec.Command("gcc", "-O2", "-Wall", "-static", "-o", program, source)); err != nil {
		return err
	}
	defer wire("netns del "+nearName, "netns del "+farName)
	if err := wire("netns add "+nearName, "netns add "+farName,
		"-n "+nearName+" link add eth0 type veth peer name eth1 netns "+farName,
		"-n "+nearName+" addr add "+nearAddr+"/24 dev eth0", "-n "+nearName+" link set eth0 up",
		"-n "+farName+" addr add "+farAddr+"/24 dev eth1", "-n "+farName+" link set eth1 up"); err != nil {
		return err
	}
	stop, err := serve()
	if err != nil {
		return err
	}
	defer stop()
	args := []string{"/measure", farAddr}
	if b.quick {
		args = append(args, "quick")
	}
	bundle := filepath.Join(dir, "net-bundle")
	if err := netBundle(program, bundle, args); err != nil {
		return err
	}
	for i := range b.runs {
		for _, r := range runtimes {
			fmt.Fprintf(b.log, "network run %d of %d: %s\n", i+1, b.runs, r.name)
			with := *r
			with.command = slices.DeleteFunc(slices.Clone(r.command), func(a string) bool { return a == "-network=none" })
			c := with.run(bundle, fmt.Sprintf("bench-%d-%d-net", os.Getpid(), i))
			if c == nil {
				c = exec.Command("nsenter", append([]string{"--net=/run/netns/" + nearName, program}, args[1:]...)...)
			}
			out, err := output(c)
			if err != nil {
				return err
			}
			if err := parse(out, r.got, netRows); err != nil {
				return err
			}
			// What does not give the addresses back.
			_ = wire("-n "+nearName+" addr replace "+nearAddr+"/24 dev eth0", "-n "+nearName+" link set eth0 up")
		}
	}
	return nil
}

// wire runs ip(8) commands.
func wire(commands ...string) error {
	for _, c := range commands {
		if _, err := output(exec.Command("ip", strings.Fields(c)...)); err != nil {
			return err
		}
	}
	return nil
}

func netBundle(program, bundle string, args []string) error {
	if _, err := makeBundle(program, bundle, "exit"); err != nil {
		return err
	}
	name := filepath.Join(bundle, "config.json")
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var s specs.Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	s.Process.Args = args
	for i := range s.Linux.Namespaces {
		if n := &s.Linux.Namespaces[i]; n.Type == specs.NetworkNamespace {
			n.Path = "/run/netns/" + nearName
		}
	}
	if b, err = json.Marshal(&s); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

// servers are what answers at farAddr, from port 7001 on.
var servers = []func(c net.Conn){
	func(c net.Conn) { // a sink
		_, _ = io.Copy(io.Discard, c)
		_, _ = c.Write([]byte{1})
	},
	func(c net.Conn) { // a source of as much as it is told
		var n [8]byte
		if _, err := io.ReadFull(c, n[:]); err == nil {
			b := make([]byte, 128<<10)
			for left := int64(binary.NativeEndian.Uint64(n[:])); left > 0; left -= int64(len(b)) {
				if _, err := c.Write(b[:min(int64(len(b)), left)]); err != nil {
					return
				}
			}
		}
	},
	func(c net.Conn) { // an echo
		b := make([]byte, 64)
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	},
	func(net.Conn) {},
}

// serve starts them in the far namespace.
func serve() (stop func(), err error) {
	var all []net.Listener
	stop = func() {
		for _, l := range all {
			l.Close()
		}
	}
	result := make(chan error)
	go func() {
		goruntime.LockOSThread() // which ends with the goroutine
		ns, err := os.Open("/run/netns/" + farName)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			ns.Close()
		}
		for i := 0; err == nil && i < len(servers); i++ {
			var l net.Listener
			if l, err = net.Listen("tcp", fmt.Sprintf("%s:%d", farAddr, 7001+i)); err == nil {
				all = append(all, l)
			}
		}
		result <- err
	}()
	if err := <-result; err != nil {
		stop()
		return nil, err
	}
	for i, l := range all {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					servers[i](c)
					c.Close()
				}()
			}
		}()
	}
	return stop, nil
}
