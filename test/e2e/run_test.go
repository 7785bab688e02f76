package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestRun runs bundles whose output says what the configuration did.
func TestRun(t *testing.T) {
	h := newHost(t)
	umask := uint32(0o27)
	shared := t.TempDir()
	file := filepath.Join(shared, "file")
	if err := os.WriteFile(file, []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		script string
		change func(*specs.Spec)
		want   string
		status int
	}{
		{"output", "echo hello", nil, "hello\n", 0},
		{"status", "exit 7", nil, "", 7},
		{"killed", "sh -c 'kill -9 $$'; exit $?", nil, "", 137},
		{"first process ignores", "kill -9 $$; kill $$; echo alive", nil, "alive\n", 0},
		{"environment", "echo $A; pwd", func(s *specs.Spec) { s.Process.Env, s.Process.Cwd = append(s.Process.Env, "A=b"), "/made/for/this" }, "b\n/made/for/this\n", 0},
		{"user", "id; umask", func(s *specs.Spec) {
			writable(s)
			s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 7}, Umask: &umask}
		}, "uid=1000 gid=1001 groups=5,7\n0027\n", 0},
		{"names", "hostname; cat /proc/sys/kernel/domainname", func(s *specs.Spec) { s.Hostname, s.Domainname = "box", "example" }, "box\nexample\n", 0},
		{"capabilities", "grep Cap /proc/self/status", func(s *specs.Spec) {
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Effective: []string{"CAP_CHOWN"}, Permitted: []string{"CAP_CHOWN"}}
			s.Process.NoNewPrivileges = false // root gains what is in the bounding set: capabilities(7)
		}, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000021\nCapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\n", 0},
		{"no capabilities", "grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status", func(s *specs.Spec) {
			s.Process.Capabilities, s.Process.NoNewPrivileges = nil, false
			s.Process.User.UID = 3
		}, "CapEff:\t0000000000000000\nNoNewPrivs:\t0\n", 0},
		{"limits", "ulimit -n; ulimit -Hn; grep NoNewPrivs /proc/self/status", func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 77, Hard: 99}}
		}, "77\n99\nNoNewPrivs:\t1\n", 0},
		{"read-only root", "echo x > /x 2>/dev/null || echo no; echo y > /dev/shm/y && cat /dev/shm/y", nil, "no\ny\n", 0},
		{"devices of the bundle", "stat -c '%F %t:%T %a %u' /dev/lib/zero /dev/null /dev/pipe; head -c 2 /dev/lib/zero | od -An -tx1; stat -c '%F %t:%T' /dev/sda; cat /dev/sda 2>&1", func(s *specs.Spec) {
			mode, uid := os.FileMode(0o640), uint32(7)
			s.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/lib/zero", Type: "c", Major: 1, Minor: 5, FileMode: &mode, UID: &uid}, {Path: "/dev/null", Type: "c", Major: 1, Minor: 3},
				{Path: "/dev/pipe", Type: "p"}, {Path: "/dev/sda", Type: "b", Major: 8, Minor: 0},
			}
		}, "character special file 1:5 640 7\ncharacter special file 1:3 666 0\nfifo 0:0 666 0\n 00 00\nblock special file 8:0\ncat: can't open '/dev/sda': No such device or address\n", 1},
		{"devices", "echo x > /dev/null && head -c 3 /dev/zero | od -An -tx1; readlink /dev/fd", func(s *specs.Spec) { s.Mounts = s.Mounts[:1] }, " 00 00 00\n/proc/self/fd\n", 0},
		{"masked", "cat /proc/cpuinfo | wc -c; ls /proc/sys | wc -l; echo x > /proc/version && echo no; ls -d /proc/1", func(s *specs.Spec) {
			s.Linux.MaskedPaths = []string{"/proc/cpuinfo", "/proc/sys", "/not/there"}
		}, "0\n0\n/proc/1\n", 0},
		{"read-only paths", "echo x > /dev/shm/x || echo no", func(s *specs.Spec) {
			s.Linux.ReadonlyPaths = []string{"/dev/shm", "/nor/this"}
		}, "no\n", 0},
		{"bind", "cat /data/file; cat /one; echo x > /data/x && echo written; echo x >> /one || echo no; grep -c '/file /one ro' /proc/self/mountinfo", func(s *specs.Spec) {
			writable(s)
			s.Mounts = append(s.Mounts,
				specs.Mount{Destination: "/data", Type: "bind", Source: shared, Options: []string{"rbind", "rw"}},
				specs.Mount{Destination: "/one", Type: "bind", Source: file, Options: []string{"bind", "ro"}})
		}, "of the host\nof the host\nwritten\nno\n1\n", 0},
		{"search in PATH", "", func(s *specs.Spec) {
			s.Process.Args = []string{"true"}
			s.Process.Env = []string{"PATH=/nowhere:/bin"}
		}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{t, h.root, h.tmp}
			dir := h.bundle(c.change, "sh", "-c", c.script)
			out, errs, status := h.runsc("run", "--bundle", dir, h.id())
			if out != c.want || status != c.status {
				t.Errorf("status %d, output %q, errors %q; want status %d, output %q", status, out, errs, c.status, c.want)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(shared, "x")); string(b) != "x\n" {
		t.Errorf("what was written to a bind mount: %q, %v", b, err)
	}
	h.nothingLeft()
}

// TestWrites: writes to the root reach the host, unless an overlay keeps them.
func TestWrites(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(writable, "sh", "-c", "echo x > /new && cat /new && rm /etc/passwd")
	rootfs := filepath.Join(dir, "rootfs")
	out, errs, status := h.runsc("--overlay2=root:memory", "run", "-b", dir, h.id())
	if out != "x\n" || status != 0 {
		t.Errorf("with an overlay: status %d, output %q, errors %q", status, out, errs)
	}
	if _, err := os.Stat(filepath.Join(rootfs, "new")); err == nil {
		t.Error("a write got through the overlay")
	}
	if _, err := os.Stat(filepath.Join(rootfs, "etc/passwd")); err != nil {
		t.Error(err)
	}
	if out, errs, status = h.runsc("run", "-b", dir, h.id()); out != "x\n" || status != 0 {
		t.Errorf("status %d, output %q, errors %q", status, out, errs)
	}
	if b, err := os.ReadFile(filepath.Join(rootfs, "new")); string(b) != "x\n" {
		t.Errorf("the host sees %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(rootfs, "etc/passwd")); err == nil {
		t.Error("a removed file is still there")
	}
	h.nothingLeft()
}

// TestRunNotStarted is TestNotStarted for bundles.
func TestRunNotStarted(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct {
		program, says string
		status        int
	}{
		{"/no/such/program", "no such file or directory", 127},
		{"no-such-program", "executable file not found", 127},
		{"/etc", "permission denied", 126},
		{"/etc/passwd", "permission denied", 126},
		{"/broken", "exec format error", 126},
	} {
		dir := h.bundle(nil, c.program)
		if err := os.WriteFile(filepath.Join(dir, "rootfs/broken"), []byte("\x7fELFbroken"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, verb := range [][]string{{"run"}, {"run", "--detach", "--pid-file", filepath.Join(h.tmp, "pid")}} {
			out, errs, status := h.runsc(append(verb, "--bundle", dir, h.id())...)
			if status != c.status || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
				t.Errorf("%v %s: status %d, errors %q; want %d and one line with %q", verb, c.program, status, errs, c.status, c.says)
			}
		}
	}
	h.nothingLeft()
}

// TestBrokenBundles: every mistake gives one line that names it, and status 128.
func TestBrokenBundles(t *testing.T) {
	h := newHost(t)
	set := func(f func(*specs.Spec)) func(string) error {
		return func(dir string) error {
			h.edit(dir, f)
			return nil
		}
	}
	text := func(s string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, "config.json"), []byte(s), 0o644) }
	}
	mount := func(m specs.Mount) func(string) error {
		return set(func(s *specs.Spec) { s.Mounts = []specs.Mount{m} })
	}
	for _, c := range []struct {
		name   string
		break_ func(dir string) error
		says   string
	}{
		{"no config", func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) }, "config.json: no such file or directory"},
		{"a directory", func(dir string) error {
			name := filepath.Join(dir, "config.json")
			return errors.Join(os.Remove(name), os.Mkdir(name, 0o755))
		}, "config.json: not a regular file"},
		{"empty", text(""), "config.json: line 1: unexpected end of JSON input"},
		{"no JSON", text("{\n\"ociVersion\": oops}"), "config.json: line 2: invalid character 'o'"},
		{"an array", text("[]"), "config.json: line 1: want an object, not a JSON array"},
		{"wrong type", text("{\"ociVersion\": \"1.0.2\",\n\"process\": {\"args\": \"sh\"}}"), "config.json: process.args: line 2: want an array, not a JSON string"},
		{"too long", text(`{"ociVersion": "` + strings.Repeat("1", 5<<20) + `"}`), "config.json: longer than"},
		{"no version", set(func(s *specs.Spec) { s.Version = "" }), "config.json: ociVersion: must be set"},
		{"version 2", set(func(s *specs.Spec) { s.Version = "2.0.0" }), `config.json: ociVersion: "2.0.0" is not supported`},
		{"no process", set(func(s *specs.Spec) { s.Process = nil }), "config.json: process: must be set"},
		{"no args", set(func(s *specs.Spec) { s.Process.Args = nil }), "config.json: process.args: must not be empty"},
		{"relative cwd", set(func(s *specs.Spec) { s.Process.Cwd = "tmp" }), `config.json: process.cwd: "tmp" is not an absolute path`},
		{"unknown limit", set(func(s *specs.Spec) { s.Process.Rlimits[0].Type = "RLIMIT_X" }), `config.json: process.rlimits[0].type: "RLIMIT_X" is unknown`},
		{"soft above hard", set(func(s *specs.Spec) { s.Process.Rlimits[0].Soft = 2000 }), "config.json: process.rlimits[0].soft: 2000 is more than hard, 1024"},
		{"terminal", set(func(s *specs.Spec) { s.Process.Terminal = true }), "process.terminal is true, but standard input is no terminal"},
		{"no root", set(func(s *specs.Spec) { s.Root = nil }), "config.json: root: must be set"},
		{"missing root", set(func(s *specs.Spec) { s.Root.Path = "nowhere" }), "nowhere: no such file or directory"},
		{"root is a file", set(func(s *specs.Spec) { s.Root.Path = "config.json" }), "config.json: not a directory"},
		{"mount on root", mount(specs.Mount{Destination: "/", Type: "tmpfs"}), "config.json: mounts[0].destination: nothing can be mounted on /"},
		{"mount type", mount(specs.Mount{Destination: "/x", Type: "ext4", Source: "/dev/sda"}), `config.json: mounts[0].type: "ext4" is not supported`},
		{"missing source", mount(specs.Mount{Destination: "/x", Type: "bind", Source: "/no/such"}), "config.json: mounts[0].source: /no/such: no such file or directory"},
		{"mount option", mount(specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"size=lots"}}), "option size=lots"},
		{"mount point is a file", mount(specs.Mount{Destination: "/etc/passwd", Type: "tmpfs"}), "mount tmpfs on /etc/passwd"},
		{"mount point below a file", mount(specs.Mount{Destination: "/etc/passwd/x", Type: "tmpfs"}), "mount tmpfs on /etc/passwd/x"},
		{"id mapping", set(func(s *specs.Spec) {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 1, HostID: 100000, Size: 65536}}
		}), "config.json: linux.uidMappings: id 0 is not mapped"},
		{"namespace", set(func(s *specs.Spec) { s.Linux.Namespaces[0].Type = "moon" }), `config.json: linux.namespaces[0].type: "moon" is unknown`},
		{"cwd is a file", set(func(s *specs.Spec) { s.Process.Cwd = "/etc/passwd" }), "working directory /etc/passwd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := h.bundle(nil, "true")
			if err := c.break_(dir); err != nil {
				t.Fatal(err)
			}
			out, errs, status := h.runsc("run", "--bundle", dir, h.id())
			if status != 128 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
				t.Errorf("status %d, errors %.300q; want 128 and one line with %q", status, errs, c.says)
			}
			// The log says the same, for callers.
			b, err := os.ReadFile(filepath.Join(h.tmp, "log"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			var last struct{ Msg, Level string }
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Level != "error" || "runsc: "+last.Msg+"\n" != errs {
				t.Errorf("the log's last line is %.300q, %v", lines[len(lines)-1], err)
			}
		})
	}
	h.nothingLeft()
}

// TestWarnings: what is not honoured is named in the log.
func TestWarnings(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{"net.core.somaxconn": "1"}
		s.Process.ApparmorProfile = "strict"
		s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_FLY")
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/kernel/debug", Type: "debugfs", Source: "debugfs"})
	}, "true")
	h.must("run", "--bundle", dir, h.id())
	log, err := os.ReadFile(filepath.Join(h.tmp, "log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is not JSON: %q", line)
		}
	}
	for _, field := range []string{"linux.sysctl", "process.apparmorProfile", "process.capabilities.bounding", "mounts[7]"} {
		if !strings.Contains(string(log), "config.json: "+field) {
			t.Errorf("no warning about %s: %s", field, log)
		}
	}
	if strings.Contains(string(log), `"level":"error"`) {
		t.Errorf("an error in the log: %s", log)
	}
}

// TestSpec: the file is what runc writes, `--` sets the program, and nothing is
// overwritten.
func TestSpec(t *testing.T) {
	h := newHost(t)
	dir := t.TempDir()
	h.must("spec", "--bundle", dir)
	var s specs.Spec
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !s.Process.Terminal || len(s.Process.Args) != 1 || s.Process.Args[0] != "sh" || s.Root.Path != "rootfs" ||
		!s.Root.Readonly || len(s.Mounts) < 5 || len(s.Linux.MaskedPaths) == 0 || len(s.Process.Capabilities.Bounding) == 0 {
		t.Errorf("config.json is %s", b)
	}
	_, errs, status := h.runsc("spec", "--bundle", dir)
	if status != 128 || !strings.Contains(errs, "is there already") {
		t.Errorf("again: status %d, errors %q", status, errs)
	}
	other := t.TempDir()
	h.must("spec", "--bundle", other, "--", "/hello", "you")
	if b, err = os.ReadFile(filepath.Join(other, "config.json")); err == nil {
		s = specs.Spec{}
		err = json.Unmarshal(b, &s)
	}
	if err != nil || s.Process.Terminal || strings.Join(s.Process.Args, " ") != "/hello you" {
		t.Errorf("with a program: %v, %s", err, b)
	}
}

// TestBindAlone: without rbind, what is mounted below stays hidden.
func TestBindAlone(t *testing.T) {
	h := newHost(t)
	outer := t.TempDir()
	if err := os.MkdirAll(filepath.Join(outer, "a b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(outer, "a b"), "tmpfs", 0, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	defer unix.Unmount(filepath.Join(outer, "a b"), unix.MNT_DETACH)
	if err := errors.Join(os.WriteFile(filepath.Join(outer, "file"), nil, 0o644), os.WriteFile(filepath.Join(outer, "a b/inner"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{"bind": "/m:\na b\nfile\n\n/m/a b:\n", "rbind": "/m:\na b\nfile\n\n/m/a b:\ninner\n"} {
		dir := h.bundle(func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/m", Type: "bind", Source: outer, Options: []string{option}})
		}, "ls", "-R", "/m")
		if out, errs, status := h.runsc("run", "--bundle", dir, h.id()); out != want || status != 0 {
			t.Errorf("%s: status %d, output %q, errors %q; want %q", option, status, out, errs, want)
		}
	}
	h.nothingLeft()
}

// TestRemoved: the host has the space of a file back when it is removed, or closed
// after that.
func TestRemoved(t *testing.T) {
	h := newHost(t)
	id := h.id()
	dir := h.bundle(writable, "sh", "-c", "echo x > /kept; exec 3</kept; rm /kept; sleep 100000")
	h.background("run", "--detach", "--bundle", dir, id)
	eventually(t, "one file is held", func() bool { return heldFiles(dir) == "kept " })
	script := `for i in 1 2 3 4 5 6 7 8; do echo data > /f$i; cat /f$i > /dev/null; done; rm /f1 /f2; mv /f3 /f4; ln /f5 /g5; rm /f5; cat /g5; rm /g5; rm /f4 /f6 /f7; cat /f8; stat -c %h /f8`
	if out := h.must("exec", id, "sh", "-c", script); out != "data\ndata\n1\n" {
		t.Errorf("%q", out)
	}
	// Messages may be under way.
	time.Sleep(50 * time.Millisecond)
	if held := heldFiles(dir); held != "kept " {
		t.Errorf("held: %s", held)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}

// heldFiles names the removed files that a process has open below dir.
func heldFiles(dir string) (names string) {
	seen := map[string]bool{}
	for _, p := range running() {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid))
		for _, fd := range fds {
			link, _ := os.Readlink(fd)
			// The gofer's root is another: all there is of the path is its end.
			name, ok := strings.CutSuffix(filepath.Base(link), " (deleted)")
			if ok && !seen[name] && !strings.Contains(link, "memfd:") && !strings.HasPrefix(link, "/dev") {
				seen[name] = true
				names += name + " "
			}
		}
	}
	return names
}

// TestOwners: a file keeps its owner when it is opened and written, so that who owns it
// may open it again; and its set-id bits when root writes it.
func TestOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("host feature missing: root, for files of other users")
	}
	h := newHost(t)
	data := filepath.Join(filepath.Dir(h.root), "data")
	script := `umask 077; for d in / /data; do cd $d; echo a > own; chown 1000:1000 own; exec 3<>own; stat -c %u:%g own; echo b >&3; stat -c %u:%g own; exec 3>&-
su -s /bin/sh user -c "cat $d/own; echo c >> $d/own; stat -c %u $d/own; mkdir -p /tmp/g; echo x > /tmp/new; cat /tmp/new"; chown 0 own; stat -c %u own
echo a > prog; chmod 6755 prog; echo b >> prog; stat -c %a prog; : > prog; stat -c %a prog; chown 1000 prog; stat -c %a prog; done`
	dir := h.bundle(func(s *specs.Spec) {
		writable(s)
		s.Process.Capabilities = nil
		caps := []string{"CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: data, Options: []string{"bind"}})
	}, "sh", "-c", script)
	err := errors.Join(os.Mkdir(data, 0o755), os.WriteFile(filepath.Join(dir, "rootfs/etc/passwd"), []byte("root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	const want = "1000:1000\n1000:1000\nb\n1000\nx\n0\n6755\n6755\n755\n"
	if out, errs, _ := h.runsc("run", "--bundle", dir, h.id()); out != want+want || errs != "" {
		t.Errorf("%q, %q; want %q twice", out, errs, want)
	}
	h.nothingLeft()
}

// TestFileSystems runs the program about file systems on files of the host: written
// through, and below an overlay. sentry/sys runs it natively.
func TestFileSystems(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("host feature missing: root, for files of other users")
	}
	h := newHost(t)
	dir := h.bundle(func(s *specs.Spec) {
		writable(s)
		caps := []string{"CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP", "CAP_SYS_ADMIN", "CAP_IPC_LOCK", "CAP_LEASE"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	}, "/fscorners")
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-o", filepath.Join(dir, "rootfs/fscorners"), "../guest/fscorners.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, errs, status := h.runsc("run", "--bundle", dir, h.id()); status != 0 {
		t.Errorf("written through: status %d: %s%s", status, out, errs)
	}
	h.nothingLeft()
	if out, errs, status := do(t, "", filepath.Join(dir, "rootfs/fscorners")); status != 0 {
		t.Errorf("below an overlay: status %d: %s%s", status, out, errs)
	}
}

// TestPropagation: what the host mounts later shows where a mount asks for that, and
// nowhere else.
func TestPropagation(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("host feature missing: root, who mounts")
	}
	h := newHost(t)
	shared := t.TempDir()
	dir := h.bundle(func(s *specs.Spec) {
		for _, how := range []string{"rslave", "rshared", "rprivate"} {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/" + how, Type: "bind", Source: shared, Options: []string{"rbind", how}})
		}
		writable(s)
	}, "sleep", "100000")
	id := h.id()
	// In a mount namespace of its own, which the runtime is started in.
	script := `set -e
mount -t tmpfs x $1; mount --make-shared $1; mkdir $1/sub
$2 --root $3 run --detach --bundle $4 $5 </dev/null >/dev/null 2>&1
mount -t tmpfs y $1/sub; echo later > $1/sub/f
for d in rslave rshared rprivate; do $2 --root $3 exec $5 sh -c "cat /$d/sub/f 2>/dev/null || echo none"; done
umount -l $1/sub; $2 --root $3 exec $5 ls /rslave/sub
$2 --root $3 delete --force $5`
	out, err := exec.Command("unshare", "--mount", "sh", "-c", script, "sh", shared, runsc, h.root, dir, id).CombinedOutput()
	if want := "later\nlater\nnone\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
	h.nothingLeft()
}
