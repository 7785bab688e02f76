package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// An Uplink is TCP/IP of an ordinary program of the host for a network namespace that has
// none: slirp4netns(1).
type Uplink struct {
	cmd  *exec.Cmd
	exit *os.File // its end is the program's
}

// Resolver is the address at which an uplink passes questions on to the host's resolver.
const Resolver = "10.0.2.3"

// uplinkMTU is in bytes: what goes to a program of this machine need not be small.
const uplinkMTU = "65520"

// StartUplink gives the namespace of a process an interface, and returns when it is there.
func StartUplink(pid int) (*Uplink, error) {
	program, err := exec.LookPath("slirp4netns")
	if err != nil {
		return nil, errors.New("it takes slirp4netns (apt-get install slirp4netns)")
	}
	exit, keep, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer exit.Close()
	ready, done, err := os.Pipe()
	if err != nil {
		keep.Close()
		return nil, err
	}
	defer ready.Close()
	var said strings.Builder
	u := &Uplink{exec.Command(program, "--configure", "--mtu="+uplinkMTU, "--disable-host-loopback", "--enable-sandbox",
		"--exit-fd=3", "--ready-fd=4", strconv.Itoa(pid), "eth0"), keep}
	if os.Geteuid() == 0 {
		// Its sandbox unmounts what it does not need, and where mounts are shared that
		// would be the host's as well.
		u.cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	}
	u.cmd.ExtraFiles = []*os.File{exit, done}
	u.cmd.Stderr = &said
	err = u.cmd.Start()
	done.Close()
	if err != nil {
		keep.Close()
		return nil, err
	}
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		u.Stop() // and it has said all that it will
		return nil, fmt.Errorf("slirp4netns: %s", strings.Join(strings.Fields(said.String()), " "))
	}
	return u, nil
}

// Stop ends it.
func (u *Uplink) Stop() {
	u.exit.Close()
	_ = u.cmd.Wait() // how it ends does not matter
}
