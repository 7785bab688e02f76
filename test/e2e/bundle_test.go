package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A host is where a test's containers live: a state directory and bundles of its
// own.
type host struct {
	t    *testing.T
	root string // --root
	tmp  string // TMPDIR of every runsc
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{t, filepath.Join(dir, "root"), filepath.Join(dir, "tmp")}
	if err := os.Mkdir(h.tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

var lastID atomic.Int64

// id returns a name that no other container of this machine has.
func (h *host) id() string { return fmt.Sprintf("e2e-%d-%d", os.Getpid(), lastID.Add(1)) }

// command is runsc with its state in h.
func (h *host) command(args ...string) *exec.Cmd {
	cmd := exec.Command(runsc, append([]string{"--root", h.root, "--log", filepath.Join(h.tmp, "log"), "--log-format", "json"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+h.tmp)
	return cmd
}

// runsc runs a command to its end.
func (h *host) runsc(args ...string) (stdout, stderr string, status int) {
	h.t.Helper()
	return h.finish(h.command(args...))
}

func (h *host) finish(cmd *exec.Cmd) (stdout, stderr string, status int) {
	h.t.Helper()
	var out, errs bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &errs
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if strings.Contains(errs.String(), "the host forbids new namespaces") {
		h.t.Skip("host feature missing: user namespaces")
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that has to succeed, and returns its output.
func (h *host) must(args ...string) string {
	h.t.Helper()
	out, errs, status := h.runsc(args...)
	if status != 0 {
		h.t.Fatalf("runsc %s: status %d: %s", strings.Join(args, " "), status, errs)
	}
	return out
}

// background runs a container whose streams are files: one that is left alone
// would keep pipes open. It returns what it writes to.
func (h *host) background(args ...string) (output string) {
	h.t.Helper()
	f, err := os.CreateTemp(h.tmp, "output-")
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	cmd := h.command(args...)
	cmd.Stdout, cmd.Stderr = f, f
	if _, _, status := h.finish(cmd); status != 0 {
		b, _ := os.ReadFile(f.Name())
		if bytes.Contains(b, []byte("the host forbids new namespaces")) {
			h.t.Skip("host feature missing: user namespaces")
		}
		h.t.Fatalf("runsc %s: status %d: %s", strings.Join(args, " "), status, b)
	}
	return f.Name()
}

// bundle makes a bundle whose root is a busybox, as `runsc spec -- args` does it
// and then change.
func (h *host) bundle(change func(*specs.Spec), args ...string) string {
	h.t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(h.root), "bundle-")
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	busybox(h.t, filepath.Join(dir, "rootfs"))
	h.must(append([]string{"spec", "--bundle", dir, "--"}, args...)...)
	h.edit(dir, change)
	return dir
}

// edit changes a bundle's config.json.
func (h *host) edit(dir string, change func(*specs.Spec)) {
	h.t.Helper()
	name := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(name)
	var s specs.Spec
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	if change != nil {
		change(&s)
	}
	if b, err = json.MarshalIndent(&s, "", "\t"); err == nil {
		err = os.WriteFile(name, b, 0o644)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// busybox makes a root of busybox-static and its applets.
func busybox(t *testing.T, root string) {
	t.Helper()
	name, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is missing: apt-get install busybox-static")
	}
	applets, err := exec.Command(name, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	for _, dir := range []string{"bin", "etc", "tmp"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	err = errors.Join(err, os.Chmod(filepath.Join(root, "tmp"), 0o1777), os.WriteFile(filepath.Join(root, "bin/busybox"), b, 0o755),
		os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0:root:/:/bin/sh\n"), 0o644))
	for a := range strings.FieldsSeq(string(applets)) {
		if a != "busybox" {
			err = errors.Join(err, os.Symlink("busybox", filepath.Join(root, "bin", a)))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writable lets the container write to its root.
func writable(s *specs.Spec) { s.Root.Readonly = false }

// nothingLeft fails if a container left something: a process, a state, a mount, a
// socket, a cgroup, a temporary file.
func (h *host) nothingLeft() {
	h.t.Helper()
	for _, p := range running() {
		h.t.Errorf("left: process %d: %s", p.pid, p.args)
	}
	for _, dir := range []string{h.root, h.tmp} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.t.Error(err)
		}
		for _, e := range entries {
			if e.Name() != "log" && !strings.HasPrefix(e.Name(), "output-") {
				h.t.Errorf("left: %s", filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, table := range []string{"/proc/self/mountinfo", "/proc/net/unix"} {
		b, err := os.ReadFile(table)
		if err != nil {
			h.t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, filepath.Dir(h.root)) {
				h.t.Errorf("left in %s: %s", table, line)
			}
		}
	}
	prefix := fmt.Sprintf("e2e-%d-", os.Getpid())
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.Contains(e.Name(), prefix) {
			h.t.Errorf("left: cgroup %s", path)
		}
		return nil
	})
}

// A process is one of the host.
type process struct {
	pid  int
	args string
}

// running are the processes that run this test's runsc.
func running() (list []process) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		exe, err := os.Readlink(dir + "/exe")
		if err != nil || exe != runsc {
			continue
		}
		if p := readProcess(dir); p.pid != 0 {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b process) int { return a.pid - b.pid })
	return list
}

// readProcess returns the process of a directory in /proc, zero if it has ended.
func readProcess(dir string) process {
	stat, err := os.ReadFile(dir + "/stat")
	i := bytes.LastIndexByte(stat, ')')
	if err != nil || i < 0 || bytes.ContainsAny(stat[i+2:i+3], "ZX") {
		return process{}
	}
	args, _ := os.ReadFile(dir + "/cmdline")
	p := process{args: string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))}
	fmt.Sscan(filepath.Base(dir), &p.pid)
	return p
}
