package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// runsc is the command, built by TestMain.
var runsc string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if runsc = os.Getenv("GLOVEBOX_RUNSC"); runsc != "" {
		return m.Run() // a machine without Go: test/vm
	}
	dir, err := os.MkdirTemp("", "glovebox-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	runsc = filepath.Join(dir, "runsc")
	build := exec.Command("go", "build", "-ldflags=-E=runsc_entry", "-o", runsc, // as the Makefile does
		"glovebox/cmd/runsc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		return 1
	}
	return m.Run()
}

// do runs a program in the sandbox. It skips the test where the host forbids
// namespaces, and says so.
func do(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(runsc, append([]string{"do", "--"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if strings.Contains(errs.String(), "the host forbids new namespaces") {
		t.Skip("host feature missing: user namespaces")
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestSame runs programs natively and inside: output and status are the same.
func TestSame(t *testing.T) {
	programs := []struct {
		name, stdin string
		args        []string
	}{
		{"echo", "", []string{"echo", "hello", "world"}},
		{"status", "", []string{"sh", "-c", "exit 7"}},
		{"stdin", "one\ntwo\n", []string{"cat"}},
		{"pipeline", "", []string{"sh", "-c", "seq 1 1000 | sort -rn | head -3 | tr '\\n' ' '"}},
		{"fork", "", []string{"sh", "-c", "for i in 1 2 3 4 5; do (exit $i); echo $?; done"}},
		{"background", "", []string{"sh", "-c", "sleep 0.1 & wait $!; echo $?"}},
		{"trap", "", []string{"sh", "-c", "trap 'echo got; exit 3' TERM; kill -TERM $$; echo not here"}},
		{"killed", "", []string{"sh", "-c", "sh -c 'kill -KILL $$'; echo $?"}},
		{"heredoc", "", []string{"sh", "-c", "cat <<X\n$((6*7))\nX"}},
		{"files", "", []string{"sh", "-c", "d=$(mktemp -d) && cd $d && echo a > f && ln f g && ln -s f h && mv g i && cat f h i && rm -r $d && ls $d 2>/dev/null; echo $?"}},
		{"find", "", []string{"sh", "-c", "find /etc -maxdepth 1 -type f 2>/dev/null | sort | head -20"}},
		{"checksum", "", []string{"sh", "-c", "cat /bin/* 2>/dev/null | head -c 5000000 | cksum"}},
		{"awk", "", []string{"awk", "BEGIN { for (i = 0; i < 10000; i++) s += i; print s }"}},
		{"id", "", []string{"id"}},
	}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			cmd := exec.Command(p.args[0], p.args[1:]...)
			cmd.Stdin = strings.NewReader(p.stdin)
			want, err := cmd.Output()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			wantStatus := cmd.ProcessState.ExitCode()
			out, errs, status := do(t, p.stdin, p.args...)
			if out != string(want) || status != wantStatus {
				t.Errorf("status %d, output %q, errors %q; natively status %d, output %q", status, out, errs, wantStatus, want)
			}
		})
	}
}

// TestContained: what a guest writes does not reach the host, and it sees a
// kernel of its own.
func TestContained(t *testing.T) {
	name := filepath.Join(t.TempDir(), "written-inside")
	out, errs, status := do(t, "", "sh", "-c", "echo x > "+name+" && cat "+name+" && uname -v")
	if status != 0 || !strings.HasPrefix(out, "x\n") || !strings.Contains(out, "Glovebox") {
		t.Errorf("status %d, output %q, errors %q", status, out, errs)
	}
	if _, err := os.Lstat(name); err == nil {
		t.Error("the guest's file is on the host")
	}
}

// TestNotStarted: a program that cannot be run gives the status that a shell
// gives, and one line.
func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	plain := filepath.Join(dir, "plain")
	if err := errors.Join(os.WriteFile(broken, []byte("\x7fELFbroken"), 0o755), os.WriteFile(plain, []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		program, says string
		status        int
	}{
		{"/no/such/program", "no such file or directory", 127},
		{"no-such-program", "executable file not found", 127},
		{dir, "permission denied", 126},
		{plain, "permission denied", 126},
		{broken, "exec format error", 126},
	} {
		out, errs, status := do(t, "", c.program)
		if status != c.status || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: status %d, errors %q; want %d and one line with %q", c.program, status, errs, c.status, c.says)
		}
	}
}

// TestDoFiles: another root, volumes and variables, for root and for an ordinary user.
func TestDoFiles(t *testing.T) {
	for _, uid := range []uint32{0, 1234} {
		t.Run(fmt.Sprint(uid), func(t *testing.T) {
			if uid != 0 && os.Geteuid() != 0 {
				t.Skip("host feature missing: root, to be another user")
			}
			if err := os.Chmod(filepath.Dir(runsc), 0o755); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, d := range []string{dir, filepath.Dir(dir)} {
				if err := os.Chmod(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			root := filepath.Join(dir, "root")
			busybox(t, root)
			for _, name := range []string{"kept", "seen", "changed"} {
				d := filepath.Join(dir, name)
				if err := errors.Join(os.Mkdir(d, 0o777), os.WriteFile(filepath.Join(d, "f"), []byte(name+"\n"), 0o666),
					os.Chmod(d, 0o777), os.Chmod(filepath.Join(d, "f"), 0o666)); err != nil {
					t.Fatal(err)
				}
			}
			const script = `pwd; echo $A $B; cat /kept/f /seen/f /mnt/changed/f /one
echo new > /kept/f; cat /kept/f
echo new > /seen/f
echo new > /mnt/changed/f; echo new > /mnt/changed/g; echo new > /x; ls /`
			cmd := exec.Command(runsc, "do", "--rootfs", root, "-v", dir+"/kept:/kept", "--volume", dir+"/seen:/seen:ro", "-v", dir+"/changed:/mnt/changed:rw",
				"-v", dir+"/seen/f:/one:ro", "--env", "A=1", "-e", "B", "--", "sh", "-c", script)
			cmd.Env = append(os.Environ(), "A=0", "B=2", "PATH=/bin")
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "the host forbids new namespaces") {
				t.Skip("host feature missing: user namespaces")
			}
			want := "/\n1 2\nkept\nseen\nchanged\nseen\nnew\nsh: can't create /seen/f: Read-only file system\nbin\ndev\netc\nkept\nmnt\none\nproc\nseen\nsys\ntmp\nx\n"
			if uid != 0 {
				// The root is not that user's to write to.
				want = strings.Replace(want, "bin\n", "sh: can't create /x: Permission denied\nbin\n", 1)
				want = strings.TrimSuffix(want, "x\n")
			}
			if err != nil || string(out) != want {
				t.Errorf("%v: %s, want %s", err, out, want)
			}
			for name, want := range map[string]string{"kept/f": "kept\n", "seen/f": "seen\n", "changed/f": "new\n", "changed/g": "new\n"} {
				if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
					t.Errorf("%s is %q, %v; want %q", name, b, err, want)
				}
			}
			if names, err := os.ReadDir(root); err != nil || len(names) != 3 {
				t.Errorf("the root has %v, %v", names, err)
			}
		})
	}
}
