package e2e

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// passed is a regular file, the write end of a pipe and a socket, as 3, 4 and 5; says
// is what came out of the latter two, once all of their ends are closed.
func (h *host) passed(cmd *exec.Cmd) (says func() [2]string) {
	h.t.Helper()
	f, err := os.OpenFile(filepath.Join(h.tmp, "output-passed"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.WriteString("first\nsecond\n")
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	r, w, err2 := os.Pipe()
	pair, err3 := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err := errors.Join(err, err2, err3); err != nil {
		h.t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	if _, err := ours.WriteString("asked\n"); err != nil {
		h.t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{f, w, theirs}
	return func() (out [2]string) {
		h.t.Helper()
		for _, c := range cmd.ExtraFiles {
			c.Close()
		}
		for i, from := range []*os.File{r, ours} {
			// A side that is left open somewhere shows as a test that waits.
			b, err := io.ReadAll(from)
			if err != nil && !errors.Is(err, unix.ECONNRESET) { // nobody read what was asked
				h.t.Error(err)
			}
			out[i] = string(b)
			from.Close()
		}
		return out
	}
}

const useFDs = "head -n 1 <&3; echo piped >&4; read line <&5; echo got $line >&5; echo more >&3; ls /proc/self/fd | tr '\\n' ' '"

// TestPassFD: descriptors of the caller's are the first process's and those of exec,
// attached and detached, in a sandbox of one's own and in another's.
func TestPassFD(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(writable, "sh", "-c", useFDs)
	check := func(name, out string, says [2]string) {
		t.Helper()
		// The fourth is ls's own.
		if want := "first\n0 1 2 3 4 5 6 "; out != want {
			t.Errorf("%s: %q, want %q", name, out, want)
		}
		if says != [2]string{"piped\n", "got asked\n"} {
			t.Errorf("%s: %q", name, says)
		}
		b, err := os.ReadFile(filepath.Join(h.tmp, "output-passed"))
		if s := string(b); err != nil || s != "first\nsecond\nmore\n" && s != "first\nmore\nd\n" {
			t.Errorf("%s: the file says %q, %v", name, b, err)
		}
	}
	cmd := h.command("run", "--bundle", dir, "--preserve-fds", "3", h.id())
	says := h.passed(cmd)
	out, errs, _ := h.finish(cmd)
	check("run"+errs, out, says())

	id := h.id()
	output := filepath.Join(h.tmp, "output-created")
	o, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	cmd = h.command("create", "--bundle", dir, "--preserve-fds=2", "--pass-fd", "5:5", id)
	cmd.Stdout, cmd.Stderr = o, o
	says = h.passed(cmd)
	h.finish(cmd)
	h.must("start", id)
	said := says()
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	b, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	check("create", string(b), said)
	h.must("delete", id)

	id = h.sleeper(nil)
	cmd = h.command("exec", "--preserve-fds", "3", id, "sh", "-c", useFDs)
	says = h.passed(cmd)
	out, errs, _ = h.finish(cmd)
	check("exec"+errs, out, says())

	if err := o.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	cmd = h.command("exec", "--detach", "--preserve-fds", "3", id, "sh", "-c", useFDs)
	cmd.Stdout, cmd.Stderr = o, o
	says = h.passed(cmd)
	h.finish(cmd)
	said = says()
	eventually(t, "the output", func() bool { b, err = os.ReadFile(output); return err == nil && strings.HasSuffix(string(b), "6 ") })
	check("exec --detach", string(b), said)

	// By other numbers, twice the same.
	cmd = h.command("exec", "--pass-fd=4:9", "--pass-fd=4:20", id, "sh", "-c", "echo a >&9; echo b >&20; ls /proc/self/fd | tr '\\n' ' '; echo c >&4")
	says = h.passed(cmd)
	out, errs, _ = h.finish(cmd)
	if said := says(); out != "0 1 2 20 3 9 " || said[0] != "a\nb\n" || !strings.Contains(errs, "Bad file descriptor") {
		t.Errorf("by number: %q, %q, %q", out, errs, said)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}

// TestPassTerminal: a terminal that is not the process's own is one inside, too.
func TestPassTerminal(t *testing.T) {
	h := newHost(t)
	p, slave := newPty(t)
	cmd := h.command("run", "--bundle", h.bundle(nil, "sh", "-c", "test -t 3 && stty size <&3 && echo hello >&3"), "--preserve-fds", "1", h.id())
	cmd.ExtraFiles = []*os.File{slave}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 12, Col: 34}); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := h.finish(cmd); out != "12 34\n" || status != 0 {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	p.expect("hello\r\n")
	slave.Close()
	h.nothingLeft()
}

// TestListenFDs: what a socket-activated runsc was given is passed on, as by runc, and
// what --preserve-fds names comes behind.
func TestListenFDs(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(writable, "sh", "-c", "echo $LISTEN_FDS $LISTEN_PID >&3; echo piped >&4")
	run := func(count, preserve string, files ...*os.File) (string, string) {
		// The shell's process becomes runsc's: LISTEN_PID is right.
		own := h.command("run", "--bundle", dir, "--preserve-fds", preserve, h.id())
		cmd := exec.Command("sh", append([]string{"-c", `export LISTEN_FDS=` + count + ` LISTEN_PID=$$; exec "$0" "$@"`}, own.Args...)...)
		cmd.Env, cmd.ExtraFiles = own.Env, files
		_, errs, _ := h.finish(cmd)
		b, err := os.ReadFile(files[0].Name())
		if err != nil {
			return "", errs
		}
		return string(b), errs
	}
	open := func() *os.File {
		f, err := os.CreateTemp(h.tmp, "output-")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f, g := open(), open()
	defer f.Close()
	defer g.Close()
	if out, errs := run("1", "1", f, g); out != "1 1\n" || errs != "" {
		t.Errorf("%q, %q", out, errs)
	}
	if b, err := os.ReadFile(g.Name()); string(b) != "piped\n" {
		t.Errorf("behind it: %q, %v", b, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, errs := run("1", "0", s); !strings.Contains(errs, "LISTEN_FDS: descriptor 3 is a socket that listens: ") || strings.Count(errs, "\n") != 1 {
		t.Errorf("a listener: %q", errs)
	}
	h.nothingLeft()
}

// TestPassFDMistakes: one line, and nothing is left.
func TestPassFDMistakes(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "true")
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	path := os.NewFile(func() uintptr { fd, _ := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0); return uintptr(fd) }(), "path")
	defer path.Close()
	event := os.NewFile(func() uintptr { fd, _ := unix.Eventfd(0, unix.EFD_CLOEXEC); return uintptr(fd) }(), "event")
	defer event.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	datagrams := os.NewFile(uintptr(pair[0]), "datagrams")
	defer datagrams.Close()
	defer unix.Close(pair[1])
	const others = ": only regular files, pipes, connected stream sockets and terminals can be passed"
	for _, c := range []struct {
		says  string
		files []*os.File
		args  []string
	}{
		{"--preserve-fds=-1: want 0 to 32", nil, []string{"--preserve-fds=-1"}},
		{"--preserve-fds=33: want 0 to 32", nil, []string{"--preserve-fds=33"}},
		{"--preserve-fds=1: descriptor 3 is not open", nil, []string{"--preserve-fds=1"}},
		{"--preserve-fds=2: descriptor 4 is not open", []*os.File{f}, []string{"--preserve-fds=2"}},
		{"--pass-fd=a:3: want HOST:GUEST, numbers", nil, []string{"--pass-fd=a:3"}},
		{"--pass-fd=3: want HOST:GUEST, numbers", nil, []string{"--pass-fd=3"}},
		{"--pass-fd=3:1: 0, 1 and 2 are the standard streams inside", []*os.File{f}, []string{"--pass-fd=3:1"}},
		{"--pass-fd=3:65536: 65536 is more than 65535", []*os.File{f}, []string{"--pass-fd=3:65536"}},
		{"--pass-fd=3:3: 3 is another one inside", []*os.File{f}, []string{"--pass-fd=3:3", "--preserve-fds=1"}},
		{"descriptor 3 is a directory" + others, []*os.File{root}, []string{"--preserve-fds=1"}},
		{"descriptor 3 is a device" + others, []*os.File{zero}, []string{"--preserve-fds=1"}},
		{"descriptor 3 is a path (O_PATH)", []*os.File{path}, []string{"--preserve-fds=1"}},
		{"descriptor 3 is no file" + others, []*os.File{event}, []string{"--preserve-fds=1"}},
		{"descriptor 3 is a socket that is no stream" + others, []*os.File{datagrams}, []string{"--preserve-fds=1"}},
	} {
		for _, verb := range []string{"run", "create"} {
			cmd := h.command(append(append([]string{verb, "--bundle", dir}, c.args...), h.id())...)
			cmd.ExtraFiles = c.files
			if _, errs, status := h.finish(cmd); status != 128 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
				t.Errorf("%s: status %d, %q; want %s", verb, status, errs, c.says)
			}
		}
	}
	h.nothingLeft()
}

// TestPodExtras: in a sandbox with others, descriptors, filters and limits are each
// container's own.
func TestPodExtras(t *testing.T) {
	p := newPod(t)
	ipc := append(ownPIDs, specs.IPCNamespace)
	dir := p.member(ipc, func(s *specs.Spec) {
		noMkdir(s)
		s.Linux.Sysctl = map[string]string{"kernel.shmmni": "7"}
	}, "sh", "-c", "cat /proc/sys/kernel/shmmni; mkdir /tmp/x 2>&1; "+useFDs)
	cmd := p.command("--oci-seccomp", "run", "--bundle", dir, "--preserve-fds", "3", p.host.id())
	says := p.passed(cmd)
	out, errs, _ := p.finish(cmd)
	if want := "7\nmkdir: can't create directory '/tmp/x': Operation not permitted\nfirst\n0 1 2 3 4 5 6 "; out != want {
		t.Errorf("%q, %q; want %q", out, errs, want)
	}
	if said := says(); said != [2]string{"piped\n", "got asked\n"} {
		t.Errorf("%q", said)
	}
	if out := p.must("exec", p.first, "sh", "-c", "cat /proc/sys/kernel/shmmni; grep Seccomp: /proc/self/status"); out != "4096\nSeccomp:\t0\n" {
		t.Errorf("the first: %q", out)
	}
	p.must("delete", "--force", p.first)
	p.nothingLeft()
}
