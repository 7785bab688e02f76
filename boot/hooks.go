package boot

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/control"
	"glovebox/sentry/kernel"
)

// maxHookOutput bounds what a hook may say, in bytes; maxHookError what of it an
// error shows.
const maxHookOutput, maxHookError = 64 << 10, 1 << 10

// startHooks runs the startContainer hooks, as the first process would be run.
func (c *container) startHooks() error {
	for i := range c.cfg.StartHooks {
		h := &c.cfg.StartHooks[i]
		if err := c.startHook(h); err != nil {
			return control.Errorf(control.Failed, "hooks.startContainer[%d]: %s: %v", i, h.Path, err)
		}
	}
	return nil
}

func (c *container) startHook(h *Hook) error {
	said, err := hookStream(nil)
	if err != nil {
		return err
	}
	defer unix.Close(said)
	var streams [3]int
	for i := range streams {
		if i == 0 {
			streams[i], err = hookStream(c.cfg.HookState)
		} else {
			streams[i], err = unix.FcntlInt(uintptr(said), unix.F_DUPFD_CLOEXEC, 3)
		}
		if err != nil {
			closeFDs(streams[:i])
			return err
		}
	}
	fds, _, err := c.stdio(given(streams, nil), nil)
	if err != nil {
		return err
	}
	p := c.cfg.Process
	p.Path, p.Args, p.Env = h.Path, h.Args, h.Env
	p.Seccomp = nil // it is for the container's programs
	if len(p.Args) == 0 {
		p.Args = []string{h.Path}
	}
	p.Rlimits = append(p.Rlimits[:len(p.Rlimits):len(p.Rlimits)], Rlimit{Resource: linux.RLIMIT_FSIZE, Cur: maxHookOutput, Max: maxHookOutput})
	tg, err := c.start(&p, c.k.NewPIDNamespace(), fds, nil)
	if err != nil {
		fds.Dec()
		return err
	}
	timeout := make(<-chan time.Time)
	if h.Timeout > 0 {
		timeout = time.After(time.Duration(h.Timeout) * time.Second)
	}
	select {
	case <-tg.Done():
	case <-timeout:
		_ = tg.SignalFromOutside(kernel.KillInfo(linux.SIGKILL, linux.SI_USER, 0, 0))
		<-tg.Done()
		return fmt.Errorf("still ran after %d s", h.Timeout)
	}
	if code := control.WaitStatus(tg.ExitStatus()).ExitCode(); code != 0 {
		return fmt.Errorf("exit status %d: %s", code, hookOutput(said))
	}
	return nil
}

// hookStream returns a file with data in it, at its start.
func hookStream(data []byte) (int, error) {
	fd, err := unix.MemfdCreate("hook", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if _, err := unix.Pwrite(fd, data, 0); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func hookOutput(fd int) string {
	b := make([]byte, maxHookError)
	n, err := unix.Pread(fd, b, 0)
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(b[:n])), " ")
}
