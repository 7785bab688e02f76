package e2e

import (
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
				out, errs, err := podmanSession(t, runtime, uid)
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

// podmanSession runs testdata/podman.sh in a directory of its own.
func podmanSession(t *testing.T, runtime string, uid int) (stdout, stderr string, err error) {
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
	script, err := os.ReadFile(testdata(t, "podman.sh"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "podman.sh"), script, 0o644)
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
	cmd := exec.Command("bash", "podman.sh", runtime)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}
