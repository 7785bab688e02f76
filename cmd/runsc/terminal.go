package main

import (
	"errors"
	"fmt"
	"net"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"glovebox/oci/sandbox"
)

// A terminal is a pseudoterminal of the host that a container gets; nil if runsc
// makes none.
type terminal struct{ master, slave int }

// terminal connects the container's standard streams: to runsc's own, or to a
// terminal of its own whose master side --console-socket gets.
func (l *launch) terminal(o *sandbox.Options) (*terminal, error) {
	p := l.b.Spec.Process
	switch {
	case !p.Terminal && l.console != "":
		return nil, errors.New("--console-socket needs process.terminal to be true")
	case !p.Terminal:
		return nil, nil
	case l.console == "" && l.detach:
		return nil, errors.New("process.terminal is true: a container that nobody waits for needs --console-socket")
	case l.console == "" && !isTerminal(0):
		return nil, errors.New("process.terminal is true, but standard input is no terminal, and there is no --console-socket")
	case l.console == "":
		o.Boot.Console = true
		return nil, nil
	}
	t, err := sizedTerminal(p)
	if err != nil {
		return nil, err
	}
	o.Boot.Console = true
	o.OwnConsole = true
	o.Boot.StdioFDs = [3]int{t.slave, t.slave, t.slave}
	return t, nil
}

// sizedTerminal makes a pair for p.
func sizedTerminal(p *specs.Process) (*terminal, error) {
	t, err := newTerminal()
	if err != nil {
		return nil, fmt.Errorf("make a terminal: %w", err)
	}
	if b := p.ConsoleSize; b != nil {
		// The size is a hint.
		_ = unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(b.Height), Col: uint16(b.Width)})
	}
	return t, nil
}

// newTerminal makes a pair: pty(7).
func newTerminal() (*terminal, error) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(master)
		return nil, fmt.Errorf("unlock: %w", err)
	}
	// Not by its name, which may belong to another devpts (ioctl_tty(2)). A write to a
	// terminal that nobody reads must not block the Sentry; guests wait all the same.
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if errno != 0 {
		unix.Close(master)
		return nil, fmt.Errorf("open the slave: %w", errno)
	}
	return &terminal{master, int(slave)}, nil
}

// send hands the master side to whoever listens at path.
func (t *terminal) send(path string) error {
	if t == nil || path == "" {
		return nil
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("--console-socket: %w", err)
	}
	defer c.Close()
	if _, _, err := c.WriteMsgUnix([]byte("/dev/ptmx"), unix.UnixRights(t.master), nil); err != nil {
		return fmt.Errorf("--console-socket: %w", err)
	}
	return nil
}

func (t *terminal) close() {
	if t != nil {
		unix.Close(t.master)
		unix.Close(t.slave)
	}
}
