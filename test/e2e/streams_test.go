package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A streamCase gives a shell script standard streams, and says what they look like
// afterwards.
type streamCase struct {
	name, script string
	// run sets the streams of cmd, runs it, and returns what can be seen then.
	run func(t *testing.T, cmd *exec.Cmd) string
}

// TestStreams: a script's standard streams behave as they do natively, whatever
// they are.
func TestStreams(t *testing.T) {
	h := newHost(t)
	shell, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is missing: apt-get install busybox-static")
	}
	for _, c := range []streamCase{
		{"file", "read x; echo got $x; head -n 1; echo more", fileStreams(os.O_RDWR)},
		{"appended file", "read x; echo got $x; echo more", fileStreams(os.O_RDWR | os.O_APPEND)},
		{"reopened", "cat /dev/stdin; echo x >> /dev/stdout; echo y >&2; test -f /dev/stdin; echo $?; test -p /dev/stdout; echo $?", fileStreams(os.O_RDWR | os.O_APPEND)},
		{"seek", "dd bs=1 skip=4 count=3 2>/dev/null; dd bs=1 seek=2 count=2 conv=notrunc 2>/dev/null; wc -c", fileStreams(os.O_RDWR)},
		{"pipe", "cat; echo end; test -p /dev/stdin; echo $?", func(t *testing.T, cmd *exec.Cmd) string {
			cmd.Stdin = strings.NewReader(strings.Repeat("line\n", 100000))
			return output(t, cmd)
		}},
		{"no reader", "sh -c 'yes; echo $? >&2'; exit 3", func(t *testing.T, cmd *exec.Cmd) string {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			defer w.Close()
			cmd.Stdout = w
			var errs strings.Builder
			cmd.Stderr = &errs
			return status(t, cmd) + errs.String()
		}},
		{"socket", "cat; echo end; test -S /dev/stdin; echo $?", socketStreams},
		{"null", "cat; echo end", func(t *testing.T, cmd *exec.Cmd) string { return output(t, cmd) }},
		{"no input", "cat; echo $?; read x < /dev/null; ls -d /proc/self/fd/0; echo $?", closed("<&-")},
		{"no output", "cat < /proc/self/fd/0 2>/dev/null; echo x; echo $? >&2", closed(">&-")},
		{"no errors", "ls /not/there; echo $?", closed("2>&-")},
		{"full", "echo x; echo $? >&2", func(t *testing.T, cmd *exec.Cmd) string {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cmd.Stdout = f
			var errs strings.Builder
			cmd.Stderr = &errs
			return status(t, cmd) + errs.String()
		}},
		{"not blocking", "cat; echo end", func(t *testing.T, cmd *exec.Cmd) string {
			var p [2]int
			if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
				t.Fatal(err)
			}
			in := os.NewFile(uintptr(p[0]), "pipe")
			defer in.Close()
			cmd.Stdin = in
			if _, err := unix.Write(p[1], []byte("x\n")); err != nil {
				t.Fatal(err)
			}
			unix.Close(p[1])
			return output(t, cmd)
		}},
		{"terminal", "stty size; read x; echo got $x; tty -s; echo $?; echo end", func(t *testing.T, cmd *exec.Cmd) string {
			p, slave := newPty(t)
			p.resize(33, 99)
			p.send("typed\n")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			s := status(t, cmd)
			slave.Close()
			p.expect("end")
			return s + p.output()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{t, h.root, h.tmp}
			want := c.run(t, exec.Command(shell, "sh", "-c", c.script))
			if got := c.run(t, h.command("do", "--", shell, "sh", "-c", c.script)); got != want {
				t.Errorf("do: %.300q, natively %.300q", got, want)
			}
			if c.name == "terminal" {
				return // without process.terminal nobody inside has it: TestTerminal
			}
			dir := h.bundle(writable, "busybox", "sh", "-c", c.script)
			if got := c.run(t, h.command("run", "--bundle", dir, h.id())); got != want {
				t.Errorf("run: %.300q, natively %.300q", got, want)
			}
		})
	}
	h.nothingLeft()
}

// status runs cmd and returns how it ended.
func status(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.String() + "\n"
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	return status(t, cmd) + out.String()
}

// closed runs the command as a shell does that closes a stream.
func closed(redirection string) func(*testing.T, *exec.Cmd) string {
	return func(t *testing.T, cmd *exec.Cmd) string {
		t.Helper()
		sh := exec.Command("sh", append([]string{"-c", `exec "$@" ` + redirection, "sh"}, cmd.Args...)...)
		sh.Env = cmd.Env
		return output(t, sh)
	}
}

// fileStreams are one file each, used already and used on afterwards: the offset
// goes on where it was.
func fileStreams(flags int) func(*testing.T, *exec.Cmd) string {
	return func(t *testing.T, cmd *exec.Cmd) string {
		t.Helper()
		dir := t.TempDir()
		in, err := os.Create(filepath.Join(dir, "in"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if _, err := in.WriteString("first\nsecond\nthird\nfourth\nfifth\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Seek(6, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(filepath.Join(dir, "out"), flags|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if _, err := out.WriteString("before\n"); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
		s := status(t, cmd)
		rest, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.WriteString("after\n"); err != nil {
			t.Fatal(err)
		}
		all, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return s + "left: " + string(rest) + "written: " + string(all)
	}
}

// socketStreams are one socket, as inetd gives it.
func socketStreams(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	if _, err := ours.WriteString("over a socket\n"); err != nil {
		t.Fatal(err)
	}
	if err := unix.Shutdown(pair[0], unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	s := status(t, cmd)
	theirs.Close()
	all, err := io.ReadAll(ours)
	if err != nil {
		t.Fatal(err)
	}
	return s + string(all)
}
