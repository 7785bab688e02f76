package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/host"
	"glovebox/oci/network"
)

// An AttachPoint is one tree of host files that a container may reach.
type AttachPoint struct {
	// Source is a path on the host: a directory, or one file.
	Source string `json:"source"`
	// ReadOnly lets nothing be changed.
	ReadOnly bool `json:"readOnly,omitempty"`
	// NoRecurse leaves out what is mounted below.
	NoRecurse bool `json:"noRecurse,omitempty"`
	// Slave shows what the host mounts below Source later, too.
	Slave bool `json:"slave,omitempty"`
	// Hide are directories in it that appear empty.
	Hide []string `json:"hide,omitempty"`
	// Shared says that others change the files too.
	Shared bool `json:"shared,omitempty"`
}

type goferConfig struct {
	Attach     []AttachPoint `json:"attach"`
	SocketFDs  [2]int        `json:"socketFDs"`
	LifelineFD int           `json:"lifelineFD"`
	GateFD     int           `json:"gateFD"`
	EndFD      int           `json:"endFD"` // -1 for none
	// Joined says that the Sentry has other containers: this process stands for
	// the container.
	Joined bool `json:"joined,omitempty"`
	// BecomeRoot says that this process is nobody of its namespace yet: the host's
	// root, who is not mapped.
	BecomeRoot bool `json:"becomeRoot,omitempty"`
	// ConsoleFD is a terminal to be controlled by the gofer, which writes the
	// signals that it sends to SignalFD, a byte each; -1 for none.
	ConsoleFD int `json:"consoleFD"`
	SignalFD  int `json:"signalFD"`
}

type sentryConfig struct {
	Boot       boot.Config `json:"boot"`
	LifelineFD int         `json:"lifelineFD"`
	GateFD     int         `json:"gateFD"`
	Attached   bool        `json:"attached,omitempty"`
	OwnConsole bool        `json:"ownConsole,omitempty"`
	// TakeNetwork says that what is in the network namespace becomes the sandbox's.
	TakeNetwork bool `json:"takeNetwork,omitempty"`
	// Become is the user and group to go on as; 0 to stay.
	Become int `json:"become,omitempty"`
}

// goferCaps is what serving files in a guest's name takes.
const goferCaps = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH |
	1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID |
	1<<unix.CAP_MKNOD | 1<<unix.CAP_SETFCAP

// goferStartCaps is that, and what building its root takes.
func goferStartCaps() []uintptr {
	caps := []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	for c := range uintptr(64) {
		if goferCaps>>c&1 != 0 {
			caps = append(caps, c)
		}
	}
	return caps
}

// A GoferRoot is the gofer's side of the sandbox once EnterGofer is done.
type GoferRoot struct {
	// RequestFD and AnswerFD are the Sentry's 9P connection.
	RequestFD, AnswerFD int
	endFD               int
	joined              bool
	// SelfFDs is what host.SelfFDs returned while there was a /proc.
	SelfFDs int
	// Attach are the attach points, as paths in the new root.
	Attach []GoferTree
}

// Ended is to be called when the Sentry has hung up. It returns the status that the
// gofer is to end with: where it stands for the container, that one's.
func (r *GoferRoot) Ended() int {
	end := lastWords()
	if r.endFD >= 0 {
		end.keep(r.endFD)
	}
	switch {
	case !r.joined:
		return 0
	case end.Status < 0:
		return boot.Failed
	}
	return end.Status
}

// A GoferTree is one tree that the gofer serves.
type GoferTree struct {
	Path     string
	ReadOnly bool
	Shared   bool
}

// EnterGofer is what the gofer's process does first: it makes a root that
// holds the attach points as /0, /1 and so on and nothing else, and gives up
// the capabilities that this took.
func EnterGofer(configFD int) (*GoferRoot, error) {
	unix.CloseOnExec(configFD)
	var cfg goferConfig
	if err := readConfig(configFD, &cfg); err != nil {
		return nil, err
	}
	follow(cfg.LifelineFD)
	if err := passGate(cfg.GateFD); err != nil {
		return nil, err
	}
	if cfg.ConsoleFD >= 0 {
		if err := relaySignals(cfg.ConsoleFD, cfg.SignalFD); err != nil {
			return nil, err
		}
	}
	self, err := host.SelfFDs()
	if err != nil {
		return nil, err
	}
	// Trees are cloned while the host's are still in sight, and attached
	// once the scratch root is.
	trees := make([]int, len(cfg.Attach))
	for i := range cfg.Attach {
		if trees[i], err = cfg.Attach[i].clone(); err != nil {
			return nil, err
		}
	}
	if cfg.BecomeRoot {
		// The host's root could go where the trees are; what is made from now on
		// is root's inside.
		if err := host.BecomeRoot(); err != nil {
			return nil, err
		}
	}
	scratch, err := host.ScratchTree()
	if err != nil {
		return nil, err
	}
	if err := host.EnterRoot(scratch); err != nil {
		return nil, err
	}
	root := &GoferRoot{RequestFD: cfg.SocketFDs[0], AnswerFD: cfg.SocketFDs[1], endFD: cfg.EndFD, joined: cfg.Joined, SelfFDs: self}
	for i, a := range cfg.Attach {
		name := strconv.Itoa(i)
		if err := a.attach(trees[i], scratch, name); err != nil {
			return nil, fmt.Errorf("%s: %w", a.Source, err)
		}
		root.Attach = append(root.Attach, GoferTree{"/" + name, a.ReadOnly, a.Shared})
	}
	unix.Close(scratch)
	if err := host.SetMountReadOnly("/"); err != nil {
		return nil, err
	}
	unix.Umask(0)
	return root, host.DropCaps(goferCaps)
}

func (a *AttachPoint) clone() (int, error) {
	// A device node that a guest made must never open the device.
	set := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if a.ReadOnly {
		set |= unix.MOUNT_ATTR_RDONLY
	}
	how := host.Private
	if a.Slave {
		how = host.Slave
	}
	if a.NoRecurse {
		fd, err := host.CloneMount(a.Source, set, how)
		if !errors.Is(err, unix.EINVAL) {
			return fd, err
		}
		// What is mounted below is locked: nobody may take it away in a user
		// namespace of its own (mount_namespaces(7)), but cover it.
		below, err := host.MountsBelow(a.Source)
		if err != nil {
			return -1, err
		}
		a.Hide = append(a.Hide, below...)
	}
	return host.CloneTree(a.Source, set, how)
}

// attach puts a's tree at name below the directory root.
func (a *AttachPoint) attach(tree, root int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return err
	}
	var err error
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = unix.Mkdirat(root, name, 0o755)
	} else {
		err = unix.Mknodat(root, name, unix.S_IFREG|0o600, 0)
	}
	if err == nil {
		err = host.Attach(tree, root, name)
	}
	if err != nil {
		return err
	}
	for _, dir := range a.Hide {
		if err := hide(tree, dir); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	return unix.Close(tree)
}

// hide covers a directory of the tree by an empty one; it need not exist.
func hide(tree int, dir string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(tree, dir[1:], &st, unix.AT_SYMLINK_NOFOLLOW); err == unix.ENOENT ||
		err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	empty, err := host.EmptyTree()
	if err != nil {
		return err
	}
	defer unix.Close(empty)
	return host.Attach(empty, tree, dir)
}

// EnterSentry is what the Sentry's process does first: it leaves every file
// and every privilege of the host behind. What remains is to make the
// platform's template, and host.SealSentry.
func EnterSentry(configFD int) (*boot.Config, error) {
	unix.CloseOnExec(configFD)
	var cfg sentryConfig
	if err := readConfig(configFD, &cfg); err != nil {
		return nil, err
	}
	follow(cfg.LifelineFD)
	if err := passGate(cfg.GateFD); err != nil {
		return nil, err
	}
	if cfg.OwnConsole {
		// Its signals come here from now on: tty_ioctl(4).
		if err := unix.IoctlSetInt(cfg.Boot.StdioFDs[0], unix.TIOCSCTTY, 0); err != nil {
			return nil, fmt.Errorf("TIOCSCTTY: %w", err)
		}
	}
	proc, err := host.NewProc()
	if err != nil {
		// /proc is partly hidden, as in a container: use the one there is.
		if proc, err = unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return nil, fmt.Errorf("open /proc: %w", err)
		}
	}
	cfg.Boot.ProcFD = proc
	if cfg.TakeNetwork {
		if cfg.Boot.Uplink, err = network.TakeOwn(); err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
	}
	empty, err := host.EmptyTree()
	if err != nil {
		return nil, err
	}
	if err := host.EnterRoot(empty); err != nil {
		return nil, err
	}
	unix.Close(empty)
	for _, fd := range []int{cfg.Boot.GoferFDs[0], cfg.Boot.GoferFDs[1], cfg.Boot.ControlFD, cfg.Boot.LogFD, cfg.Boot.DebugLogFD, cfg.Boot.PcapFD,
		cfg.Boot.StdioFDs[0], cfg.Boot.StdioFDs[1], cfg.Boot.StdioFDs[2]} {
		if fd >= 0 {
			unix.CloseOnExec(fd)
		}
	}
	for _, p := range cfg.Boot.PassedFDs {
		unix.CloseOnExec(p.FD)
	}
	if cfg.Become != 0 {
		err = host.Become(cfg.Become, cfg.Become)
	} else {
		err = host.DropCaps(0)
	}
	if err != nil {
		return nil, err
	}
	// A change of credentials cleared both: prctl(2). Other sandboxes of
	// this user cannot ptrace us: they have no capability in our namespace.
	if cfg.Attached {
		if err := host.DieWithParent(); err != nil {
			return nil, err
		}
	}
	return &cfg.Boot, host.SetDumpable()
}

// follow ends this process when the pipe does: runsc is gone. A byte in it says
// that runsc may go. Signals that runsc's caller may have sent to everything are
// not for us.
func follow(fd int) {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP, unix.SIGTTIN,
		unix.SIGTTOU, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE)
	if fd < 0 {
		return
	}
	// Not blocking, so that it costs no thread.
	if unix.SetNonblock(fd, true) != nil {
		return
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		var b [1]byte
		if n, _ := f.Read(b[:]); n == 0 {
			os.Exit(128)
		}
		f.Close()
	}()
}

// relaySignals makes a terminal this process's own, whose signals are for the Sentry.
func relaySignals(console, to int) error {
	if err := unix.IoctlSetInt(console, unix.TIOCSCTTY, 0); err != nil {
		return fmt.Errorf("TIOCSCTTY: %w", err)
	}
	unix.Close(console)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH, unix.SIGHUP)
	go func() {
		for sig := range signals {
			// A Sentry that has gone wants none.
			_, _ = unix.Write(to, []byte{byte(sig.(unix.Signal))})
		}
	}()
	return nil
}
