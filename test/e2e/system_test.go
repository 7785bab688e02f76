package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLook is a look around as root and as an ordinary user: who one is and
// what is in / is as it is natively, the rest is Linux's in form and the
// sandbox's own in content.
func TestLook(t *testing.T) {
	const script = `uname -a; echo @id; id; echo @ps; ps aux; echo @dmesg; dmesg | head; echo @ls; ls /; echo @status; cat /proc/self/status`
	for _, user := range []struct {
		name string
		id   uint32
	}{{"root", 0}, {"nobody", 65534}} {
		t.Run(user.name, func(t *testing.T) {
			if os.Geteuid() != 0 && user.id != uint32(os.Geteuid()) {
				t.Skip("host feature missing: root, who can be any user")
			}
			native := sections(as(t, user.id, "sh", "-c", script))
			inside := sections(as(t, user.id, runsc, "do", "--", "sh", "-c", script))
			for _, same := range []string{"id", "ls"} {
				compare(t, same, inside[same], native[same])
			}
			if name := `(?m)^Linux \S+ 6\.\d+\.\d+ #1 SMP Glovebox x86_64 GNU/Linux$`; !matches(name, inside[""]) {
				t.Errorf("uname: %q", inside[""])
			}
			header, _, _ := strings.Cut(native["ps"], "\n")
			if h, _, _ := strings.Cut(inside["ps"], "\n"); h != header {
				t.Errorf("ps begins %q, natively %q", h, header)
			}
			row := `(?m)^` + user.name + ` +1 +\d+\.\d +\d+\.\d +\d+ +\d+ \? +S\S* +\d\d:\d\d +\d+:\d\d sh -c uname -a`
			if !matches(row, inside["ps"]) || strings.Count(inside["ps"], "\n") > 4 {
				t.Errorf("ps: %s", inside["ps"])
			}
			if !matches(`\A\[    0\.000000\] Linux version 6\.\d+\.\d+ .*\n(\[ *\d+\.\d{6}\] .*\n)+\z`, inside["dmesg"]) {
				t.Errorf("dmesg: %s", inside["dmesg"])
			}
			names := func(s string) string { return regexp.MustCompile(`:.*`).ReplaceAllString(s, "") }
			for _, line := range strings.Split(names(inside["status"]), "\n") {
				if !strings.Contains("\n"+names(native["status"])+"\n", "\n"+line+"\n") {
					t.Errorf("/proc/self/status has a line %q, natively not", line)
				}
			}
			for _, key := range []string{"Name", "Umask", "State", "Uid", "Gid", "Groups", "Threads", "SigBlk", "SigIgn", "NoNewPrivs"} {
				line := regexp.MustCompile(`(?m)^` + key + `:.*$`)
				if a, b := line.FindString(inside["status"]), ownSignals(line.FindString(native["status"])); a != b {
					t.Errorf("/proc/self/status: %q, natively %q", a, b)
				}
			}
		})
	}
}

// ownSignals takes signals 32 and 33 off a line of /proc/PID/status: glibc's own,
// which make has its children ignore.
func ownSignals(line string) string {
	const mask = "SigIgn:\t"
	hex, ok := strings.CutPrefix(line, mask)
	if !ok {
		return line
	}
	set, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return line
	}
	return fmt.Sprintf("%s%016x", mask, set&^(3<<31))
}

// TestSystem runs programs that show the machine: in the form that they have on
// Linux, with the sandbox's own values.
func TestSystem(t *testing.T) {
	for _, c := range []struct{ command, form string }{
		{"ps -ef", `\AUID +PID +PPID +C STIME TTY +TIME CMD\nroot +1 +0 .*\n`},
		{"ps -eLo pid,tid,nlwp,stat,comm | tail -n +2", `\A +1 +1 +1 S\S* +sh\n`},
		{"top -b -n1", `\Atop - \d\d:\d\d:\d\d up .*load average: \d+\.\d\d, \d+\.\d\d, \d+\.\d\d\nTasks: +\d+ total, .*\n%Cpu\(s\):.*\nMiB Mem :.*\nMiB Swap:.*\n\n +PID USER .*\n(.*\n)* +1 root +20 +0 +\d+ +\d+ `},
		{"free -b", `\A +total +used +free +shared +buff/cache +available\nMem: +[1-9]\d+ +[1-9]\d+ +[1-9]\d+ +0 +0 +[1-9]\d+\nSwap: +0 +0 +0\n\z`},
		{"uptime", `\A \d\d:\d\d:\d\d up .* load average: `},
		{"uptime -p; uptime -s", `\Aup .*\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n\z`},
		{"vmstat", `\Aprocs -+memory-+ .*\n.*\n( +\d+){17}\n\z`},
		{"w; who", `\A \d\d:\d\d:\d\d up .*\nUSER +TTY .*\n\z`},
		{"dmesg", `Glovebox`},
		{"mount", `(?m)\A.* on / type overlay \(rw,relatime\)\nproc on /proc type proc \(.*\)\n(.*\n)*.* on /dev/shm type tmpfs \(`},
		{"df -P / /dev", `\AFilesystem +1024-blocks +Used Available Capacity Mounted on\n\S+ +[1-9]\d* +\d+ +[1-9]\d* +\d+% /\ntmpfs +65536 +0 +65536 +0% /dev\n\z`},
		{"mkdir /tmp/x; dd if=/dev/zero of=/dev/shm/f bs=1k count=1024 2>/dev/null; df -k --output=used /dev/shm | tail -1; du -k /dev/shm/f", `\A *1024\n1024\t/dev/shm/f\n\z`},
		{"lscpu", `(?m)\AArchitecture: +x86_64\n(.*\n)*CPU\(s\): +[1-9]\d*\n(.*\n)*NUMA node\(s\): +1\n`},
		{"pgrep -x sh; pgrep -c .", `\A1\n[1-9]\n`},
		{"findmnt -n -o TARGET,FSTYPE /", `\A/ +overlay\n\z`},
		{"pmap 1 | tail -1; pwdx 1", `\A total +\d+K\n1: /`},
		{"ipcs -q; taskset -p 1; chrt -p 1; prlimit -p 1 -n -o RESOURCE --noheadings", `(?m)pid 1's current affinity mask: [0-9a-f]+\npid 1's current scheduling policy: SCHED_OTHER\n.*: 0\nNOFILE\n\z`},
		{"readlink /proc/self/fd/0; readlink /proc/self/fd/1", `\A/dev/null\npipe:\[\d+\]\n\z`},
		{"sysctl -n kernel.ostype kernel.osrelease", `\ALinux\n6\.\d+\.\d+\n\z`},
	} {
		name, _, _ := strings.Cut(c.command, " ")
		t.Run(name, func(t *testing.T) {
			// The shell stays the first process.
			got := as(t, uint32(os.Geteuid()), runsc, "do", "--", "sh", "-c", c.command+"; exit $?")
			if !matches(c.form, got.out) || got.status != 0 {
				t.Errorf("%s: status %d, output\n%swhich is not %s; errors %q", c.command, got.status, got.out, c.form, got.errs)
			}
		})
	}
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

// sections splits output at the lines that begin with @.
func sections(r result) map[string]string {
	m := map[string]string{}
	name := ""
	for line := range strings.Lines(r.out) {
		if n, ok := strings.CutPrefix(line, "@"); ok {
			name = strings.TrimSpace(n)
			continue
		}
		m[name] += line
	}
	return m
}

// as runs a program as a user, in /.
func as(t *testing.T, uid uint32, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "TERM=dumb", "HOME=/"}
	if int(uid) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		if err := os.Chmod(filepath.Dir(runsc), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	// How it ends is compared.
	_ = cmd.Run()
	if strings.Contains(errs.String(), "the host forbids new namespaces") {
		t.Skip("host feature missing: user namespaces")
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}
