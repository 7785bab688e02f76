package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// changes is what a guest does to its root.
const changes = `
mkdir -p /w/dir/empty "/w/with space" /w/setgid && cd /w
echo content >file; chmod 4751 file; chown 12:34 file; touch -d '2001-02-03 04:05:06' file
ln file dir/hard; ln -s ../../etc/passwd dir/link; ln -s /absolute dir/absolute
mknod null c 1 3; mkfifo fifo; chmod 600 fifo
dd if=/dev/zero of=zeros bs=1M count=3 2>/dev/null
dd if=/dev/urandom of=random bs=1000 count=3000 2>/dev/null
truncate -s 300M holes; echo middle | dd of=holes bs=1 seek=150000000 conv=notrunc 2>/dev/null; echo end >>holes
mkdir many; for i in $(seq 100); do truncate -s 1000000 many/$i; done
chmod 2775 setgid; chown 0:5 setgid; echo >setgid/inherits
n=$(head -c 200 /dev/zero | tr '\0' n); mkdir -p $n/$n; echo deep >$n/$n/$n; ln -s $n/$n/$n long
printf 'x' >"$(printf 'umlaut-\303\244')"; printf 'x' >"$(printf 'latin-\344')"
touch -d '2001-02-03 04:05:06' dir
echo more >>/etc/passwd; rm /etc/gone; mv /moved /w/moved; rm -r /replaced; mkdir /replaced; echo new >/replaced/new
chmod 700 /tmp
`

// look describes all files below the current directory.
const look = `find . ! -type d -exec stat -c '%n %f %u %g %s %h %Y %t,%T' {} + ; find . -type d -exec stat -c '%n %f %u %g %Y' {} + ; find . -type f -exec md5sum {} + ; find . -type l -exec readlink {} \;`

func lines(s string) []string {
	l := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(l)
	return l
}

// TestTar: what tar(1) unpacks of a container's changes is what the guest sees.
func TestTar(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for owners and devices")
	}
	h := newHost(t)
	id := h.id()
	dir := h.bundle(func(s *specs.Spec) {
		writable(s)
		caps := []string{"CAP_CHOWN", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_DAC_OVERRIDE"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	}, "sleep", "100000")
	root := filepath.Join(dir, "rootfs")
	for _, d := range []string{"moved/below", "replaced"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, d, "f"), []byte("lower\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/gone"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.background("--overlay2=root:memory", "run", "--detach", "--bundle", dir, id)
	h.must("exec", id, "sh", "-e", "-c", changes)
	inside := h.must("exec", "--cwd", "/w", id, "sh", "-c", look)

	file := filepath.Join(h.tmp, "output-tar")
	if _, errs, status := h.runsc("tar", "rootfs-upper", "--file", file, id); status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	// Nothing has changed, so it is the same on standard output.
	again := h.must("tar", "rootfs-upper", id)
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(b, []byte(again)) {
		t.Errorf("%d and %d bytes, %v", len(b), len(again), err)
	}
	if len(b) > 16<<20 {
		t.Errorf("holes fill %d bytes", len(b))
	}
	out := t.TempDir()
	unpack := exec.Command("tar", "--numeric-owner", "-xpf", file, "-C", out)
	if said, err := unpack.CombinedOutput(); err != nil || len(said) > 0 {
		t.Fatalf("tar: %v: %s", err, said)
	}
	see := exec.Command("busybox", "sh", "-c", look)
	see.Dir = filepath.Join(out, "w")
	outside, err := see.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, want := lines(string(outside)), lines(inside)
	if !slices.Equal(got, want) {
		for _, l := range got {
			if !slices.Contains(want, l) {
				t.Errorf("unpacked: %s", l)
			}
		}
		for _, l := range want {
			if !slices.Contains(got, l) {
				t.Errorf("inside:   %s", l)
			}
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(out, "w/holes"), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("the file with holes has %d bytes on disk, %v", st.Blocks*512, err)
	}
	listed, err := exec.Command("tar", "-tf", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(string(listed), "\n")
	for _, n := range []string{"etc/.wh.gone", ".wh.moved", "replaced/.wh..wh..opq", "replaced/new", "etc/passwd", "tmp/", "w/moved/below/f"} {
		if !slices.Contains(names, n) {
			t.Errorf("%s is missing", n)
		}
	}
	for _, n := range []string{"bin/", "bin/busybox", "replaced/f"} {
		if slices.Contains(names, n) {
			t.Errorf("%s was not changed", n)
		}
	}
	// What cannot be said is told.
	h.must("exec", id, "sh", "-c", "echo >/.wh.passwd")
	if _, errs, status := h.runsc("tar", "rootfs-upper", "--file", file, id); status != 0 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, `left out of the archive: ".wh.passwd"`) {
		t.Errorf("status %d, %q", status, errs)
	}
	h.fails("want rootfs-upper", "tar", id)
	h.fails("no such file or directory", "tar", "rootfs-upper", "--file", "/no/such/file", id)
	h.must("delete", "--force", id)
	h.fails("does not exist", "tar", "rootfs-upper", id)

	// A reader that goes away ends it, and the container goes on.
	h.background("--overlay2=root:memory", "run", "--detach", "--bundle", dir, id)
	h.must("exec", id, "dd", "if=/dev/urandom", "of=/big", "bs=1M", "count=8")
	for range 3 {
		cmd := exec.Command("sh", "-c", `"$0" "$@" 2>/dev/null | head -c 100000 | wc -c`, runsc, "--root", h.root, "tar", "rootfs-upper", id)
		if out, err := cmd.Output(); string(out) != "100000\n" {
			t.Errorf("%q, %v", out, err)
		}
	}
	h.must("exec", id, "true")
	h.must("delete", "--force", id)

	plain := h.sleeper(nil)
	if _, errs, status := h.runsc("tar", "rootfs-upper", "--file", file+"2", plain); status != 128 || !strings.Contains(errs, "no changes in memory") {
		t.Errorf("without an overlay: status %d, %q", status, errs)
	}
	if _, err := os.Stat(file + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
	h.must("delete", "--force", plain)
	os.Remove(file)
	h.nothingLeft()
}

// TestDoChanges: do hands out what a program changed.
func TestDoChanges(t *testing.T) {
	root, file := t.TempDir(), filepath.Join(t.TempDir(), "changes.tar")
	busybox(t, root)
	cmd := exec.Command(runsc, "do", "--rootfs", root, "--changes", file, "--", "/bin/sh", "-c", "echo new >/etc/new; rm /etc/passwd; exit 3")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "the host forbids new namespaces") {
		t.Skip("host feature missing: user namespaces")
	}
	if cmd.ProcessState.ExitCode() != 3 || len(out) > 0 {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := exec.Command("tar", "-xOf", file, "etc/new").Output(); string(out) != "new\n" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := exec.Command("tar", "-tf", file, "etc/.wh.passwd").Output(); err != nil {
		t.Errorf("%q, %v", out, err)
	}
	// A program that does not run leaves none.
	out, err = exec.Command(runsc, "do", "--rootfs", root, "--changes", file, "--", "/no/such").CombinedOutput()
	if err == nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%s", out)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

// TestOverlays: which files of the host a container's writes reach.
func TestOverlays(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct {
		flag                 string
		root, folder, single string // what the host's files have afterwards
	}{
		{"none", "new", "new", "new"},
		{"root:memory", "old", "new", "new"},
		{"all:memory", "old", "old", "old"},
	} {
		shared := t.TempDir()
		name, single := filepath.Join(shared, "f"), filepath.Join(shared, "single")
		dir := h.bundle(func(s *specs.Spec) {
			writable(s)
			s.Mounts = append(s.Mounts,
				specs.Mount{Destination: "/mnt", Type: "bind", Source: shared, Options: []string{"rbind"}},
				specs.Mount{Destination: "/one", Type: "bind", Source: single, Options: []string{"bind"}},
				specs.Mount{Destination: "/ro", Type: "bind", Source: shared, Options: []string{"bind", "ro"}})
		}, "sh", "-c", "for f in /f /mnt/f /one; do echo new >$f; cat $f; done; echo new 2>/dev/null >/ro/x; rm /mnt/gone; ls /mnt")
		inRoot := filepath.Join(dir, "rootfs/f")
		for _, f := range []string{name, single, inRoot, filepath.Join(shared, "gone")} {
			if err := os.WriteFile(f, []byte("old\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if out, errs, status := h.runsc("--overlay2="+c.flag, "run", "--bundle", dir, h.id()); out != "new\nnew\nnew\nf\nsingle\n" || status != 0 {
			t.Errorf("%s: status %d, %q, %q", c.flag, status, out, errs)
		}
		for f, want := range map[string]string{inRoot: c.root, name: c.folder, single: c.single} {
			if got := word(t, f); got != want {
				t.Errorf("%s: %s has %q, want %q", c.flag, f, got, want)
			}
		}
	}
	dir := h.bundle(nil, "true")
	for _, bad := range []string{"root:self", "all:self", "memory", "root:dir=/tmp"} {
		h.fails("--overlay2="+bad+" is not implemented; none, root:memory and all:memory are", "--overlay2="+bad, "run", "--bundle", dir, h.id())
	}
	h.nothingLeft()
}
