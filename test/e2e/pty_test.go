package e2e

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A pty is the master side of a terminal, and what came out of it.
type pty struct {
	t      *testing.T
	master *os.File

	mu   sync.Mutex
	seen strings.Builder
	at   int // where expect goes on; of the test
}

// newPty makes a terminal. The slave is for the caller to close.
func newPty(t *testing.T) (*pty, *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	return watchPty(t, fd), os.NewFile(slave, "slave")
}

// watchPty collects what comes out of a master side.
func watchPty(t *testing.T, fd int) *pty {
	// Not blocking, so that Close ends a read.
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, master: os.NewFile(uintptr(fd), "master")}
	var reader sync.WaitGroup
	reader.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := p.master.Read(b)
			p.mu.Lock()
			p.seen.Write(b[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		p.master.Close()
		reader.Wait()
	})
	return p
}

func (p *pty) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

func (p *pty) send(s string) {
	p.t.Helper()
	if _, err := p.master.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

// expect waits for s behind what was expected before.
func (p *pty) expect(s string) {
	p.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		out := p.output()
		if i := strings.Index(out[p.at:], s); i >= 0 {
			p.at += i + len(s)
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("never saw %q; all output: %q", s, out)
		}
	}
}

func (p *pty) resize(rows, columns uint16) {
	p.t.Helper()
	if err := unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		p.t.Fatal(err)
	}
	// Fd made it blocking.
	if err := unix.SetNonblock(int(p.master.Fd()), true); err != nil {
		p.t.Fatal(err)
	}
}

// job says what happens to it. What is typed is echoed, so the words are split. It makes
// no process while it waits: who is in vfork(2) when its child stops does not stop itself.
const job = `sh -c 'sleep 1000 & trap "echo con''tinued" CONT; trap "echo inter''rupted; kill $!; exit 9" INT; ` +
	`trap "stty size" WINCH; echo sta''rted; while :; do wait; done'` + "\n"

// jobControl drives an interactive shell: a job is stopped by Ctrl-Z, continued by
// fg, told of a new window size, and ended by Ctrl-C.
func (p *pty) jobControl() {
	p.t.Helper()
	p.send("tty -s && echo a ter''minal\n")
	p.expect("a terminal")
	p.send(job)
	p.expect("started")
	p.send("\x1a")
	p.expect("Stopped")
	p.send("echo sta''tus $?\n")
	p.expect("status 1")
	p.send("fg\n")
	p.expect("continued")
	p.resize(41, 107)
	p.expect("41 107")
	p.send("\x03")
	p.expect("interrupted")
	p.send("echo sta''tus $?\n")
	p.expect("status 9")
	p.send("exit 3\n")
}

// onPty runs runsc on a terminal of its own, where what it said can be read.
func (h *host) onPty(args ...string) (*pty, error) {
	h.t.Helper()
	p, slave := newPty(h.t)
	cmd := h.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	slave.Close()
	if err == nil {
		err = cmd.Wait()
	}
	return p, err
}

// TestTerminal passes runsc's own terminal through, natively as well to know that
// the dialogue is right.
func TestTerminal(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(func(s *specs.Spec) { s.Process.Terminal = true }, "sh", "-i")
	for _, c := range []struct {
		name string
		cmd  *exec.Cmd
	}{
		{"natively", exec.Command("bash", "--norc", "--noediting", "-i")},
		{"do", h.command("do", "--", "bash", "--norc", "--noediting", "-i")},
		{"run", h.command("run", "--bundle", dir, h.id())},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, slave := newPty(t)
			p.resize(24, 80)
			c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
			c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := c.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()
			ended := make(chan error, 1)
			go func() { ended <- c.cmd.Wait() }()
			defer c.cmd.Process.Kill()
			p.jobControl()
			err := <-ended
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 3 {
				t.Errorf("%v, want status 3; output %q", err, p.output())
			}
		})
	}
	h.nothingLeft()
}

// consoleSocket listens for a terminal (--console-socket) at a short path, as sun_path is
// short.
func consoleSocket(t *testing.T) (name string, l *net.UnixListener) {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	name = filepath.Join(dir, "console")
	if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return name, l
}

// TestConsoleSocket: a detached container gets a terminal of its own, whose master
// side goes to who listens.
func TestConsoleSocket(t *testing.T) {
	for _, verb := range []string{"run", "create"} {
		t.Run(verb, func(t *testing.T) {
			h := newHost(t)
			id := h.id()
			dir := h.bundle(func(s *specs.Spec) {
				s.Process.Terminal, s.Process.ConsoleSize = true, &specs.Box{Height: 31, Width: 79}
			}, "sh", "-i")
			name, l := consoleSocket(t)
			if verb == "run" {
				h.background("run", "--detach", "--bundle", dir, "--console-socket", name, id)
			} else {
				h.background("create", "--bundle", dir, "--console-socket", name, id)
				h.must("start", id)
			}
			p := watchPty(t, receiveFD(t, l))
			p.send("stty size\n")
			p.expect("31 79")
			p.jobControl()
			eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
			h.must("delete", id)
			h.fails("--console-socket needs process.terminal", "run", "--bundle", h.bundle(nil, "true"), "--console-socket", name, id)
			h.fails("--console-socket", "run", "--bundle", dir, id)
			h.fails("needs --console-socket", "create", "--bundle", dir, id)
			h.fails("no such file or directory", "create", "--bundle", dir, "--console-socket", name+"x", id)
			h.nothingLeft()
		})
	}
}

// receiveFD accepts a connection and takes the descriptor that it brings.
func receiveFD(t *testing.T, l *net.UnixListener) int {
	t.Helper()
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, oob := make([]byte, 4096), make([]byte, 4096)
	_, n, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		t.Fatalf("%d control messages, %v", len(msgs), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("descriptors %v, %v", fds, err)
	}
	return fds[0]
}
