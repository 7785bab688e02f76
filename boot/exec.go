package boot

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/sentry/kernel"
)

// execs are the processes that clients started beside the first one, while these
// clients are there.
type execs struct {
	mu   sync.Mutex
	last uint64              // guarded by mu
	byID map[uint64]*execing // guarded by mu
}

type execing struct {
	tg  *kernel.ThreadGroup
	tty *terminal // nil without one
}

// Exec implements control.Container.
func (c *container) Exec(ctx context.Context, a control.ExecArgs, files []*os.File) (control.ExecResult, error) {
	var r control.ExecResult
	fds, err := detach(files) // as many as a.Passed says, and three
	if err != nil {
		return r, err
	}
	init, err := c.first()
	if err == nil && init.Zombie() {
		err = control.Errorf(control.Finished, "container %s has stopped", c.cfg.ID)
	}
	var p Process
	if err == nil {
		err = json.Unmarshal(a.Process, &p)
	}
	if err != nil {
		closeFDs(fds)
		return r, err
	}
	p.Seccomp, p.Personality = c.cfg.Process.Seccomp, c.cfg.Process.Personality
	var open func(int) (*terminal, error)
	if a.Terminal {
		open = func(fd int) (*terminal, error) { return c.newTerminal(fd, p.UID, p.GID) }
	}
	all := given([3]int(fds), nil)
	for i, guest := range a.Passed {
		all = append(all, PassedFD{fds[3+i], guest})
	}
	table, tty, err := c.stdio(all, open)
	if err != nil {
		return r, err
	}
	tg, err := c.start(&p, c.pid, table, tty)
	if err != nil {
		table.Dec()
		if tty != nil {
			tty.leave()
		}
		return r, err
	}
	r = control.ExecResult{PID: tg.ID(), ID: c.execs.add(&execing{tg, tty})}
	context.AfterFunc(ctx, func() {
		c.execs.remove(r.ID)
		if tty != nil {
			tty.leave()
		}
		// ESRCH: it has ended.
		_ = tg.SignalFromOutside(kernel.KillInfo(linux.SIGKILL, linux.SI_USER, 0, 0))
	})
	return r, nil
}

// WaitExec implements control.Container.
func (c *container) WaitExec(ctx context.Context, id uint64) (control.WaitStatus, error) {
	e := c.execs.get(id)
	if e == nil {
		return 0, control.Errorf(control.NotFound, "no such process")
	}
	select {
	case <-e.tg.Done():
		return control.WaitStatus(e.tg.ExitStatus()), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (x *execs) add(e *execing) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byID == nil {
		x.byID = map[uint64]*execing{}
	}
	x.last++
	x.byID[x.last] = e
	return x.last
}

func (x *execs) get(id uint64) *execing {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.byID[id]
}

func (x *execs) remove(id uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.byID, id)
}

// terminal returns the one that tg was started with.
func (x *execs) terminal(tg *kernel.ThreadGroup) *terminal {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.byID {
		if e.tg == tg {
			return e.tty
		}
	}
	return nil
}

// detach takes the descriptors out of files, which it closes.
func detach(files []*os.File) (fds []int, err error) {
	for _, f := range files {
		if err == nil {
			var fd int
			if fd, err = dup(f); err == nil {
				fds = append(fds, fd)
			}
		}
		f.Close()
	}
	if err != nil {
		closeFDs(fds)
	}
	return fds, err
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// dup returns another descriptor of f. File.Fd would make a file block that does
// not, for everyone who has it.
func dup(f *os.File) (fd int, err error) {
	c, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	e := c.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 3) })
	if e != nil {
		return -1, e
	}
	return fd, err
}

// closeFDs closes those of fds that are not -1.
func closeFDs(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
