package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstall adds the runtime to Docker's file and removes it; what else is in it
// stays.
func TestInstall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "docker", "daemon.json")
	run := func(verb string, args ...string) int {
		return Main(append([]string{verb, "--config_file", file}, args...))
	}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := run("install"); got != 0 || read(file) != "{\n    \"runtimes\": {\n        \"runsc\": {\n            \"path\": \""+self+"\"\n        }\n    }\n}\n" {
		t.Errorf("a new file: status %d, %s", got, read(file))
	}
	const old = `{"debug": true, "max-concurrent-downloads": 12345678901234567890, "runtimes": {"kata": {"path": "/k", "x": [1]}}}`
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run("install", "--dry-run"); got != 0 || read(file) != old {
		t.Errorf("--dry-run: status %d, %s", got, read(file))
	}
	if got := run("install", "--runtime", "box", "--", "--debug", "--strace"); got != 0 {
		t.Errorf("status %d", got)
	}
	now := strings.Join(strings.Fields(read(file)), "")
	for _, part := range []string{`"debug":true`, `12345678901234567890`, `"kata":{"path":"/k","x":[1]}`, `"box":{"path":"` + self + `","runtimeArgs":["--debug","--strace"]}`} {
		if !strings.Contains(now, part) {
			t.Errorf("no %s in %s", part, now)
		}
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 || read(file+"~") != old {
		t.Errorf("%v, %v, kept %q", st, err, read(file+"~"))
	}
	if got := run("uninstall", "--runtime", "box"); got != 0 || strings.Contains(read(file), "box") || !strings.Contains(read(file), "kata") {
		t.Errorf("uninstall: status %d, %s", got, read(file))
	}
	if got := run("uninstall", "--runtime", "box"); got != runtimeFailed {
		t.Errorf("uninstall again: status %d", got)
	}
	for _, broken := range []string{`{"debug": tru`, `[]`, `{"runtimes": 1}`, `null`} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run("install"); got != runtimeFailed || read(file) != broken {
			t.Errorf("%s: status %d, %s", broken, got, read(file))
		}
	}
}
