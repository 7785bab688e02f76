package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// logging are all six hooks, each of which adds a line to a file: its name, the
// state's status and whether it has a process.
func logging(log string) func(*specs.Spec) {
	hook := func(name, log string) []specs.Hook {
		script := fmt.Sprintf(`read -r s; p=no; case $s in *'"pid":0'*) ;; *'"pid":'*) p=pid;; esac
			s=${s#*'"status":"'}; echo %s ${s%%%%'"'*} $p >> %s`, name, log)
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/bin:/usr/bin"}}}
	}
	return func(s *specs.Spec) {
		writable(s)
		s.Hooks = &specs.Hooks{
			//lint:ignore SA1019 Docker sets prestart
			Prestart: hook("prestart", log), CreateRuntime: hook("createRuntime", log), CreateContainer: hook("createContainer", log),
			StartContainer: hook("startContainer", "/inside"), Poststart: hook("poststart", log), Poststop: hook("poststop", log),
		}
	}
}

const hooksToCreate = "prestart creating pid\ncreateRuntime creating pid\ncreateContainer creating pid\n"

// TestHooks runs all hooks when and where the specification has them.
func TestHooks(t *testing.T) {
	h := newHost(t)
	log := filepath.Join(t.TempDir(), "log")
	logged := func() string {
		b, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
	check := func(when, want string) {
		t.Helper()
		if got := logged(); got != want {
			t.Errorf("%s: hooks\n%swant\n%s", when, got, want)
		}
	}
	dir := h.bundle(logging(log), "sh", "-c", "cat /inside; sleep 1000")
	id := h.id()
	output := h.background("create", "--bundle", dir, id)
	check("created", hooksToCreate)
	h.must("start", id)
	check("started", hooksToCreate+"poststart running pid\n")
	eventually(t, "the hook's word inside", func() bool {
		b, _ := os.ReadFile(output)
		return string(b) == "startContainer created pid\n"
	})
	h.must("delete", "--force", id)
	check("deleted", hooksToCreate+"poststart running pid\npoststop stopped no\n")

	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	dir = h.bundle(logging(log), "cat", "/inside")
	if out := h.must("run", "--bundle", dir, h.id()); out != "startContainer created pid\n" {
		t.Errorf("run: %q", out)
	}
	check("ran", hooksToCreate+"poststart running pid\npoststop stopped no\n")
	h.nothingLeft()
}

// TestHookFails: what comes before the first process must not fail, what comes
// after is warned about.
func TestHookFails(t *testing.T) {
	h := newHost(t)
	log := filepath.Join(t.TempDir(), "log")
	second := 1
	no := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo no luck >&2; exit 3"}}}
	slow := []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Timeout: &second}}
	for _, c := range []struct {
		name string
		set  func(*specs.Hooks)
		says string
	}{
		//lint:ignore SA1019 Docker sets prestart
		{"prestart", func(k *specs.Hooks) { k.Prestart = no }, "hooks.prestart[0]: /bin/sh: exit status 3: no luck"},
		{"createRuntime", func(k *specs.Hooks) { k.CreateRuntime = slow }, "hooks.createRuntime[0]: /bin/sleep: still ran after 1 s"},
		{"createContainer", func(k *specs.Hooks) { k.CreateContainer = []specs.Hook{{Path: "/none"}} }, "hooks.createContainer[0]: /none: "},
		{"startContainer", func(k *specs.Hooks) { k.StartContainer = no }, "hooks.startContainer[0]: /bin/sh: exit status 3: no luck"},
		{"startContainer slow", func(k *specs.Hooks) { k.StartContainer = slow }, "hooks.startContainer[0]: /bin/sleep: still ran after 1 s"},
		{"startContainer missing", func(k *specs.Hooks) { k.StartContainer = []specs.Hook{{Path: "/none"}} }, "hooks.startContainer[0]: /none: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{t, h.root, h.tmp}
			_ = os.Remove(log)
			dir := h.bundle(func(s *specs.Spec) { logging(log)(s); c.set(s.Hooks) }, "true")
			h.fails(c.says, "run", "--bundle", dir, h.id())
			if b, _ := os.ReadFile(log); !strings.HasSuffix(string(b), "poststop stopped no\n") {
				t.Errorf("poststop did not run: %q", b)
			}
		})
	}
	dir := h.bundle(func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststart: no, Poststop: no} }, "echo", "hello")
	out, _, status := h.runsc("run", "--bundle", dir, h.id())
	b, err := os.ReadFile(filepath.Join(h.tmp, "log"))
	if out != "hello\n" || status != 0 || err != nil || !strings.Contains(string(b), "hooks.poststart[0]") || !strings.Contains(string(b), "hooks.poststop[0]") {
		t.Errorf("status %d, output %q, log %s, %v", status, out, b, err)
	}
	h.nothingLeft()
}
