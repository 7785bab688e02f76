package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestSysctl: what is set shows and bites, as with runc; the rest is warned about by
// name.
func TestSysctl(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{
			"kernel.shmmax": "8192", "kernel.shmall": "3", "kernel.shmmni": "2",
			"kernel/msgmax": "16", "kernel.msgmnb": "20", "kernel.msgmni": "1", "kernel.sem": "3 5 2  2",
			"fs.mqueue.msg_max": "2", "fs.mqueue.msgsize_max": "256", "fs.mqueue.msg_default": "1",
			"fs.mqueue.msgsize_default": "0x80", "fs.mqueue.queues_max": "2", "kernel.domainname": "there",
			"net.ipv4.ip_forward": "1", "kernel.foo": "2",
			"net.ipv4.ip_unprivileged_port_start": "80", "net.ipv4.ping_group_range": "0 2147483647",
		}
	}, "sh", "-c", "cd /proc/sys; cat kernel/shm??? kernel/msgm?? kernel/sem fs/mqueue/* kernel/domainname net/ipv4/ip_unprivileged_port_start; /limits")
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-D_GNU_SOURCE", "-o", filepath.Join(dir, "rootfs", "limits"), "testdata/limits.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// runc 1.1.5 on Linux says the same.
	const want = `3
8192
2
16
20
1
3	5	2	2
1
2
128
256
2
there
80
segment of 8192: ok
of 8193: EINVAL
a page too many: ENOSPC
one page: ok
once more: ok
a third segment: ENOSPC
8192 3 2
queue: ok
another: ENOSPC
message of 17: EINVAL
of 16: ok
more: EAGAIN
16 20 1
set of 4: EINVAL
of 3: ok
3 more: ENOSPC
of 1: ok
a third set: ENOSPC
2 operations: ok
3 operations: E2BIG
3 messages: EINVAL
257 bytes: EINVAL
defaults: ok
1 128
all: ok
a third queue: ENOSPC
`
	if out, errs, status := h.runsc("run", "--bundle", dir, h.id()); out != want || status != 0 || errs != "" {
		t.Errorf("status %d, errors %q, output\n%s", status, errs, out)
	}
	log := h.log()
	for _, field := range []string{"linux.sysctl[kernel.foo]: ignored", "linux.sysctl[net.ipv4.ip_forward]: ignored"} {
		if strings.Count(log, field) != 1 {
			t.Errorf("no warning %s: %s", field, log)
		}
	}
	if n := strings.Count(log, "linux.sysctl"); n != 2 {
		t.Errorf("%d warnings: %s", n, log)
	}
	for want, set := range map[string][2]string{
		"hostname is the field for it":                    {"kernel.hostname", "x"},
		`"x" is not a number`:                             {"kernel.shmmax", "x"},
		`"1 2": numbers wanted: 4`:                        {"kernel.sem", "1 2"},
		`"": numbers wanted: 1`:                           {"kernel.msgmni", ""},
		"32769 is not within 0 and 32768":                 {"kernel/msgmni", "32769"},
		"127 is not within 128 and 16777216":              {"fs.mqueue.msgsize_max", "127"},
		`"65537 1 1 1": more than 65536 semaphores a set`: {"kernel.sem", "65537 1 1 1"},
		"longer than 64 bytes":                            {"kernel.domainname", strings.Repeat("x", 65)},
		`"-1" is not a number`:                            {"kernel.shmall", "-1"},
	} {
		h.edit(dir, func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{set[0]: set[1]} })
		want = "config.json: linux.sysctl[" + set[0] + "]: " + want
		if _, errs, status := h.runsc("run", "--bundle", dir, h.id()); status != 128 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, %q; want %s", set, status, errs, want)
		}
	}
	h.nothingLeft()
}
