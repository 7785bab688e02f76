package boot

import (
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
	"glovebox/sentry/file/hostfd"
	"glovebox/sentry/fs/devpts"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// A terminal is one of the host's that a process was given: the host's line
// discipline, our job control. It has a name in /dev/pts, as ttyname(3) wants one.
type terminal struct {
	kernel.Terminal
	// refs are of who made it, and its open files.
	refs ref.Count
	// host stays open for those who open the terminal by name.
	host   *hostfd.File
	at     vfs.Path // zero if there is no place for it
	unname func()   // gives the name back
	left   atomic.Bool
}

// consoleMajor and consoleMinor are /dev/console's.
const consoleMajor, consoleMinor = 5, 1

// newTerminal makes the terminal of the host's descriptor fd for a user.
func (c *container) newTerminal(fd int, uid, gid uint32) (*terminal, error) {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	h, err := hostfd.New(again)
	if err != nil {
		return nil, err
	}
	t := &terminal{host: h, unname: func() {}}
	t.Dev = uint32(vfs.MakeDev(consoleMajor, consoleMinor))
	t.Open = t.reopen
	if c.pts == nil {
		return t, nil
	}
	i, release, err := c.pts.Adopt(uid, gid, t.Open)
	if err != nil {
		h.Release()
		return nil, err
	}
	t.unname, t.Dev = release, uint32(devpts.Device(i))
	x := c.self()
	if at, err := c.vfs.Walk(x, x.Root, "/dev/pts/"+strconv.Itoa(i), 0); err == nil {
		t.at = at
	}
	return t, nil
}

// reopen opens the terminal by name. EIO: whoever made it has left, and nobody has it open.
func (t *terminal) reopen(*vfs.Ctx, uint32) (vfs.FileOps, error) {
	if !t.refs.TryInc() {
		return nil, linux.EIO
	}
	return borrowed{&console{t.host, t}}, nil
}

// leave gives up the terminal's name, for who made it.
func (t *terminal) leave() {
	if t.left.CompareAndSwap(false, true) {
		t.unname()
		t.close()
	}
}

// close is the end of one use.
func (t *terminal) close() {
	if t.refs.Dec() {
		t.host.Release()
	}
}

// newConsole makes the first process's terminal, which is /dev/console, too.
func (c *container) newConsole(fd int) (*terminal, error) {
	p := &c.cfg.Process
	t, err := c.newTerminal(fd, p.UID, p.GID)
	if err != nil {
		return nil, err
	}
	c.vfs.Devices[vfs.Device{Kind: linux.S_IFCHR, Major: consoleMajor, Minor: consoleMinor}] =
		func(x *vfs.Ctx, _ vfs.Path, flags uint32) (vfs.FileOps, error) { return t.Open(x, flags) }
	x := c.self()
	owner := *x.Creds
	owner.FSUID, owner.FSGID = p.UID, p.GID
	x.Creds = &owner
	const name = "/dev/console"
	// A /dev of the host's may refuse that: then it has no such name.
	_ = c.vfs.Mknod(x, x.Root, name, linux.S_IFCHR|0o620, vfs.MakeDev(consoleMajor, consoleMinor))
	if at, err := c.vfs.Walk(x, x.Root, name, 0); t.at.IsZero() && err == nil && at.Inode().Kind() == linux.S_IFCHR {
		t.at = at
	}
	return t, nil
}

// stream is a standard stream on the terminal.
func (t *terminal) stream(c *vfs.Ctx, h *hostfd.File, flags uint32) *vfs.File {
	t.refs.Inc() // the maker's is there
	ops := &console{h, t}
	if t.at.IsZero() {
		return vfs.NewAnonFile(h.Name(), ops, flags)
	}
	return vfs.NewFile(c, t.at, ops, flags)
}

// borrowed is a console on the terminal's own descriptor.
type borrowed struct{ *console }

// Release implements vfs.FileOps.
func (b borrowed) Release() { b.tty.close() }

// A console is an open file of the first process's terminal.
type console struct {
	*hostfd.File
	tty *terminal
}

// Release implements vfs.FileOps.
func (c *console) Release() {
	c.File.Release()
	c.tty.close()
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
