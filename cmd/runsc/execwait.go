package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/control"
	"glovebox/oci/sandbox"
)

// execWaitCommand is what exec --detach leaves behind: a process of the host that
// ends when the one inside does, and with its status. Callers of a runtime signal
// it, wait for it, and kill it, as if it were the process itself.
var execWaitCommand = command{
	name: "exec-wait", summary: "be the process of a detached exec", internal: true,
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		config := fs.Int("config-fd", -1, "descriptor of what to run")
		ready := fs.Int("ready-fd", -1, "descriptor to say on how it went")
		return func([]string) (int, error) {
			w := &waited{globals: g}
			in, out := os.NewFile(uintptr(*config), "config"), os.NewFile(uintptr(*ready), "ready")
			if in == nil || out == nil {
				return 0, errors.New("exec-wait is for runsc itself")
			}
			unix.CloseOnExec(*ready)
			err := json.NewDecoder(in).Decode(w)
			in.Close()
			if err != nil {
				return 0, err
			}
			return w.report(out)
		}
	},
}

// A waited is a process inside that a process of the host stands for.
type waited struct {
	*globals `json:"-"`
	Dir      string `json:"dir"` // of the control socket
	// Container is the one to run it in; "" is the sandbox's first.
	Container string           `json:"container,omitempty"`
	Program   string           `json:"program"`
	Args      control.ExecArgs `json:"args"`
	// Passed are the descriptors here that Args.Passed is about.
	Passed []boot.PassedFD `json:"passed,omitempty"`
}

// An outcome is what the process of a detached exec says to its parent.
type outcome struct {
	PID    int32  `json:"pid"`
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
}

// startDetached starts a process that stands for the one inside, and returns once
// that runs.
func (e *execution) startDetached(w *waited, fds [3]int, t *terminal) error {
	files := []uintptr{0, 0, 0, 0, 0}
	passed := w.Passed
	w.Passed = slices.Clone(passed)
	for i, p := range passed {
		w.Passed[i].FD = len(files)
		files = append(files, uintptr(p.FD))
	}
	if err := sandbox.KeepDescriptors(); err != nil {
		return err
	}
	config, err := sandbox.ConfigFile(w)
	if err != nil {
		return err
	}
	defer unix.Close(config)
	r, ready, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	files[3], files[4] = uintptr(config), ready.Fd()
	for i, fd := range fds {
		files[i] = null.Fd()
		if fd >= 0 {
			files[i] = uintptr(fd)
		}
	}
	attr := &syscall.SysProcAttr{Setsid: true}
	if t != nil {
		// Its signals come to that process, which passes them on.
		attr.Setctty, attr.Ctty = true, 0
	}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"runsc-exec", "exec-wait", "--config-fd=3", "--ready-fd=4"},
		&syscall.ProcAttr{Dir: "/", Env: os.Environ(), Files: files, Sys: attr})
	ready.Close()
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	var o outcome
	if err := json.NewDecoder(r).Decode(&o); err != nil {
		return fmt.Errorf("exec: the process that waits for %s ended: %w", w.Program, err)
	}
	if o.Error != "" {
		err = errors.New(o.Error)
		if o.Status != 0 {
			err = &statusError{o.Status, err}
		}
		return err
	}
	err = errors.Join(e.writePIDs(pid, o.PID), t.send(e.console))
	if err != nil {
		// Nobody would know of it.
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	return err
}

// report runs the process and says on out how that went.
func (w *waited) report(out *os.File) (int, error) {
	enc := json.NewEncoder(out)
	told := false
	status, err := w.follow([3]int{0, 1, 2}, func(r control.ExecResult) error {
		told = true
		// Its streams are its own now.
		if err := dropStreams(); err != nil {
			return err
		}
		return errors.Join(enc.Encode(outcome{PID: r.PID}), out.Close())
	})
	if err != nil && !told {
		o := outcome{Error: err.Error()}
		var s *statusError
		if errors.As(err, &s) {
			o.Status = s.status
		}
		// The parent says it; a parent that is gone does not want to know.
		_ = enc.Encode(o)
		return runtimeFailed, nil
	}
	return status, err
}

// dropStreams replaces the standard streams by /dev/null.
func dropStreams() error {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for fd := range 3 {
		if err := unix.Dup3(null, fd, 0); err != nil {
			return err
		}
	}
	return unix.Close(null)
}

// follow runs the process with the given descriptors, calls started once it is
// there, passes on signals, and returns its status.
func (w *waited) follow(fds [3]int, started func(control.ExecResult) error) (int, error) {
	client, err := sandbox.Dial(w.Dir)
	if errors.Is(err, unix.ECONNREFUSED) {
		return 0, errors.New("exec: container not running")
	}
	if err != nil {
		return 0, fmt.Errorf("exec: container not running: %w", err)
	}
	client.Container = w.Container
	defer client.Close()
	signals, stop := catch()
	defer stop()
	if w.Args.Terminal {
		signal.Notify(signals, unix.SIGTSTP)
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	for i, fd := range fds {
		if fd < 0 {
			fds[i] = null
		}
	}
	all := fds[:]
	for _, p := range w.Passed {
		all = append(all, p.FD)
	}
	r, err := client.Exec(w.Args, all...)
	unix.Close(null)
	closePassed(w.Passed)
	if err != nil {
		return 0, notStarted(err, w.Program)
	}
	if err := started(r); err != nil {
		return 0, err
	}
	type end struct {
		status control.WaitStatus
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		status, err := client.WaitExec(r.ID)
		ended <- end{status, err}
	}()
	for {
		select {
		case sig := <-signals:
			if n, ok := sig.(syscall.Signal); ok {
				// One that ended meanwhile does not miss it.
				_ = client.Signal(control.SignalArgs{PID: r.PID, Signal: int(n), Scope: scopeOf(n)})
			}
		case e := <-ended:
			if errors.Is(e.err, control.ErrGone) || errors.Is(e.err, io.EOF) {
				// The container ended, and everything in it was killed.
				return control.WaitStatus(unix.SIGKILL).ExitCode(), nil
			}
			return e.status.ExitCode(), e.err
		}
	}
}
