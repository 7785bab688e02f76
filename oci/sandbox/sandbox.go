// Package sandbox is the two processes that a container runs in, seen from
// runsc: Start makes them, EnterGofer and EnterSentry are what they do first.
//
// Both live in user, mount, pid, net, ipc and uts namespaces of their own and
// are pid 1 in theirs, so what they start dies with them. The Sentry's root is
// an empty read-only tmpfs, the gofer's holds only what it serves. Neither
// outlives the other: each ends when the 9P socket between them does. Of an
// attached sandbox both end with runsc, by PR_SET_PDEATHSIG and, should that
// be lost, by the end of a pipe that only runsc holds open; of a detached one by
// that pipe alone, until Detach.
package sandbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/control"
	"glovebox/host"
)

// lifetime says what ends a sandbox beside its own end.
type lifetime int

const (
	attached lifetime = iota // the end of the process that started it
	detached                 // that too, until Detach
)

// Root's Sentries each run as a host user of their own, so that none exhausts for
// others what the host limits by user: pipes' pages, descriptors on the way, signals.
// The range is one that systemd's list of user ids leaves unused. Where it is not
// mapped they all are nobody.
const (
	firstUser = 0x7000_0000
	users     = 0x0800_0000
	nobody    = 65534
)

// Options say what to start.
type Options struct {
	// Boot is the Sentry's configuration; Start fills in the descriptors
	// other than StdioFDs, PassedFDs, LogFD, DebugLogFD and PcapFD, which are the caller's
	// numbers here.
	Boot boot.Config
	// Attach is what the gofer serves; Attach[0] is the root.
	Attach []AttachPoint
	// SocketDir gets control.sock; "" if nobody but the caller will ask.
	SocketDir string
	// GuestUID and GuestGID are whom an ordinary user's files belong to
	// inside. Root's map one to one, or as Boot.UIDMap and GIDMap say.
	GuestUID, GuestGID int
	// Detached sandboxes outlive the caller once it says so: Detach.
	Detached bool
	// Place is called with both processes before they do anything: to put
	// them into control groups. May be nil.
	Place func(pids ...int) error
	// Network is the network namespace that the Sentry is to be in; nil: a new one, or,
	// with OwnNetwork, the caller's.
	Network    *os.File
	OwnNetwork bool
	// Uplink is called with the Sentry's process before it does anything, to put
	// something into its network namespace that it then takes over. May be nil.
	Uplink func(pid int) error
	// OwnConsole says that Boot.StdioFDs are a terminal whose signals nobody
	// else passes on: it becomes the Sentry's.
	OwnConsole bool
}

// A Sandbox is one that the caller started.
type Sandbox struct {
	// Client is connected to the Sentry. What is asked before it is ready
	// is answered as soon as it is.
	Client *control.Client

	sentry, gofer *child // sentry is nil in a sandbox that was there: Join
	joined        bool
	crash         crashLog
	lifeline      int // write end; -1 once released
}

// SocketName is the control socket's name in Options.SocketDir.
const SocketName = "control.sock"

// Start starts gofer and Sentry side by side. The calling thread must live as
// long as an attached sandbox (PR_SET_PDEATHSIG), so lock the goroutine to it.
func Start(o *Options) (_ *Sandbox, err error) {
	s := &Sandbox{lifeline: -1, crash: crashLog{-1}}
	defer func() {
		if err != nil {
			s.Kill()
		}
	}()
	var open fdSet
	defer open.close()
	listener, client, err := controlSocket(o.SocketDir)
	if err != nil {
		return nil, err
	}
	open.add(listener)
	s.Client = client

	p, err := s.prepare(o, &open)
	if err != nil {
		return nil, err
	}
	defer p.gate.close()
	if s.gofer, err = startGofer(o, p.root, p.life, &p.gofer); err != nil {
		return nil, err
	}
	if s.sentry, err = startSentry(o, p, listener); err != nil || !o.gated() {
		return s, err
	}
	if o.Place != nil {
		err = o.Place(s.sentry.pid, s.gofer.pid)
	}
	if err == nil && o.Uplink != nil {
		err = o.Uplink(s.sentry.pid)
	}
	if err != nil {
		return nil, err
	}
	return s, p.gate.open(2)
}

// gated reports whether the processes have to wait for something.
func (o *Options) gated() bool { return o.Place != nil || o.Uplink != nil }

// A preparation is what there must be before a process is started.
type preparation struct {
	gofer goferFDs
	// sentry is the other ends of gofer.sockets.
	sentry [2]int
	gate   gate
	life   lifetime
	root   bool
}

// prepare opens what the processes need. What is only for them goes to open.
func (s *Sandbox) prepare(o *Options, open *fdSet) (*preparation, error) {
	if err := KeepDescriptors(); err != nil {
		return nil, err
	}
	p := &preparation{gate: gate{-1, -1}, life: attached}
	for i := range p.sentry { // for requests and for answers
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("socketpair: %w", err)
		}
		open.add(pair[0], pair[1])
		p.gofer.sockets[i], p.sentry[i] = pair[0], pair[1]
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	open.add(null)
	if s.crash, err = newCrashLog("runsc-crash"); err != nil {
		return nil, err
	}
	if o.Detached {
		p.life = detached
	}
	var line [2]int
	if err := unix.Pipe2(line[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	s.lifeline = line[1]
	open.add(line[0])
	caps, err := host.OwnCaps()
	if err != nil {
		return nil, err
	}
	p.root = privileged(caps.Effective)
	end := -1
	if o.Detached && o.SocketDir != "" {
		if end, err = newEnd(o.SocketDir); err != nil {
			return nil, err
		}
		open.add(end)
	}
	if o.gated() {
		if p.gate, err = newGate(); err != nil {
			return nil, err
		}
	}
	f := &p.gofer
	f.null, f.crash, f.lifeline, f.gate, f.end, f.signals = null, s.crash.fd, line[0], p.gate.entry, end, -1
	return p, nil
}

// goferFDs are what a gofer gets, -1 for none.
type goferFDs struct {
	sockets                                   [2]int
	null, crash, lifeline, gate, end, signals int
	joined                                    bool
}

func startGofer(o *Options, root bool, life lifetime, from *goferFDs) (*child, error) {
	ids := single(o.GuestUID, o.GuestGID)
	mapped := root && len(o.Boot.UIDMap) > 0
	if root {
		var err error
		if ids, err = identity(); err != nil {
			return nil, err
		}
		if mapped {
			ids.uid, ids.gid = idRanges(o.Boot.UIDMap), idRanges(o.Boot.GIDMap)
		}
	}
	cfg := goferConfig{Attach: o.Attach, Joined: from.joined, ConsoleFD: -1, BecomeRoot: mapped}
	var files fdTable
	files.std(from.null, from.crash)
	cfg.SocketFDs = [2]int{files.add(from.sockets[0]), files.add(from.sockets[1])}
	cfg.LifelineFD, cfg.GateFD, cfg.EndFD = files.add(from.lifeline), files.add(from.gate), files.add(from.end)
	if cfg.SignalFD = files.add(from.signals); cfg.SignalFD >= 0 {
		cfg.ConsoleFD = files.add(o.Boot.StdioFDs[0])
	}
	config, err := ConfigFile(&cfg)
	if err != nil {
		return nil, err
	}
	defer unix.Close(config)
	attr := sysProcAttr(ids, life)
	if o.GuestUID != 0 && !root || mapped {
		// Not root inside, so exec would take the capabilities away.
		attr.AmbientCaps = goferStartCaps()
	}
	argv := []string{"runsc-gofer", "gofer", fmt.Sprintf("--config-fd=%d", files.add(config)), o.Boot.ID}
	return spawn("gofer", argv, files.fds, attr)
}

func startSentry(o *Options, p *preparation, listener int) (*child, error) {
	ids := single(0, 0)
	cfg := sentryConfig{Boot: o.Boot, Attached: p.life == attached, OwnConsole: o.OwnConsole, TakeNetwork: o.Uplink != nil}
	cfg.Boot.ConsoleSignals = o.OwnConsole
	cfg.Boot.TSC = host.ClockIsTSC()
	all, err := identity()
	if err != nil {
		return nil, err
	}
	user := firstUser + rand.IntN(users)
	if !all.has(user) {
		user = nobody
	}
	if p.root && all.has(user) && all.setgroups {
		// Root of the new namespace only until EnterSentry is done with it.
		one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: user, HostID: user, Size: 1}}
		ids = idMaps{one, one, true}
		cfg.Become = user
	}
	var files fdTable
	files.std(p.gofer.null, p.gofer.crash)
	b := &cfg.Boot
	files.boot(b, p)
	b.ControlFD = files.add(listener)
	b.LogFD = files.add(o.Boot.LogFD)
	b.DebugLogFD = files.add(o.Boot.DebugLogFD)
	b.PcapFD = files.add(o.Boot.PcapFD)
	b.ProcFD = -1
	cfg.LifelineFD, cfg.GateFD = files.add(p.gofer.lifeline), files.add(p.gofer.gate)
	config, err := ConfigFile(&cfg)
	if err != nil {
		return nil, err
	}
	defer unix.Close(config)
	argv := []string{"runsc-sandbox", "boot", fmt.Sprintf("--config-fd=%d", files.add(config)), o.Boot.ID}
	attr := sysProcAttr(ids, p.life)
	var c *child
	start := func() error {
		c, err = spawn("Sentry", argv, files.fds, attr)
		return err
	}
	if o.Network != nil || o.OwnNetwork {
		attr.Cloneflags &^= unix.CLONE_NEWNET
	}
	if o.Network != nil {
		err = inNetwork(o.Network, start)
	} else {
		err = start()
	}
	return c, err
}

// inNetwork calls f while the calling thread, to which the goroutine is locked, is in
// another network namespace.
func inNetwork(ns *os.File, f func() error) error {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer own.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace %s: %w", ns.Name(), err)
	}
	err = f()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		err = errors.Join(err, fmt.Errorf("leave the network namespace %s: %w", ns.Name(), back))
	}
	return err
}

// controlSocket listens in dir and connects to itself: the sandbox inherits
// the listener, and until it accepts, requests wait in the socket.
func controlSocket(dir string) (int, *control.Client, error) {
	if dir == "" {
		private, err := os.MkdirTemp("", "runsc-")
		if err != nil {
			return -1, nil, err
		}
		// Once connected, the name has served.
		defer os.RemoveAll(private)
		dir = private
	}
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(d)
	// By its descriptor: a socket's name may have 107 bytes (unix(7)).
	path := fmt.Sprintf("/proc/self/fd/%d/%s", d, SocketName)
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("socket: %w", err)
	}
	if err := errors.Join(unix.Bind(l, &unix.SockaddrUnix{Name: path}), unix.Listen(l, 64)); err != nil {
		unix.Close(l)
		return -1, nil, fmt.Errorf("listen on %s: %w", filepath.Join(dir, SocketName), err)
	}
	c, err := control.Dial(path)
	if err != nil {
		unix.Close(l)
		return -1, nil, err
	}
	return l, c, nil
}

// Dial connects to the sandbox whose socket is in dir.
func Dial(dir string) (*control.Client, error) {
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(d)
	return control.Dial(fmt.Sprintf("/proc/self/fd/%d/%s", d, SocketName))
}

// PID is the id on the host of the process that lives as long as the container: the
// Sentry's, or, in a sandbox that was there, the gofer's.
func (s *Sandbox) PID() int {
	if s.sentry == nil {
		return s.gofer.pid
	}
	return s.sentry.pid
}

// GoferPID is the gofer's process id on the host.
func (s *Sandbox) GoferPID() int { return s.gofer.pid }

// patience is how long a Sentry may take to end one of its containers.
const patience = 10 * time.Second

// Kill ends both processes and waits for their end. It may be called after Wait.
func (s *Sandbox) Kill() {
	if s.joined && s.Client != nil {
		// The Sentry goes on, and is to be done with the container.
		_ = s.Client.Destroy(patience)
	}
	for _, c := range []*child{s.sentry, s.gofer} {
		if c != nil {
			c.kill()
		}
	}
	// Their statuses say no more than that.
	_, _ = s.Wait()
}

// A CrashError is the end of a Sentry that was not its own doing.
type CrashError struct {
	Status syscall.WaitStatus
	// Log is what the process said last: why, and where.
	Log string
}

func (e *CrashError) Error() string {
	words := End{Log: e.Log}.LastWords()
	switch {
	case words != "":
		return words
	case e.Status.Signaled():
		return fmt.Sprintf("the sandbox was killed by signal %d (%s)", e.Status.Signal(), e.Status.Signal())
	}
	return fmt.Sprintf("the sandbox ended with status %d", e.Status.ExitStatus())
}

// Wait waits until both processes have ended, and returns the status that
// the Sentry ended with, or a *CrashError. Only the first call has an answer.
func (s *Sandbox) Wait() (int, error) {
	status, err := -1, error(nil)
	if s.sentry != nil {
		var ws syscall.WaitStatus
		ws, err = s.sentry.wait()
		status = ws.ExitStatus()
		if log := s.crash.text(); err == nil && (log != "" || ws.Signaled()) {
			err = &CrashError{ws, log}
		}
		s.sentry = nil
	}
	if s.gofer != nil {
		if !s.joined {
			// It follows by itself, but need not hold us up.
			s.gofer.kill()
		}
		ws, gerr := s.gofer.wait()
		if s.joined {
			status = ws.ExitStatus() // the container's
		}
		err = errors.Join(err, gerr)
		s.gofer = nil
	}
	s.Release()
	return status, err
}

// Detach lets a detached sandbox go on without the caller, and releases it.
func (s *Sandbox) Detach() error {
	// A byte for each of the processes.
	if n, err := unix.Write(s.lifeline, make([]byte, 2)); n != 2 {
		return fmt.Errorf("detach the sandbox: %w", err)
	}
	s.Release()
	return nil
}

// Release lets go of what the caller holds of the sandbox.
func (s *Sandbox) Release() {
	if s.Client != nil {
		s.Client.Close()
		s.Client = nil
	}
	if s.lifeline >= 0 {
		unix.Close(s.lifeline)
		s.lifeline = -1
	}
	s.crash.close()
	s.crash.fd = -1
}
