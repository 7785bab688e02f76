package boot

import (
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/file/hostfd"
	"glovebox/sentry/vfs"
)

// stdio returns the descriptors that the first process starts with, and its
// console if it has one.
func (s *sandbox) stdio() (*vfs.FDTable, *terminal, error) {
	t := vfs.NewFDTable()
	var tty *terminal
	var streams []*hostfd.File
	for i, fd := range s.cfg.StdioFDs {
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
		open := uint32(flags) & kept
		var f *vfs.File
		switch {
		case h.IsRegular():
			f = vfs.NewAnonFile(h.Name(), hostfd.Regular{File: h}, open)
		case s.cfg.Console && h.IsTerminal():
			if tty == nil {
				if tty, err = s.newTerminal(fd); err != nil {
					return nil, nil, fmt.Errorf("console: %w", err)
				}
			}
			f = tty.stream(s.self(), h, open)
		default:
			f = vfs.NewAnonFile(h.Name(), h, open)
		}
		if err := t.Set(int32(i), f, 0, 3); err != nil {
			return nil, nil, err
		}
	}
	return t, tty, nil
}
