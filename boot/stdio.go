package boot

import (
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/file/hostfd"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// A terminal is the console that runsc was given: the host's line discipline,
// our job control.
type terminal struct {
	*hostfd.File
	kernel.Terminal
}

// stdio returns the descriptors that the first process starts with, and its
// console if it has one.
func stdio(cfg *Config) (*vfs.FDTable, *terminal, error) {
	t := vfs.NewFDTable()
	var tty *terminal
	for i, fd := range cfg.StdioFDs {
		if fd < 0 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
		h, err := hostfd.New(fd)
		if err != nil {
			return nil, nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
		var ops vfs.FileOps = h
		if h.IsRegular() {
			ops = hostfd.Regular{File: h}
		}
		if cfg.Console && h.IsTerminal() {
			if tty == nil {
				tty = &terminal{File: h}
			}
			ops = &console{File: h, tty: tty}
		}
		const kept = linux.O_ACCMODE | linux.O_APPEND | linux.O_NONBLOCK
		f := vfs.NewAnonFile(fmt.Sprintf("host:[%d]", i), ops, uint32(flags)&kept)
		if err := t.Set(int32(i), f, 0, 3); err != nil {
			return nil, nil, err
		}
	}
	return t, tty, nil
}

// A console is one of the first process's standard streams on its terminal.
type console struct {
	*hostfd.File
	tty *terminal
}

// Read implements vfs.FileOps: only the foreground job may (tty_ioctl(4)).
func (c *console) Read(x *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	if t, ok := x.Task.(*kernel.Task); ok {
		if err := t.CheckTerminal(&c.tty.Terminal, linux.SIGTTIN); err != nil {
			return 0, err
		}
	}
	return c.File.Read(x, b, off)
}

// Ioctl implements vfs.FileOps: job control is the Sentry's, the rest the
// host's.
func (c *console) Ioctl(x *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	t, ok := x.Task.(*kernel.Task)
	if !ok {
		return 0, linux.ENOTTY
	}
	tm := &c.tty.Terminal
	var id int32
	var err error
	switch cmd {
	case unix.TIOCGPGRP:
		id, err = t.ForegroundGroup(tm)
	case unix.TIOCGSID:
		id, err = t.TerminalSession(tm)
	case unix.TIOCSPGRP:
		if err := t.CheckTerminal(tm, linux.SIGTTOU); err != nil {
			return 0, err
		}
		if _, err := mem.CopyIn(guest.Addr(arg), linux.Bytes(&id)); err != nil {
			return 0, err
		}
		return 0, t.SetForeground(tm, id)
	case unix.TIOCSCTTY:
		steal := kernel.DoNotSteal
		if arg == 1 {
			steal = kernel.Steal
		}
		return 0, t.SetTerminal(tm, steal)
	case unix.TIOCNOTTY:
		return 0, t.DropTerminal(tm)
	case unix.TCSETS, unix.TCSETSW, unix.TCSETSF, unix.TIOCSWINSZ:
		if err := t.CheckTerminal(tm, linux.SIGTTOU); err != nil {
			return 0, err
		}
		return c.File.Ioctl(x, mem, cmd, arg)
	default:
		return c.File.Ioctl(x, mem, cmd, arg)
	}
	if err != nil {
		return 0, err
	}
	_, err = mem.CopyOut(guest.Addr(arg), linux.Bytes(&id))
	return 0, err
}
