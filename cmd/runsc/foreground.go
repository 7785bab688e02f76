package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/control"
	"glovebox/oci/sandbox"
)

// notFound and notExecutable are what a shell ends with, if there is no such
// program, or it cannot be run: POSIX.1, 2.8.2.
const (
	notExecutable = 126
	notFound      = 127
)

// foreground starts a sandbox, its first process, and waits for its end, and
// passes on signals meanwhile. The status is the guest's. ended, unless it is nil, is
// called while the sandbox is still there.
func (g *globals) foreground(o *sandbox.Options, ended func(*control.Client) error) (int, error) {
	done, err := g.prepare(o)
	if err != nil {
		return 0, err
	}
	defer done()
	// Before there is a process that they could miss.
	signals, stop := catch()
	defer stop()
	catchStop(signals, &o.Boot)

	s, err := sandbox.Start(o)
	if err != nil {
		return 0, err
	}
	defer s.Kill()
	start := func() error { return s.Client.Start(control.StartArgs{}) }
	status, err := g.follow(s, signals, o.Boot.Process.Args[0], start, func() {})
	switch {
	case err != nil || ended == nil:
	case s.Client == nil:
		err = control.ErrGone
	default:
		err = ended(s.Client)
	}
	return status, err
}

// follow starts the first process of s by start, calls running once it is, and returns its
// status.
func (g *globals) follow(s *sandbox.Sandbox, signals <-chan os.Signal, program string, start func() error, running func()) (int, error) {
	client := s.Client
	type end struct {
		status control.WaitStatus
		err    error
	}
	ended := make(chan end, 1)
	started := make(chan error, 1)
	go func() {
		err := start()
		started <- err
		if err != nil {
			ended <- end{0, err}
			return
		}
		status, err := client.Wait(0)
		var ce *control.Error
		if errors.As(err, &ce) && ce.Code == control.NotFound {
			// It ended before it was asked for, and the sandbox goes on without it.
			err = control.ErrGone
		}
		ended <- end{status, err}
	}()
	// Signals wait in their channel until the process is there to get them.
	forward := (<-chan os.Signal)(nil)
	for {
		select {
		case err := <-started:
			if err == nil {
				forward = signals
				running()
			}
		case sig := <-forward:
			if n, ok := sig.(syscall.Signal); ok {
				// One that ended meanwhile does not miss it.
				_ = client.Signal(control.SignalArgs{Signal: int(n), Scope: scopeOf(n)})
			}
		case e := <-ended:
			if e.err == nil {
				return e.status.ExitCode(), nil
			}
			return g.failed(s, e.err, program)
		}
	}
}

// failed explains an error of Start or Wait.
func (g *globals) failed(s *sandbox.Sandbox, err error, program string) (int, error) {
	if !errors.Is(err, control.ErrGone) {
		return 0, notStarted(err, program)
	}
	return g.end(s)
}

// notStarted gives an answer of Start the status that a shell would give it.
func notStarted(err error, program string) error {
	var ce *control.Error
	switch {
	case errors.As(err, &ce) && ce.Code == control.NoProgram:
		return &statusError{notFound, fmt.Errorf("%s: executable file not found: no such file or directory", program)}
	case errors.As(err, &ce) && ce.Code == control.NotExec:
		// In small letters, as callers look for it.
		return &statusError{notExecutable, fmt.Errorf("%s: %s", program, strings.ToLower(ce.Msg))}
	}
	return err
}

// end is the status of a sandbox that ended by itself.
func (g *globals) end(s *sandbox.Sandbox) (int, error) {
	// The sandbox hung up: its own status tells.
	status, err := s.Wait()
	var crash *sandbox.CrashError
	if errors.As(err, &crash) {
		for line := range strings.Lines(crash.Log) {
			g.log.errorf("sandbox: %s", strings.TrimRight(line, "\n"))
		}
	}
	return status, err
}

// scopeOf says whom a signal to runsc is for.
func scopeOf(s syscall.Signal) control.Scope {
	switch s {
	case unix.SIGWINCH, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP:
		// What a terminal sends to its foreground group.
		return control.Foreground
	}
	return control.OneProcess
}

// forwarded are the signals that a container gets if runsc does: all that can
// be caught and that mean nothing to runsc itself.
var forwarded = []os.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM,
	unix.SIGWINCH, unix.SIGCONT, unix.SIGIO, unix.SIGPWR, unix.SIGSYS, unix.SIGTRAP, unix.SIGVTALRM,
	unix.SIGXCPU, unix.SIGXFSZ, unix.SIGSTKFLT,
}

// catch has signals wait for a process to get them, from before there is one.
func catch() (chan os.Signal, func()) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, forwarded...)
	return signals, func() { signal.Stop(signals) }
}

// catchStop has the terminal's stop key stop the guest's job, not runsc, where the
// guest has the terminal.
func catchStop(signals chan<- os.Signal, o *boot.Config) {
	if o.Console {
		signal.Notify(signals, unix.SIGTSTP)
	}
}

// prepare fills in what global flags say. The caller calls done once the
// sandbox was started.
func (g *globals) prepare(o *sandbox.Options) (done func(), err error) {
	b := &o.Boot
	b.Platform, b.Network = g.platform, g.network
	b.Debug, b.Strace = g.debug, g.strace || g.calls != ""
	if g.calls != "" {
		b.StraceCalls = strings.Split(g.calls, ",")
	}
	b.LogFD, b.LogFormat, b.DebugLogFD, b.PcapFD = g.log.fd(), g.log.format, -1, -1
	var open []*os.File
	done = func() {
		for _, f := range open {
			f.Close()
		}
	}
	for _, l := range []struct {
		flag, pattern, suffix string
		fd                    *int
		truncate              bool
	}{
		{"--debug-log", g.debugLog, ".log", &b.DebugLogFD, false},
		{"--pcap-log", g.pcapLog, ".pcap", &b.PcapFD, true},
	} {
		if l.pattern == "" {
			continue
		}
		f, err := appendFile(logPath(l.pattern, b.ID, l.suffix))
		if err == nil && l.truncate {
			err = f.Truncate(0)
		}
		if err != nil {
			done()
			return nil, fmt.Errorf("%s: %w", l.flag, err)
		}
		open = append(open, f)
		*l.fd = int(f.Fd())
	}
	if g.debugLog == "" && (b.Strace || b.Debug) {
		// Without a file, what was asked for goes to standard error.
		b.DebugLogFD = 2
	}
	return done, nil
}

// logPath is the file that a flag names: a trailing slash asks for a file in that
// directory.
func logPath(pattern, id, suffix string) string {
	p := strings.ReplaceAll(pattern, "%ID%", id)
	if strings.HasSuffix(p, "/") {
		p += "runsc." + id + suffix
	}
	return p
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
