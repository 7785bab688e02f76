package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestIDMaps: a container whose ids are others on the host, as with Docker's
// userns-remap, has its files by them and makes them so.
func TestIDMaps(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("host feature missing: root, who maps ids")
	}
	h := newHost(t)
	const base = 100_000
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: base, Size: 1000}, {ContainerID: 2000, HostID: base + 5000, Size: 10}}
	private := t.TempDir() // the host's root's, whom nobody inside is
	if err := os.WriteFile(filepath.Join(private, "f"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := h.bundle(func(s *specs.Spec) {
		writable(s)
		for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Effective, &s.Process.Capabilities.Permitted} {
			*set = append(*set, "CAP_CHOWN")
		}
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/private", Type: "bind", Source: private, Options: []string{"rbind"}})
	}, "sh", "-c", `id -u; stat -c %u:%g / /private; cat /private/f 2>&1; echo x > /made; chown 2003:7 /made; chown 1500 /made 2>&1; stat -c %u:%g /made
cat /proc/self/uid_map | tr -s " "`)
	root := filepath.Join(dir, "rootfs")
	if out, err := exec.Command("chown", "-R", fmt.Sprint(base, ":", base), root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(dir, 0o700); err != nil { // only the host's root comes this way
		t.Fatal(err)
	}
	want := "0\n0:0\n65534:65534\ncat: can't open '/private/f': Permission denied\nchown: /made: Operation not permitted\n2003:7\n 0 100000 1000\n 2000 105000 10\n"
	if got := h.must("run", "--bundle", dir, h.id()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(root, "made"), &st); err != nil || st.Uid != base+5003 || st.Gid != base+7 {
		t.Errorf("on the host: %d:%d, %v", st.Uid, st.Gid, err)
	}
	h.nothingLeft()
}
