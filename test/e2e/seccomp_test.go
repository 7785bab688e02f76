package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// noMkdir is a profile that refuses to make directories, with an errno of its own.
func noMkdir(s *specs.Spec) {
	writable(s)
	exdev := uint(18)
	s.Linux.Seccomp = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls: []specs.LinuxSyscall{
			{Names: []string{"mkdir"}, Action: specs.ActErrno},
			{Names: []string{"mkdirat", "no_such_call"}, Action: specs.ActErrno, ErrnoRet: &exdev},
			{Names: []string{"symlink"}, Action: specs.ActKillProcess},
			// kill(pid, SIGUSR2)
			{Names: []string{"kill"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 1, Value: 12, Op: specs.OpEqualTo}}},
		},
	}
}

const tries = `grep -E '^(Seccomp|NoNewPrivs)' /proc/self/status
mkdir /tmp/a && echo made
kill -USR2 $$
sh -c 'trap "echo got; exit 3" USR1; kill -USR1 $$; exit 4'; echo $?
ln -s a /tmp/b; echo $?`

// TestSeccomp: a bundle's profile is the first process's, those of exec have it, too,
// and hooks do not.
func TestSeccomp(t *testing.T) {
	h := newHost(t)
	filtered := func(s string) string {
		return "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\nmkdir: can't create directory '/tmp/a': Operation not permitted\n" +
			s + ": can't kill pid 1: Operation not permitted\ngot\n3\nBad system call\n159\n"
	}
	dir := h.bundle(func(s *specs.Spec) {
		noMkdir(s)
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/mkdir", Args: []string{"mkdir", "/tmp/hook"}}}}
	}, "sh", "-c", "exec 2>&1; ls -d /tmp/hook\n"+tries)
	out, errs, status := h.runsc("--oci-seccomp", "run", "--bundle", dir, h.id())
	if want := "/tmp/hook\n" + filtered("sh"); out != want || errs != "" || status != 0 {
		t.Errorf("status %d, errors %q, output\n%s; want\n%s", status, errs, out, want)
	}
	h.edit(dir, func(s *specs.Spec) {
		s.Hooks, s.Process.Args = nil, []string{"sleep", "100000"}
	})
	id := h.id()
	h.background("--oci-seccomp", "run", "--detach", "--bundle", dir, id)
	out = h.must("exec", id, "sh", "-c", "exec 2>&1\n"+strings.ReplaceAll(tries, "$$", "1"))
	if want := strings.ReplaceAll(filtered("sh"), "got\n3\n", "4\n"); out != want {
		t.Errorf("exec: output\n%s; want\n%s", out, want)
	}
	h.must("delete", "--force", id)

	// Without the flag there is a warning, and no filter.
	h.edit(dir, func(s *specs.Spec) {
		s.Process.Args = []string{"sh", "-c", "mkdir /tmp/c && grep Seccomp: /proc/self/status"}
	})
	out, errs, status = h.runsc("run", "--bundle", dir, h.id())
	if out != "Seccomp:\t0\n" || status != 0 {
		t.Errorf("without the flag: status %d, output %q, errors %q", status, out, errs)
	}
	if log := h.log(); strings.Count(log, "linux.seccomp: ignored") != 1 {
		t.Errorf("the log says %q", log)
	}
	h.nothingLeft()
}

// log is what runsc logged.
func (h *host) log() string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.tmp, "log"))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// TestSeccompDocker: with docker's profile a system works, and what docker forbids is
// forbidden.
func TestSeccompDocker(t *testing.T) {
	h := newHost(t)
	b, err := os.ReadFile("testdata/seccomp-docker.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := h.bundle(func(s *specs.Spec) {
		writable(s)
		if err := json.Unmarshal(b, &s.Linux.Seccomp); err != nil {
			t.Fatal(err)
		}
		for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Effective, &s.Process.Capabilities.Permitted} {
			*set = append(*set, "CAP_SYS_ADMIN")
		}
	}, "sh", "-c", `exec 2>&1
mkdir -p /tmp/d/e && echo text > /tmp/d/e/f && cp /tmp/d/e/f /tmp/g && mv /tmp/g /tmp/h && chmod 600 /tmp/h
seq 1 100 | awk '{ n += $1 } END { print n }'
(sleep 0.01; echo late) & wait
find /tmp -type f | xargs cat | sort | uniq -c | tr -s ' '
date +%Y | grep -c 20; id -u
hostname other && hostname
mount -o bind /tmp /etc && ls /etc`)
	const want = "5050\nlate\n 2 text\n1\n0\n"
	for _, c := range []struct {
		flag, then string
		status     int
	}{
		{"true", "hostname: sethostname: Operation not permitted\nmount: permission denied (are you root?)\n", 1},
		{"false", "other\nd\nh\n", 0},
	} {
		if out, errs, status := h.runsc("--oci-seccomp="+c.flag, "run", "--bundle", dir, h.id()); out != want+c.then || status != c.status || errs != "" {
			t.Errorf("status %d, errors %q, output\n%s; want\n%s", status, errs, out, want+c.then)
		}
		if err := os.RemoveAll(filepath.Join(dir, "rootfs/tmp/d")); err != nil {
			t.Fatal(err)
		}
	}
	h.nothingLeft()
}

// TestSeccompMistakes: what is wrong with a profile is one line, and nothing is left.
func TestSeccompMistakes(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "true")
	for want, p := range map[string]specs.LinuxSeccomp{
		"config.json: linux.seccomp.defaultAction: must be set": {},
		"config.json: linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY is not implemented": {
			DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}},
		},
		`config.json: linux.seccomp.architectures[0]: "PDP11" is unknown`: {DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"PDP11"}},
	} {
		h.edit(dir, func(s *specs.Spec) { s.Linux.Seccomp = &p })
		for _, verb := range []string{"run", "create"} {
			if _, errs, status := h.runsc("--oci-seccomp", verb, "--bundle", dir, h.id()); status != 128 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d, %q; want %s", verb, status, errs, want)
			}
		}
	}
	h.nothingLeft()
}

// TestSeccompFeatures: what is enabled depends on the flag.
func TestSeccompFeatures(t *testing.T) {
	h := newHost(t)
	for _, flag := range []string{"false", "true"} {
		var f features.Features
		if err := json.Unmarshal([]byte(h.must("--oci-seccomp="+flag, "features")), &f); err != nil {
			t.Fatal(err)
		}
		s := f.Linux.Seccomp
		if *s.Enabled != (flag == "true") || len(s.Operators) != 7 || len(s.Actions) != 8 || len(s.SupportedFlags) != 3 {
			t.Errorf("%s: %+v", flag, s)
		}
	}
}
