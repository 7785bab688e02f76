package boot

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/file/hostfd"
	"glovebox/sentry/vfs"
)

// given are the host's descriptors that a process gets, standard streams (-1 for none)
// and others.
func given(streams [3]int, others []PassedFD) (all []PassedFD) {
	for i, fd := range streams {
		if fd >= 0 {
			all = append(all, PassedFD{fd, int32(i)})
		}
	}
	return append(all, others...)
}

func closeGiven(all []PassedFD) {
	for _, p := range all {
		unix.Close(p.FD)
	}
}

// stdio returns the descriptors that a process starts with, and its terminal if
// it has one. What it is given is closed if that fails. open makes the terminal of the
// standard streams.
func (c *container) stdio(given []PassedFD, open func(fd int) (*terminal, error)) (*vfs.FDTable, *terminal, error) {
	s := &streams{c: c, open: open, table: vfs.NewFDTable()}
	for i, p := range given {
		if err := s.add(p); err != nil {
			closeGiven(given[i+1:])
			s.table.Dec()
			if s.tty != nil {
				s.tty.leave()
			}
			return nil, nil, fmt.Errorf("descriptor %d: %w", p.Guest, err)
		}
	}
	return s.table, s.tty, nil
}

// streams are the open files of a process in the making.
type streams struct {
	c     *container
	open  func(fd int) (*terminal, error)
	table *vfs.FDTable
	tty   *terminal // nil without
	files []*hostfd.File
}

// add adds p, or closes it.
func (s *streams) add(p PassedFD) error {
	h, err := hostfd.New(p.FD, s.files...)
	if err != nil {
		return err
	}
	f, err := s.file(h, p)
	if err != nil {
		h.Release()
		return err
	}
	s.files = append(s.files, h)
	if err := s.table.Set(p.Guest, f, 0, math.MaxInt32); err != nil {
		f.Dec()
		return err
	}
	return nil
}

func (s *streams) file(h *hostfd.File, p PassedFD) (*vfs.File, error) {
	flags, err := unix.FcntlInt(uintptr(p.FD), unix.F_GETFL, 0)
	if err != nil {
		return nil, err
	}
	const kept = linux.O_ACCMODE | linux.O_APPEND | linux.O_NONBLOCK
	mode := uint32(flags) & kept
	switch {
	case h.IsRegular():
		return vfs.NewAnonFile(h.Name(), hostfd.Regular{File: h}, mode), nil
	case s.open != nil && p.Guest <= 2 && h.IsTerminal():
		if s.tty == nil {
			if s.tty, err = s.open(p.FD); err != nil {
				return nil, fmt.Errorf("terminal: %w", err)
			}
		}
		// O_NONBLOCK is ours, for a terminal that runsc made.
		return s.tty.stream(s.c.self(), h, mode&^linux.O_NONBLOCK), nil
	}
	return vfs.NewAnonFile(h.Name(), h, mode), nil
}
