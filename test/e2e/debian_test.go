package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestDebian runs this machine's system as a container: a root with nothing but
// links, and its files mounted read-only. Output is what it is natively.
func TestDebian(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "true")
	root := filepath.Join(dir, "debian")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		to, err := os.Readlink("/" + name)
		if err != nil {
			t.Skipf("this system has no merged /usr: %v", err)
		}
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{
		"cat /etc/os-release /etc/debian_version",
		"ls -l /usr/bin | sort | md5sum",
		`perl -MPOSIX -e 'for $i (1..3) { if (!fork) { exit $i } wait; print WEXITSTATUS($?), "\n" } print join(",", map { $_ * 2 } 1..5), "\n"'`,
		"find /usr/share/doc -maxdepth 1 -name 'lib*' | sort | head -50 | tar cf - --no-recursion -T - 2>/dev/null | tar tf - | wc -l",
		"getent passwd root nobody; id nobody",
		"dpkg-query -W | sort | md5sum",
		"cd /tmp && seq 1 20000 > a && gzip -k a && zcat a.gz | cmp - a && stat -c '%s %a' a && rm a a.gz; df /tmp | wc -l",
		"echo x > /usr/x || echo no; echo x > /x || echo no",
	} {
		h.edit(dir, func(s *specs.Spec) {
			s.Root.Path = "debian"
			s.Process.Args = []string{"bash", "-c", script}
			s.Mounts = append(s.Mounts[:5:5], specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}})
			for _, tree := range []string{"/usr", "/etc", "/var"} {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: tree, Type: "bind", Source: tree, Options: []string{"rbind", "ro"}})
			}
		})
		out, errs, status := h.runsc("run", "--bundle", dir, h.id())
		if script[0] == 'e' {
			if out != "no\nno\n" {
				t.Errorf("%s: %q", script, out)
			}
			continue
		}
		want, err := exec.Command("bash", "-c", script).Output()
		if err != nil {
			t.Fatalf("natively: %s: %v", script, err)
		}
		if out != string(want) || status != 0 {
			t.Errorf("%s: status %d, output %.500q, errors %q; natively %.500q", script, status, out, errs, want)
		}
	}
	h.nothingLeft()
}
