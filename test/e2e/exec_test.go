package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// sleeper runs a container that does nothing, and returns its id.
func (h *host) sleeper(change func(*specs.Spec)) string {
	h.t.Helper()
	id := h.id()
	h.background("run", "--detach", "--bundle", h.bundle(change, "sleep", "100000"), id)
	h.t.Cleanup(func() {
		if h.t.Failed() {
			h.runsc("delete", "--force", id)
		}
	})
	return id
}

// TestExec runs programs beside the first one.
func TestExec(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(func(s *specs.Spec) {
		writable(s)
		s.Process.Env, s.Process.Cwd = append(s.Process.Env, "A=first"), "/tmp"
		s.Process.User = specs.User{UID: 7, GID: 8}
	})
	for _, c := range []struct {
		args   []string
		in     string
		want   string
		status int
	}{
		{[]string{id, "sh", "-c", "echo $A; pwd; id; exit 9"}, "", "first\n/tmp\nuid=7 gid=8\n", 9},
		{[]string{"--env", "A=b", "-e", "B=c", "--cwd", "/bin", "--user", "0:5", id, "sh", "-c", "echo $A$B; pwd; id"}, "", "bc\n/bin\nuid=0(root) gid=5\n", 0},
		{[]string{"--user", "3", "--additional-gids", "4", "-g", "6", id, "id"}, "", "uid=3 gid=8 groups=4,6\n", 0},
		{[]string{"--cap", "CAP_SYS_ADMIN", "--cap", "net_raw", "--user", "0", id, "sh", "-c", "grep CapEff /proc/self/status | cut -f 2"}, "", "0000000020202420\n", 0},
		{[]string{id, "sh", "-c", "kill -9 $$"}, "", "", 137},
		{[]string{id, "cat"}, "piped\n", "piped\n", 0},
		{[]string{id, "sh", "-c", "echo hidden >&2; tty"}, "", "not a tty\n", 1},
	} {
		cmd := h.command(append([]string{"exec"}, c.args...)...)
		cmd.Stdin = strings.NewReader(c.in)
		if out, errs, status := h.finish(cmd); out != c.want || status != c.status {
			t.Errorf("exec %q: status %d, output %q, errors %q; want status %d, output %q", c.args, status, out, errs, c.status, c.want)
		}
	}
	process := filepath.Join(h.tmp, "output-process")
	b, err := json.Marshal(specs.Process{Args: []string{"sh", "-c", "echo $X; id -u; umask"}, Env: []string{"PATH=/bin", "X=y"}, Cwd: "/", User: specs.User{UID: 11}})
	if err == nil {
		err = os.WriteFile(process, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out := h.must("exec", "--process", process, id); out != "y\n11\n0022\n" {
		t.Errorf("--process: %q", out)
	}
	// Processes of exec have pid 1's children's fate, not its own.
	if out := h.must("exec", id, "sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '; readlink /proc/self/exe; ls /proc/$PPID 2>&1; true"); !strings.HasPrefix(out, "sleep 100000 /bin/busybox\nls: /proc/0: No such file") {
		t.Errorf("among processes: %q", out)
	}
	for says, args := range map[string][]string{
		"in which container":                  {},
		"which program":                       {id},
		"does not exist":                      {"none", "true"},
		"--user=x":                            {"--user", "x", id, "true"},
		"process.cwd":                         {"--cwd", "here", id, "true"},
		"working directory /not/there":        {"--cwd", "/not/there", id, "true"},
		"standard input is no terminal":       {"--tty", id, "true"},
		"--process: open /none: no such file": {"--process", "/none", id},
		"needs --console-socket":              {"--detach", "--tty", id, "true"},
		"--console-socket needs a process":    {"--console-socket", "/x", id, "true"},
		"descriptor 3 is not open":            {"--preserve-fds", "1", id, "true"},
		"unknown flag --umask":                {"--umask", "1", id, "true"},
	} {
		h.fails(says, append([]string{"exec"}, args...)...)
	}
	for program, want := range map[string]int{"/none": 127, "none": 127, "/etc/passwd": 126, "/etc": 126} {
		for _, how := range [][]string{nil, {"--detach"}} {
			_, errs, status := h.runsc(append(append([]string{"exec"}, how...), id, program)...)
			if status != want || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, program) {
				t.Errorf("exec %v %s: status %d, %q; want %d", how, program, status, errs, want)
			}
		}
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}

// TestExecDetached: a process of the host stands for the one inside.
func TestExecDetached(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	h := newHost(t)
	id := h.sleeper(nil)
	start := func(script string) (pid, inside int, output string) {
		t.Helper()
		files := []string{filepath.Join(h.tmp, "output-pid"), filepath.Join(h.tmp, "output-inside")}
		output = h.background("exec", "--detach", "--pid-file", files[0], "--internal-pid-file", files[1], id, "sh", "-c", script)
		var pids [2]int
		for i, f := range files {
			b, err := os.ReadFile(f)
			if err == nil {
				pids[i], err = strconv.Atoi(string(b))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return pids[0], pids[1], output
	}
	wait := func(pid int) (ws syscall.WaitStatus) {
		t.Helper()
		if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil {
			t.Fatalf("wait for %d: %v", pid, err)
		}
		return ws
	}
	says := func(output, want string) {
		t.Helper()
		eventually(t, want, func() bool {
			b, err := os.ReadFile(output)
			return err == nil && string(b) == want
		})
	}
	pid, inside, output := start("echo $$; exit 5")
	if ws := wait(pid); ws.ExitStatus() != 5 {
		t.Errorf("status %#x", ws)
	}
	says(output, strconv.Itoa(inside)+"\n")

	pid, _, output = start(trapping)
	says(output, "up\n")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if ws := wait(pid); ws.ExitStatus() != 5 {
		t.Errorf("status after TERM %#x", ws)
	}
	says(output, "up\ngot\n")

	// Who kills the one means the other.
	pid, inside, _ = start("trap '' HUP INT TERM; while :; do sleep 0.1; done")
	there := func() bool {
		_, _, status := h.runsc("exec", id, "kill", "-0", strconv.Itoa(inside))
		return status == 0
	}
	if !there() {
		t.Error("it does not run")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(pid)
	eventually(t, "the process inside is gone", func() bool { return !there() })

	// With the container, all end.
	pid, _, _ = start("sleep 100000")
	h.must("kill", id, "KILL")
	if ws := wait(pid); ws.ExitStatus() != 137 {
		t.Errorf("status with the container %#x", ws)
	}
	eventually(t, "stopped", func() bool { return h.state(id).Status == specs.StateStopped })
	h.fails("container not running", "exec", id, "true")
	h.must("delete", id)
	h.nothingLeft()
}

// TestExecTerminal: a process with a terminal of its own has job control, as the
// first one.
func TestExecTerminal(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(nil)
	name, l := consoleSocket(t)
	for range 2 {
		h.background("exec", "--detach", "--tty", "--console-socket", name, id, "sh", "-i")
		p := watchPty(t, receiveFD(t, l))
		p.resize(33, 77)
		p.send("stty size; tty; echo to the terminal > $(tty)\n")
		p.expect("33 77")
		p.expect("/dev/pts/0")
		p.expect("to the terminal")
		p.jobControl()
		eventually(t, "the terminal's name is free", func() bool { return h.must("exec", id, "ls", "/dev/pts") == "ptmx\n" })
	}
	p, slave := newPty(t)
	cmd := h.command("exec", "--tty", id, "sh", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	p.send("tty\n")
	p.expect("/dev/pts/0")
	p.jobControl()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() < 0 {
		t.Error(err)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}
