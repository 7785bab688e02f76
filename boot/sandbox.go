package boot

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/host"
	"glovebox/sentry/kernel"
	"glovebox/sentry/memfile"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/platform"
	"glovebox/sentry/vfs"
)

// A sandbox is a Sentry: the containers that share its kernel. It ends with the first
// of them; the others come and go (a pod).
type sandbox struct {
	k        *kernel.Kernel
	platform platform.Platform
	reopen   memfile.Reopener
	// hostMemory is in bytes.
	hostMemory uint64
	tracer     *kernel.Tracer // of every container; nil for none
	net        *netns.Namespace
	devs       atomic.Uint32 // device numbers given out
	first      *container

	mu sync.Mutex
	// containers are all that there are, by id; nil is one in the making. Guarded by mu.
	containers map[string]*container
}

var _ control.Sandbox = (*sandbox)(nil)

// newSandbox makes a sandbox and its first container.
func newSandbox(cfg *Config, k *kernel.Kernel, p platform.Platform, net netns.Internet) (*sandbox, error) {
	s := &sandbox{k: k, platform: p, net: netns.First(net), reopen: host.ReopenMemory, hostMemory: cfg.hostMemory, containers: map[string]*container{}}
	cfg.EndFD = -1
	var err error
	if s.tracer, err = newTracer(cfg); err != nil {
		return nil, err
	}
	if cfg.FirstPort != nil {
		if err := s.net.SetFirstPort(*cfg.FirstPort); err != nil {
			return nil, fmt.Errorf("net.ipv4.ip_unprivileged_port_start: %w", err)
		}
	}
	if err := s.startCapture(cfg); err != nil {
		return nil, err
	}
	if cfg.Uplink != nil {
		if err := s.connect(cfg.Uplink); err != nil {
			return nil, err
		}
	}
	if s.first, err = s.newContainer(cfg); err != nil {
		return nil, err
	}
	s.containers[cfg.ID] = s.first
	return s, nil
}

// serve answers runsc until the first container ends, and returns how it did.
func (s *sandbox) serve(l *net.UnixListener) (End, error) {
	c := s.first
	go c.exitWithGofer()
	if c.cfg.ConsoleSignals && c.tty != nil {
		go c.relaySignals()
	}
	if !c.cfg.Ends {
		return End{}, control.Serve(l, s)
	}
	served := make(chan error, 1)
	go func() { served <- control.Serve(l, s) }()
	<-c.started
	<-c.init.Done()
	c.tellHost()
	// Whoever waits learns the status by an answer or, as our parent, from us.
	l.Close()
	err := <-served
	return c.howEnded(c.init), err
}

// exitWithGofer ends the Sentry with the first container's gofer: a guest that lost
// its files must not go on as if they were only broken.
func (c *container) exitWithGofer() {
	<-c.gofer.Done()
	fmt.Fprintln(os.Stderr, "runsc: the gofer is gone")
	os.Exit(Failed)
}

// Container implements control.Sandbox.
func (s *sandbox) Container(id string) (control.Container, error) {
	if id == "" {
		return s.first, nil
	}
	return s.container(id)
}

func (s *sandbox) container(id string) (*container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, control.Errorf(control.NotFound, "container %s: container not running", id)
}

// Create implements control.Sandbox.
func (s *sandbox) Create(a control.CreateArgs, files []*os.File) error {
	fds, err := detach(files)
	if err != nil {
		return err
	}
	var cfg Config
	if err = json.Unmarshal(a.Config, &cfg); err == nil {
		err = cfg.claim(fds)
	}
	if err == nil {
		err = s.reserve(cfg.ID)
	}
	if err != nil {
		closeFDs(fds)
		return control.Errorf(control.Invalid, "%v", err)
	}
	c, err := s.newContainer(&cfg)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.containers, cfg.ID)
		return err
	}
	s.containers[cfg.ID] = c
	if fd := cfg.SignalFD; fd >= 0 && c.tty != nil {
		cfg.SignalFD = -1
		go c.readSignals(fd)
	}
	go c.watch()
	return nil
}

// reserve takes an id for a container in the making.
func (s *sandbox) reserve(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.containers[id]; ok || id == "" {
		return fmt.Errorf("container %q is there already", id)
	}
	s.containers[id] = nil
	return nil
}

// alone reports whether the first container is the only one.
func (s *sandbox) alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.containers) <= 1
}

// othersAwake reports whether a container other than c has tasks that may run guest code.
func (s *sandbox) othersAwake(c *container) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.containers {
		if o != nil && o != c {
			if idle, _ := o.group.Idle(); !idle {
				return true
			}
		}
	}
	return false
}

func (s *sandbox) forget(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers, c.cfg.ID)
}

// claim turns numbers of descriptors that came along into the descriptors.
func (cfg *Config) claim(fds []int) error {
	used := make([]bool, len(fds))
	all := []*int{&cfg.GoferFDs[0], &cfg.GoferFDs[1], &cfg.EndFD, &cfg.SignalFD, &cfg.StdioFDs[0], &cfg.StdioFDs[1], &cfg.StdioFDs[2]}
	optional := len(all)
	for i := range cfg.PassedFDs {
		all = append(all, &cfg.PassedFDs[i].FD)
	}
	for i, n := range all {
		if *n < 0 && i >= 2 && i < optional {
			continue
		}
		if *n < 0 || *n >= len(fds) || used[*n] {
			return fmt.Errorf("descriptor %d of %d", *n, len(fds))
		}
		used[*n] = true
		*n = fds[*n]
	}
	for i, u := range used {
		if !u {
			unix.Close(fds[i])
		}
	}
	cfg.LogFD, cfg.DebugLogFD, cfg.PcapFD, cfg.ControlFD, cfg.ProcFD = -1, -1, -1, -1, -1
	return nil
}

// nextDev returns a device number for a file system (st_dev), as Linux gives those
// without a device.
func (s *sandbox) nextDev() uint64 { return vfs.MakeDev(0, s.devs.Add(1)) }
