package container

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestLife(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	c, err := New(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(root, "a"); !errors.Is(err, ErrExist) {
		t.Errorf("again: %v", err)
	}
	// Until there is a state, whoever holds the lock is making it.
	if o, err := Open(root, "a"); err != nil || o.Now() != specs.StateCreating {
		t.Errorf("being made: %v, %v", o.Now(), err)
	}
	self, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	c.Status, c.Sandbox, c.Bundle = specs.StateRunning, self, "/b"
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	c.Unlock()
	list, broken, err := List(root)
	if err != nil || len(broken) != 0 || len(list) != 1 || list[0].OCI().Pid != os.Getpid() || list[0].OCI().Status != specs.StateRunning {
		t.Errorf("list %+v, %v, %v", list, broken, err)
	}
	// The same number, another process.
	l, err := Lock(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	l.Sandbox.Start++
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	if l.Now() != specs.StateStopped || l.OCI().Pid != 0 {
		t.Errorf("with a reused number: %+v", l.OCI())
	}
	if err := l.Sandbox.Kill(time.Second); err != nil {
		t.Errorf("a process that is gone: %v", err)
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	l.Unlock()
	if _, err := Open(root, "a"); !errors.Is(err, ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if _, err := Lock(root, "a"); !errors.Is(err, ErrNotExist) {
		t.Errorf("lock of a removed one: %v", err)
	}
}

// TestLockIsExclusive: who waits for a lock on what is removed meanwhile learns
// that.
func TestLockIsExclusive(t *testing.T) {
	root := t.TempDir()
	c, err := New(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := Lock(root, "a")
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("locked twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	c.Unlock()
	if err := <-got; !errors.Is(err, ErrNotExist) {
		t.Errorf("after its removal: %v", err)
	}
}

func TestBroken(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"syntax": "{", "version": `{"version": 99, "id": "version"}`, "other": `{"version": 1, "id": "x"}`} {
		dir := filepath.Join(root, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, stateName), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		var broken *BrokenError
		if _, err := Open(root, name); !errors.As(err, &broken) {
			t.Errorf("%s: %v", name, err)
		}
		c, err := Lock(root, name)
		if !errors.As(err, &broken) || c == nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.Unlock()
	}
	if list, broken, err := List(root); err != nil || len(list) != 0 || len(broken) != 3 {
		t.Errorf("%v, %v, %v", list, broken, err)
	}
}

// TestNoState: whatever is called state.json is neither waited for nor followed.
func TestNoState(t *testing.T) {
	root := t.TempDir()
	for name, make := range map[string]func(state string) error{
		"fifo": func(s string) error { return unix.Mkfifo(s, 0o600) },
		"dir":  func(s string) error { return os.MkdirAll(filepath.Join(s, "more"), 0o700) },
		"link": func(s string) error { return os.Symlink("/dev/zero", s) },
	} {
		dir := filepath.Join(root, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), make(filepath.Join(dir, stateName))); err != nil {
			t.Fatal(err)
		}
		c, err := Lock(root, name)
		var broken *BrokenError
		if !errors.As(err, &broken) {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.Remove(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Unlock()
	}
	if err := os.MkdirAll(filepath.Join(root, "home/user"), 0o700); err != nil {
		t.Fatal(err)
	}
	if list, broken, err := List(root); err != nil || len(list)+len(broken) != 0 {
		t.Errorf("%v, %v, %v", list, broken, err)
	}
}

// TestSalvage: the processes of a state that a later runsc wrote are known.
func TestSalvage(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a")
	text := `{"version": 99, "id": "a", "created": 7, "sandbox": {"pid": 12, "start": 34}, "gofer": "of another form"}`
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, stateName), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := Lock(root, "a")
	var broken *BrokenError
	if !errors.As(err, &broken) || c.Sandbox != (Process{12, 34}) || c.Gofer.PID != 0 || c.Cgroup != nil {
		t.Errorf("%+v, %v", c.State, err)
	}
	c.Unlock()
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "A-1_2+3.4", ".x", strings.Repeat("x", 255)} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", ".", "..", "/", "a/b", "a b", "\x00", "ü", "a:b", strings.Repeat("x", 256)} {
		if CheckID(id) == nil {
			t.Errorf("%q is accepted", id)
		}
	}
}

func TestKill(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := Identify(cmd.Process.Pid)
	if err != nil || !p.Alive() {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := p.Kill(time.Minute); err != nil {
		t.Error(err)
	}
	// Nobody has waited for it yet: it does not run any more all the same.
	if p.Alive() {
		t.Error("a zombie is alive")
	}
	if err := p.Kill(time.Minute); err != nil {
		t.Errorf("again: %v", err)
	}
	_ = cmd.Wait()
}

// TestShowArgs: nothing is written to a process that is not a stub.
func TestShowArgs(t *testing.T) {
	if err := ShowArgs(os.Getpid(), os.Getppid(), "x"); err == nil || !strings.Contains(err.Error(), "no page for a title") {
		t.Errorf("%v", err)
	}
	if err := ShowArgs(1<<22+1, 1, "x"); err == nil {
		t.Error("a process that is not there has arguments")
	}
}
