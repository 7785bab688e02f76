package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNetworkNamespaces builds networks of namespaces, pairs and bridges by ip(8), as
// container runtimes do: what is printed is what the host's kernel prints.
func TestNetworkNamespaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for namespaces")
	}
	native, err := exec.Command("unshare", "-n", "-m", "bash", "testdata/netns.sh").CombinedOutput()
	if err != nil {
		t.Fatalf("natively: %v: %s", err, native)
	}
	out, errs, status := do(t, "", "unshare", "-n", "-m", "bash", "testdata/netns.sh")
	if status != 0 || errs != "" {
		t.Errorf("status %d: %s", status, errs)
	}
	compare(t, "the session", out, string(native))
}

// TestDummy: what a dummy interface does, which is a module that the host may lack.
func TestDummy(t *testing.T) {
	const script = `ip link add d0 type dummy && ip addr add 10.7.0.1/32 dev d0 && ip link set d0 up && ip -o link show d0 | grep -o '<[A-Z,_]*>'
ping -c1 -q -W1 10.7.0.1 | grep -o '1 received'
python3 -c 'import socket; s = socket.socket(2, 2); s.bind(("10.7.0.1", 7)); s.sendto(b"x", ("10.7.0.1", 7)); print(s.recv(9))'
ip link del d0; ping -c1 10.7.0.1 2>&1`
	const want = "<BROADCAST,NOARP,UP,LOWER_UP>\n1 received\nb'x'\nping: connect: Network is unreachable\n"
	out, errs, _ := do(t, "", "bash", "-c", script)
	compare(t, "the session", out+errs, want)
}

// TestCapture: tcpdump and arping, in a session as above.
func TestCapture(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for namespaces")
	}
	native, err := exec.Command("unshare", "-n", "-m", "bash", "testdata/capture.sh").CombinedOutput()
	if err != nil {
		t.Fatalf("natively: %v: %s", err, native)
	}
	out, errs, status := do(t, "", "unshare", "-n", "-m", "bash", "testdata/capture.sh")
	if status != 0 || errs != "" {
		t.Errorf("status %d: %s", status, errs)
	}
	compare(t, "the session", out, string(native))
}

// TestPcapLog: tcpdump reads what --pcap-log wrote.
func TestPcapLog(t *testing.T) {
	dir := t.TempDir()
	const script = `import socket
u = socket.socket(2, 2); u.bind(("127.0.0.1", 7)); u.sendto(b"x" * 10, ("127.0.0.1", 7)); u.recv(99)`
	run := exec.Command(runsc, "--pcap-log="+dir+"/%ID%/", "do", "--", "python3", "-c", script)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files, err := filepath.Glob(dir + "/*/runsc.*.pcap")
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	out, err := exec.Command("tcpdump", "-n", "-r", files[0]).Output()
	if want := "IP 127.0.0.1.7 > 127.0.0.1.7: UDP, length 10"; err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), want) {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

// TestTun: a program is the other end of a tun and of a tap interface.
func TestTun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for namespaces")
	}
	const script = `mkdir -p /dev/net; [ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200; for k in tun tap; do python3 testdata/tun.py $k 2>&1; done`
	native, err := exec.Command("unshare", "-n", "sh", "-c", script).CombinedOutput()
	if strings.Contains(string(native), "FileNotFoundError") {
		t.Skip("host feature missing: tun")
	}
	if err != nil && !strings.Contains(string(native), "does not exist") {
		t.Fatalf("natively: %v: %s", err, native)
	}
	out, errs, _ := do(t, "", "unshare", "-n", "sh", "-c", script)
	compare(t, "the session", out+errs, string(native))
}

// TestIPTables: rules of the legacy kind, as they are listed and as packets go by them.
func TestIPTables(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for namespaces")
	}
	if out, err := exec.Command("unshare", "-n", "iptables-legacy", "-t", "nat", "-L").CombinedOutput(); err != nil {
		t.Skipf("host feature missing: legacy iptables: %s", out)
	}
	native, err := exec.Command("unshare", "-n", "bash", "testdata/iptables.sh").CombinedOutput()
	if err != nil {
		t.Fatalf("natively: %v: %s", err, native)
	}
	out, errs, status := do(t, "", "unshare", "-n", "bash", "-c", "exec 2>&1; . testdata/iptables.sh")
	if status != 0 || errs != "" {
		t.Errorf("status %d: %s", status, errs)
	}
	compare(t, "the session", out, string(native))
}

// TestUnixList: /proc/net/unix, ss and netstat.
func TestUnixList(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for namespaces")
	}
	script, err := filepath.Abs("testdata/unix.py")
	if err != nil {
		t.Fatal(err)
	}
	native := exec.Command("python3", script)
	native.Dir = t.TempDir()
	want, err := native.CombinedOutput()
	if err != nil {
		t.Fatalf("natively: %v: %s", err, want)
	}
	inside := exec.Command(runsc, "do", "--", "python3", script)
	inside.Dir = t.TempDir()
	got, err := inside.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	compare(t, "the lists", string(got), string(want))
}
