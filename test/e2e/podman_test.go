package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPodman runs the same session of podman by runc and by runsc, as root and as an
// ordinary user, and compares what it prints.
func TestPodman(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, to be two users")
	}
	runc, err := exec.LookPath("runc")
	if err == nil {
		_, err = exec.LookPath("podman")
	}
	if err != nil {
		t.Skipf("host feature missing: %v (apt-get install podman runc)", err)
	}
	const nobody = 65534
	for name, uid := range map[string]int{"root": 0, "nobody": nobody} {
		t.Run(name, func(t *testing.T) {
			outputs := map[string]string{}
			for _, runtime := range []string{runc, runsc} {
				out, errs, err := podmanSession(t, "podman.sh", "", runtime, uid)
				if err != nil && runtime == runc {
					t.Skipf("host feature missing: podman with runc: %v: %s", err, errs)
				}
				if runtime == runc && !strings.HasPrefix(out, "== status\nout\n5\n") {
					t.Skipf("host feature missing: podman's containers by runc: %s%s", out, errs)
				}
				outputs[runtime] = out
				t.Logf("%s: standard error: %s", runtime, errs)
			}
			if outputs[runc] != outputs[runsc] {
				t.Errorf("they differ\nrunc:\n%s\nrunsc:\n%s", outputs[runc], outputs[runsc])
			}
		})
	}
	if left := running(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestPodmanNetworks: a bridge, published ports, of pods too, and others' networks, by runc
// and by runsc, in a network namespace of their own.
func TestPodmanNetworks(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for bridges")
	}
	for _, name := range []string{"podman", "runc", "ip", "nsenter", "iptables", "/usr/lib/cni/bridge"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("host feature missing: %s", name)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{}
	for i, runtime := range []string{runc, runsc} {
		out, errs, err := podmanSession(t, "podman-net.sh", newNetns(t, fmt.Sprint("podman", i)), runtime, 0)
		if runtime == runc && (err != nil || !strings.HasPrefix(out, "== bridge\nlo\neth0\n")) {
			t.Skipf("host feature missing: podman's bridge with runc: %v: %s%s", err, out, errs)
		}
		outputs[runtime] = out
		t.Logf("%s: standard error: %s", runtime, errs)
	}
	if outputs[runc] != outputs[runsc] {
		t.Errorf("they differ\nrunc:\n%s\nrunsc:\n%s", outputs[runc], outputs[runsc])
	}
	if left := running(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// podmanSession runs a script of testdata in a directory and, unless netns is "", in a
// network namespace.
func podmanSession(t *testing.T, name, netns, runtime string, uid int) (stdout, stderr string, err error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gbpm")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		(&docker{dir: dir}).unmount()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}()
	busybox(t, filepath.Join(dir, "rootfs"))
	script, err := os.ReadFile(testdata(t, name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), script, 0o644)
	}
	if err == nil && runtime == runsc {
		// Where it is otherwise, only root may look.
		runtime = filepath.Join(dir, "bin-runsc")
		var program []byte
		if program, err = os.ReadFile(runsc); err == nil {
			err = os.WriteFile(runtime, program, 0o755)
		}
	}
	if err == nil {
		err = filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(name, uid, uid)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := (&docker{net: netns}).command("bash", name, runtime)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}
