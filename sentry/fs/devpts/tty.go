package devpts

import (
	"sync"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// bufSize bounds what waits in each direction, in bytes (N_TTY_BUF_SIZE).
const bufSize = 4096

// A TTY is a terminal: what is between a master and its slaves.
type TTY struct {
	kernel.Terminal
	fs    *FS
	index int       // immutable once it has a name
	node  vfs.Inode // the slave's; likewise

	masterQ, slaveQ wait.Queue

	mu         sync.Mutex // guards what follows; see the package's comment
	uid, gid   uint32
	mode       uint32
	termios    linux.Termios
	winsize    linux.Winsize
	locked     bool // TIOCSPTLCK: slaves cannot be opened
	exclusive  bool // TIOCEXCL
	packet     bool // TIOCPKT
	slaves     int  // open
	everOpen   bool // a slave was open once
	masterGone bool
	stopped    bool // ^S

	// in is what the slave reads, up to ready in whole lines (ICANON) with
	// their ends marked in ends; the rest is being edited.
	in    []byte
	ready int
	ends  []lineEnd
	// literal: the next character is not special (VLNEXT).
	literal bool
	// out is what the master reads; column is where the cursor is.
	out    []byte
	column int

	// timer runs while a reader waits for VTIME, expired says that it did.
	timer   *time.Timer
	expired bool
}

// A lineEnd is a place in TTY.in where a read in canonical mode stops. hidden
// says that the last byte ends the line, but is not read (VEOF).
type lineEnd struct {
	at     int
	hidden bool
}

// defaultTermios is tty_std_termios, as pty.c changes it.
var defaultTermios = linux.Termios{
	Iflag: linux.ICRNL | linux.IXON,
	Oflag: linux.OPOST | linux.ONLCR,
	Cflag: linux.B38400 | linux.CS8 | linux.CREAD,
	Lflag: linux.ISIG | linux.ICANON | linux.ECHO | linux.ECHOE | linux.ECHOK |
		linux.ECHOCTL | linux.ECHOKE | linux.IEXTEN,
	Cc: [linux.NCCS]uint8{
		linux.VINTR: 3, linux.VQUIT: 28, linux.VERASE: 127, linux.VKILL: 21, linux.VEOF: 4,
		linux.VMIN: 1, linux.VSTART: 17, linux.VSTOP: 19, linux.VSUSP: 26,
		linux.VREPRINT: 18, linux.VDISCARD: 15, linux.VWERASE: 23, linux.VLNEXT: 22,
	},
}

func newTTY(fs *FS) *TTY {
	t := &TTY{fs: fs, termios: defaultTermios, locked: true}
	t.Terminal.Open = t.openSlave
	return t
}

// attr patches the slave node's attributes.
func (t *TTY) attr(a *vfs.Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.Mode, a.UID, a.GID = linux.S_IFCHR|t.mode, t.uid, t.gid
}

// setAttr is chmod(2) and chown(2) of the slave's node.
func (t *TTY) setAttr(_ *vfs.Ctx, s vfs.SetAttr) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Mask&vfs.SetMode != 0 {
		t.mode = s.Mode & 0o7777
	}
	if s.Mask&vfs.SetUID != 0 {
		t.uid = s.UID
	}
	if s.Mask&vfs.SetGID != 0 {
		t.gid = s.GID
	}
	return nil
}

// An effect is what is to be done when t.mu is unlocked: signals to the
// foreground job, and waiters to be told.
type effect struct {
	signals       []int
	master, slave bool
}

// run carries e out.
func (t *TTY) run(e *effect) {
	for _, s := range e.signals {
		t.fs.opts.Kernel.SignalForeground(&t.Terminal, s)
	}
	if e.master {
		t.masterQ.Notify(wait.All)
	}
	if e.slave {
		t.slaveQ.Notify(wait.All)
	}
}

// flushLocked drops what waits: TCIFLUSH, TCOFLUSH or TCIOFLUSH.
func (t *TTY) flushLocked(which uint64, e *effect) {
	if which != linux.TCOFLUSH {
		t.in, t.ready, t.ends, t.literal = nil, 0, nil, false
		e.master = true // there is room again
	}
	if which != linux.TCIFLUSH {
		t.out = nil
		e.slave = true
	}
}

func (t *TTY) flag(flag uint32) bool { return t.termios.Lflag&flag != 0 }

// setTermiosLocked changes the settings (n_tty_set_termios).
func (t *TTY) setTermiosLocked(n linux.Termios, e *effect) {
	was := t.flag(linux.ICANON)
	t.termios = n
	if n.Iflag&linux.IXON == 0 && t.stopped {
		t.stopped = false
		e.slave = true
	}
	if was != t.flag(linux.ICANON) {
		// What waits can be read at once, and is one line.
		t.ready, t.ends = len(t.in), nil
		if !was && len(t.in) > 0 {
			t.ends = []lineEnd{{at: len(t.in)}}
		}
		e.slave = true
	}
}
