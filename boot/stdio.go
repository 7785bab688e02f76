package boot

import (
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/file/hostfd"
	"glovebox/sentry/vfs"
)

// stdio returns the descriptors that a process starts with, and its terminal if
// it has one: the host's fds, which become the table's, -1 for none. open makes
// the terminal.
func (c *container) stdio(fds [3]int, open func(fd int) (*terminal, error)) (*vfs.FDTable, *terminal, error) {
	t := vfs.NewFDTable()
	var tty *terminal
	var streams []*hostfd.File
	for i, fd := range fds {
		if fd < 0 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
		h, err := hostfd.New(fd, streams...)
		if err != nil {
			return nil, nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
		streams = append(streams, h)
		const kept = linux.O_ACCMODE | linux.O_APPEND | linux.O_NONBLOCK
		mode := uint32(flags) & kept
		var f *vfs.File
		switch {
		case h.IsRegular():
			f = vfs.NewAnonFile(h.Name(), hostfd.Regular{File: h}, mode)
		case open != nil && h.IsTerminal():
			if tty == nil {
				if tty, err = open(fd); err != nil {
					return nil, nil, fmt.Errorf("terminal: %w", err)
				}
			}
			f = tty.stream(c.self(), h, mode)
		default:
			f = vfs.NewAnonFile(h.Name(), h, mode)
		}
		if err := t.Set(int32(i), f, 0, 3); err != nil {
			return nil, nil, err
		}
	}
	return t, tty, nil
}
