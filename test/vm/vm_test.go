// Package vm runs tests of test/e2e in an emulated machine: on hosts that this one is
// not, which have the second version of control groups, or both.
package vm

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kernel is Debian's, put there by test/setup.sh.
const kernel = "../../.vm/vmlinuz"

// limit is how long a machine may run: it is emulated, by one of two processors.
const limit = 3 * time.Minute

// machines are the arrangements of control groups (cgroups(7)), and the tests that look
// at them.
var machines = []struct {
	mode  string
	tests []string
}{
	{"unified", []string{"TestCgroups", "TestSharedCgroup", "TestPodLimits", "TestHostHears"}},
	{"hybrid", []string{"TestCgroups", "TestSharedCgroup"}},
	{"systemd", []string{"TestSystemd"}},
}

// TestMachines boots a machine for each of them.
func TestMachines(t *testing.T) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Skip("host feature missing: qemu-system-x86_64")
	}
	if _, err := os.Stat(kernel); err != nil {
		t.Skip("host feature missing: a kernel for the emulated machine")
	}
	root := image(t)
	for _, m := range machines {
		t.Run(m.mode, func(t *testing.T) {
			if m.mode == "systemd" && !addSystemd(t, root) {
				t.Skip("host feature missing: systemd")
			}
			// The emulated iret of programs, which QEMU before 9.1 makes the kernel's,
			// and which systrap uses, fails with smap.
			machine := exec.Command(qemu, "-accel", "tcg", "-cpu", "max,-smap", "-smp", "2", "-m", "1024", "-nographic", "-no-reboot",
				"-nic", "none", "-kernel", kernel, "-initrd", pack(t, root),
				"-append", "console=ttyS0 quiet panic=-1 systemd.unit=tests.service mode="+m.mode+" tests=^("+strings.Join(m.tests, "|")+")$")
			out := run(t, machine)
			for _, name := range m.tests {
				if !strings.Contains(out, "--- PASS: "+name+" (") {
					t.Errorf("%s did not pass", name)
				}
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("the machine said:\n%s", out)
			}
		})
	}
}

// run runs a machine until it powers itself off, and returns what it said.
func run(t *testing.T, machine *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	machine.Stdout, machine.Stderr = &out, &out
	if err := machine.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(limit, func() { _ = machine.Process.Kill() })
	err := machine.Wait()
	if !late.Stop() {
		t.Errorf("the machine ran longer than %v", limit)
	} else if err != nil {
		t.Errorf("qemu: %v", err)
	}
	return strings.ReplaceAll(out.String(), "\r", "")
}

// image makes the machine's initial root: busybox, runsc, the tests.
func image(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	bin := filepath.Join(root, "bin")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, busybox, filepath.Join(bin, "busybox"))
	copyFile(t, "init.sh", filepath.Join(root, "init"))
	command(t, "go", "build", "-ldflags=-E=runsc_entry", "-o", filepath.Join(bin, "runsc"), "glovebox/cmd/runsc") // as the Makefile does
	command(t, "go", "test", "-c", "-o", filepath.Join(bin, "e2e"), "glovebox/test/e2e")
	return root
}

// pack makes an initial root of a folder.
func pack(t *testing.T, root string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "initrd")
	command(t, "sh", "-c", fmt.Sprintf("cd %s && find . | cpio --quiet -o -H newc > %s", root, name))
	return name
}

// addSystemd adds this machine's, with what it is linked to, and the unit that runs the
// tests. It reports whether there is one.
func addSystemd(t *testing.T, root string) bool {
	t.Helper()
	const systemd = "/lib/systemd/systemd"
	libraries, err := exec.Command("ldd", systemd).Output()
	if err != nil {
		return false
	}
	files := []string{systemd}
	for field := range strings.FieldsSeq(string(libraries)) {
		if strings.HasPrefix(field, "/") {
			files = append(files, field)
		}
	}
	for _, name := range files {
		copyFile(t, name, filepath.Join(root, name))
	}
	copyFile(t, "tests.service", filepath.Join(root, "etc/systemd/system/tests.service"))
	return true
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
