package boot

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/file/hostfd"
	"glovebox/sentry/vfs"
)

// stdio returns the descriptors that a process starts with, and its terminal if
// it has one: the host's fds, which become the table's, -1 for none, and what else
// it is given. open makes the terminal of the standard streams.
func (c *container) stdio(fds [3]int, passed []PassedFD, open func(fd int) (*terminal, error)) (*vfs.FDTable, *terminal, error) {
	t := vfs.NewFDTable()
	var tty *terminal
	var streams []*hostfd.File
	all := make([]PassedFD, 0, len(fds)+len(passed))
	for i, fd := range fds {
		all = append(all, PassedFD{fd, int32(i)})
	}
	for i, p := range append(all, passed...) {
		fd := p.FD
		if fd < 0 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("descriptor %d: %w", p.Guest, err)
		}
		h, err := hostfd.New(fd, streams...)
		if err != nil {
			return nil, nil, fmt.Errorf("descriptor %d: %w", p.Guest, err)
		}
		streams = append(streams, h)
		const kept = linux.O_ACCMODE | linux.O_APPEND | linux.O_NONBLOCK
		mode := uint32(flags) & kept
		var f *vfs.File
		switch {
		case h.IsRegular():
			f = vfs.NewAnonFile(h.Name(), hostfd.Regular{File: h}, mode)
		case open != nil && i < len(fds) && h.IsTerminal():
			if tty == nil {
				if tty, err = open(fd); err != nil {
					return nil, nil, fmt.Errorf("terminal: %w", err)
				}
			}
			f = tty.stream(c.self(), h, mode)
		default:
			f = vfs.NewAnonFile(h.Name(), h, mode)
		}
		if err := t.Set(p.Guest, f, 0, math.MaxInt32); err != nil {
			return nil, nil, err
		}
	}
	return t, tty, nil
}
