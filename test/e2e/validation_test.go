package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// slowValidation are programs that take more than 4 s: kill and wait, mostly.
var slowValidation = map[string]bool{"delete": true, "kill": true, "pidfile": true, "linux_masked_paths": true, "linux_readonly_paths": true, "linux_rootfs_propagation": true}

// TestValidation runs the validation programs of runtime-tools, and counts what they
// find as in testdata/validation.tsv, which says what they find of runc, and why where
// that is better.
func TestValidation(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for mount namespaces")
	}
	dir := t.TempDir()
	module, err := filepath.Abs("../oci")
	if err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	tool("build", "-o", dir+"/", "tool")
	root, err := os.ReadFile(filepath.Join(tool("list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-tools"), "rootfs-amd64.tar.gz"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rootfs-amd64.tar.gz"), root, 0o644)
	}
	table, terr := os.ReadFile(testdata(t, "validation.tsv"))
	if err != nil || terr != nil {
		t.Fatal(err, terr)
	}
	passed, failed := regexp.MustCompile(`(?m)^ok `), regexp.MustCompile(`(?m)^not ok `)
	for line := range strings.Lines(string(table)) {
		var name string
		var ok, notOK int
		if n, _ := fmt.Sscan(line, &name, &ok, &notOK); n != 3 || slowValidation[name] && os.Getenv("GLOVEBOX_FULL") == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			// Some leave mounts.
			cmd := exec.CommandContext(ctx, "unshare", "--mount", filepath.Join(dir, name))
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "RUNTIME="+runsc, "TMPDIR="+t.TempDir())
			cmd.WaitDelay = time.Second
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, io.Discard
			err := cmd.Run()
			gotOK, gotNot := len(passed.FindAll(out.Bytes(), -1)), len(failed.FindAll(out.Bytes(), -1))
			if gotOK < ok || gotNot > notOK {
				t.Errorf("%v: %d assertions hold, %d do not; want %d and %d\n%s", err, gotOK, gotNot, ok, notOK, out.String())
			}
		})
	}
	if left := running(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
