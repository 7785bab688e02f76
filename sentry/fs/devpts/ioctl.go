package devpts

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

func load[T any](mem guest.Memory, arg uint64, v *T) error {
	_, err := mem.CopyIn(guest.Addr(arg), linux.Bytes(v))
	return err
}

func store[T any](mem guest.Memory, arg uint64, v T) error {
	_, err := mem.CopyOut(guest.Addr(arg), linux.Bytes(&v))
	return err
}

// Ioctl implements vfs.FileOps.
func (m *master) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	t := m.t
	switch cmd {
	case linux.TIOCGPTN:
		return 0, store(mem, arg, uint32(t.index))
	case linux.TIOCSPTLCK, linux.TIOCPKT:
		var on int32
		if err := load(mem, arg, &on); err != nil {
			return 0, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if cmd == linux.TIOCPKT {
			t.packet = on != 0
		} else {
			t.locked = on != 0
		}
		return 0, nil
	case linux.TIOCGPTLCK, linux.TIOCGPKT:
		t.mu.Lock()
		on := cmd == linux.TIOCGPTLCK && t.locked || cmd == linux.TIOCGPKT && t.packet
		t.mu.Unlock()
		v := int32(0)
		if on {
			v = 1
		}
		return 0, store(mem, arg, v)
	case linux.TIOCSIG:
		if arg != linux.SIGINT && arg != linux.SIGQUIT && arg != linux.SIGTSTP {
			return 0, linux.EINVAL
		}
		t.fs.opts.Kernel.SignalForeground(&t.Terminal, int(arg))
		return 0, nil
	case linux.FIONREAD:
		t.mu.Lock()
		n := int32(len(t.out))
		t.mu.Unlock()
		return 0, store(mem, arg, n)
	case linux.TIOCOUTQ:
		t.mu.Lock()
		n := int32(len(t.in))
		t.mu.Unlock()
		return 0, store(mem, arg, n)
	case linux.TCFLSH: // the master's input is the slave's output
		if arg == linux.TCIFLUSH || arg == linux.TCOFLUSH {
			arg = linux.TCIFLUSH + linux.TCOFLUSH - arg
		}
	case linux.TIOCGPGRP, linux.TIOCGSID:
		return 0, t.ids(c, mem, cmd, arg)
	case linux.TIOCSCTTY, linux.TIOCNOTTY:
		return 0, linux.ENOTTY
	}
	return t.ioctl(c, mem, cmd, arg)
}

// Ioctl implements vfs.FileOps.
func (s *slave) Ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	t := s.t
	task, _ := c.Task.(*kernel.Task)
	switch cmd {
	case linux.TCSETS, linux.TCSETSW, linux.TCSETSF, linux.TCSETS2, linux.TCSETSW2, linux.TCSETSF2,
		linux.TCFLSH, linux.TCXONC, linux.TCSBRK, linux.TCSBRKP, linux.TIOCSPGRP:
		if err := s.check(c, linux.SIGTTOU); err != nil {
			return 0, err
		}
	}
	switch cmd {
	case linux.TIOCGPGRP, linux.TIOCGSID:
		return 0, t.ids(c, mem, cmd, arg)
	case linux.TIOCSCTTY, linux.TIOCNOTTY, linux.TIOCSPGRP:
		if task == nil {
			return 0, linux.ENOTTY
		}
		return 0, t.setJobs(task, mem, cmd, arg)
	case linux.FIONREAD:
		return 0, store(mem, arg, t.readable())
	case linux.TIOCOUTQ:
		t.mu.Lock()
		n := int32(len(t.out))
		t.mu.Unlock()
		return 0, store(mem, arg, n)
	case linux.TIOCSTI:
		return 0, linux.EIO // as with dev.tty.legacy_tiocsti=0
	}
	return t.ioctl(c, mem, cmd, arg)
}

// readable is FIONREAD: what a read gets at once.
func (t *TTY) readable() int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.ready
	for _, e := range t.ends {
		if e.hidden {
			n--
		}
	}
	return int32(n)
}

// ids answers TIOCGPGRP and TIOCGSID.
func (t *TTY) ids(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) error {
	task, ok := c.Task.(*kernel.Task)
	if !ok {
		return linux.ENOTTY
	}
	ask := task.ForegroundGroup
	if cmd == linux.TIOCGSID {
		ask = task.TerminalSession
	}
	id, err := ask(&t.Terminal)
	if err != nil {
		return err
	}
	return store(mem, arg, id)
}

// setJobs changes whose terminal t is.
func (t *TTY) setJobs(task *kernel.Task, mem guest.Memory, cmd uint32, arg uint64) error {
	switch cmd {
	case linux.TIOCSCTTY:
		steal := kernel.DoNotSteal
		if arg == 1 {
			steal = kernel.Steal
		}
		return task.SetTerminal(&t.Terminal, steal)
	case linux.TIOCNOTTY:
		return task.DropTerminal(&t.Terminal)
	}
	var pgid int32
	if err := load(mem, arg, &pgid); err != nil {
		return err
	}
	return task.SetForeground(&t.Terminal, pgid)
}

// ioctl is what both ends understand (tty_mode_ioctl, n_tty_ioctl_helper).
func (t *TTY) ioctl(c *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	switch cmd {
	case linux.TCGETS:
		t.mu.Lock()
		v := t.termios
		t.mu.Unlock()
		return 0, store(mem, arg, v)
	case linux.TCGETS2:
		t.mu.Lock()
		v := linux.Termios2{Termios: t.termios, Ispeed: 38400, Ospeed: 38400}
		t.mu.Unlock()
		return 0, store(mem, arg, v)
	case linux.TCSETS, linux.TCSETSW, linux.TCSETSF, linux.TCSETS2, linux.TCSETSW2, linux.TCSETSF2:
		return 0, t.setTermios(mem, cmd, arg)
	case linux.TIOCGWINSZ:
		t.mu.Lock()
		v := t.winsize
		t.mu.Unlock()
		return 0, store(mem, arg, v)
	case linux.TIOCSWINSZ:
		return 0, t.setWinsize(mem, arg)
	case linux.TCFLSH:
		return 0, t.flush(arg)
	case linux.TCXONC:
		return 0, t.flow(arg)
	case linux.TIOCEXCL, linux.TIOCNXCL:
		t.mu.Lock()
		t.exclusive = cmd == linux.TIOCEXCL
		t.mu.Unlock()
		return 0, nil
	case linux.TIOCGETD:
		return 0, store(mem, arg, int32(0)) // N_TTY
	case linux.TCSBRK, linux.TCSBRKP:
		return 0, nil // a line without hardware has no breaks, and has drained
	case linux.TIOCCONS:
		if !c.Creds.Has(auth.CapSysAdmin) {
			return 0, linux.EPERM
		}
	}
	return 0, linux.ENOTTY
}

func (t *TTY) setTermios(mem guest.Memory, cmd uint32, arg uint64) error {
	var v linux.Termios2
	var err error
	switch cmd {
	case linux.TCSETS, linux.TCSETSW, linux.TCSETSF:
		err = load(mem, arg, &v.Termios)
	default:
		err = load(mem, arg, &v)
	}
	if err != nil {
		return err
	}
	var e effect
	t.mu.Lock()
	if cmd == linux.TCSETSF || cmd == linux.TCSETSF2 {
		t.flushLocked(linux.TCIFLUSH, &e)
	}
	t.setTermiosLocked(v.Termios, &e)
	t.mu.Unlock()
	t.run(&e)
	return nil
}

func (t *TTY) setWinsize(mem guest.Memory, arg uint64) error {
	var v linux.Winsize
	if err := load(mem, arg, &v); err != nil {
		return err
	}
	t.mu.Lock()
	same := t.winsize == v
	t.winsize = v
	t.mu.Unlock()
	if !same {
		t.run(&effect{signals: []int{linux.SIGWINCH}})
	}
	return nil
}

func (t *TTY) flush(which uint64) error {
	if which > linux.TCIOFLUSH {
		return linux.EINVAL
	}
	var e effect
	t.mu.Lock()
	t.flushLocked(which, &e)
	t.mu.Unlock()
	t.run(&e)
	return nil
}

// flow is tcflow(3).
func (t *TTY) flow(arg uint64) error {
	switch arg {
	case linux.TCOOFF, linux.TCOON:
		t.mu.Lock()
		t.stopped = arg == linux.TCOOFF
		t.mu.Unlock()
		t.run(&effect{master: true, slave: true})
		return nil
	case 2, 3: // TCIOFF and TCION ask the other end, which has no such thing
		return nil
	}
	return linux.EINVAL
}
