package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// inNetns is a command in a network namespace.
func inNetns(path string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + path, "--"}, args...)...)
}

// noNamespace leaves a bundle without a network namespace.
func noNamespace(s *specs.Spec) {
	kept := s.Linux.Namespaces[:0]
	for _, n := range s.Linux.Namespaces {
		if n.Type != specs.NetworkNamespace {
			kept = append(kept, n)
		}
	}
	s.Linux.Namespaces = kept
}

// TestHostNetwork: with --network=host a container's sockets are those of the namespace
// that its bundle names.
func TestHostNetwork(t *testing.T) {
	w := newWire(t)
	h := newHost(t)
	id := h.id()
	h.background("--network=host", "run", "--detach", "--bundle", h.bundle(w.in, "sleep", "1000"), id)
	near := w.nearName()

	// What is told of the network is what the host says.
	for _, args := range [][]string{
		{"cat", "/proc/net/route"}, {"cat", "/proc/net/if_inet6"}, {"cat", "/sys/class/net/eth0/address"}, {"cat", "/sys/class/net/eth0/operstate"},
		{"cat", "/proc/sys/net/ipv4/ip_local_port_range"}, {"cat", "/proc/sys/net/ipv4/tcp_rmem"}, {"cat", "/proc/sys/net/core/somaxconn"},
		{"cat", "/sys/class/net/eth0/flags"}, {"cat", "/sys/class/net/lo/flags"}, {"cat", "/sys/class/net/eth0/mtu"}, {"cat", "/sys/class/net/eth0/iflink"},
	} {
		out, err := inNetns(w.near, "unshare", "-m", "sh", "-c", "mount -t sysfs none /sys && exec \"$@\"", "sh", args[0], args[1]).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := h.must(append([]string{"exec", id}, args...)...); got != string(out) {
			t.Errorf("%v: %q, on the host %q", args, got, out)
		}
	}
	for _, args := range []string{"ip addr", "ip route", "ip -6 route", "ip route get 10.91.0.1", "ip link show dev eth0"} {
		// The same program, on the same files.
		native := inNetns(w.near, append([]string{"busybox"}, strings.Fields(args)...)...)
		out, err := native.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := h.must(append([]string{"exec", id}, strings.Fields(args)...)...); got != string(out) {
			t.Errorf("%s:\n%s on the host\n%s", args, got, out)
		}
	}
	if _, errs, status := h.runsc("exec", id, "ip", "link", "set", "eth0", "down"); status == 0 {
		t.Errorf("an interface of the host was changed: %s", errs)
	}
	if out := iproute(t, "-n", near, "-br", "link", "show", "eth0"); !strings.Contains(out, "UP") {
		t.Errorf("an interface of the host was changed: %s", out)
	}

	// To the outside, and from there.
	for _, addr := range []string{"10.91.0.1:7101", "[fd91::1]:7102"} {
		l := w.listen(addr)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			b := make([]byte, 6)
			_, _ = io.ReadFull(c, b)
			fmt.Fprintf(c, "seen %s from %s", b, netip.MustParseAddrPort(c.RemoteAddr().String()).Addr())
		}()
		a := netip.MustParseAddrPort(addr)
		from := "10.91.0.2"
		if a.Addr().Is6() {
			from = "fd91::2"
		}
		if out := h.must("exec", id, "sh", "-c", fmt.Sprintf("echo hello | nc %s %d", a.Addr(), a.Port())); out != "seen hello\n from "+from {
			t.Errorf("%s: %q", addr, out)
		}
	}
	for _, addr := range []string{"10.91.0.2:7103", "[fd91::2]:7104"} {
		cmd := h.command("exec", id, "sh", "-c", fmt.Sprintf("head -c 3000000 /dev/zero | nc -l -p %d", netip.MustParseAddrPort(addr).Port()))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c := w.dial(addr)
		if n, err := io.Copy(io.Discard, c); n != 3000000 {
			t.Errorf("%s: %d bytes, %v", addr, n, err)
		}
		c.Close()
		_ = cmd.Wait() // nc ends as its connection does
	}
	udp := make(chan string, 1)
	if err := w.at(func() error {
		c, err := net.ListenPacket("udp", "10.91.0.1:7105")
		if err != nil {
			return err
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			b := make([]byte, 100)
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			udp <- fmt.Sprintf("%q from %s", b[:n], from.(*net.UDPAddr).IP)
			_, _ = c.WriteTo([]byte("\x00\x05\x00\x01not here\x00"), from) // it would wait
		}()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// The request comes by UDP, and the answer.
	if _, errs, status := h.runsc("exec", id, "timeout", "10", "tftp", "-g", "-r", "some", "-l", "/dev/null", "10.91.0.1", "7105"); status != 1 || !strings.Contains(errs, "not here") {
		t.Errorf("tftp: status %d: %s", status, errs)
	}
	select {
	case got := <-udp:
		if !strings.HasPrefix(got, `"\x00\x01some\x00octet\x00`) || !strings.HasSuffix(got, " from 10.91.0.2") {
			t.Errorf("UDP: %s", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("no datagram came")
	}
	// Refused is what nobody listens at, and what is the host's to give.
	if _, errs, status := h.runsc("exec", id, "nc", "10.91.0.1", "9"); status == 0 || !strings.Contains(errs, "refused") {
		t.Errorf("a closed port: %s", errs)
	}
	if _, errs, status := h.runsc("exec", id, "timeout", "5", "nc", "-l", "-p", "80"); status == 0 || !strings.Contains(errs, "Permission denied") {
		t.Errorf("a privileged port: %d %s", status, errs)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}

// TestHostUnixSockets: those of the host's network namespace, which have names without a
// file, stay out of reach.
func TestHostUnixSockets(t *testing.T) {
	name := fmt.Sprintf("gb-e2e-%d", os.Getpid())
	l, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	script := fmt.Sprintf("import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n  s.connect('\\0%s')\n  print('reached')\nexcept OSError as e:\n  print(e.strerror)", name)
	if out, err := exec.Command("python3", "-c", script).CombinedOutput(); err != nil || string(out) != "reached\n" {
		t.Skipf("host feature missing: python3: %v: %s", err, out)
	}
	out, err := exec.Command(runsc, "--network=host", "do", "--", "python3", "-c", script).CombinedOutput()
	if strings.Contains(string(out), "the host forbids new namespaces") {
		t.Skip("host feature missing: user namespaces")
	}
	if err != nil || string(out) != "Connection refused\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestHostNetworkDo is `do`, as root and as an ordinary user: it is in the namespace of
// who calls it.
func TestHostNetworkDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000))
			fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\nthe host's\n")
			c.Close()
		}
	}()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("host feature missing: curl")
	}
	if err := os.Chmod(filepath.Dir(runsc), 0o755); err != nil {
		t.Fatal(err)
	}
	users := []uint32{uint32(os.Getuid())}
	if os.Getuid() == 0 {
		users = append(users, 1000)
	}
	for _, uid := range users {
		cmd := exec.Command(runsc, "--network=host", "do", "--", "curl", "-s", "http://"+l.Addr().String()+"/")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		cmd.Dir = "/"
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if strings.Contains(errs.String(), "the host forbids new namespaces") {
			t.Skip("host feature missing: user namespaces")
		}
		if err != nil || out.String() != "the host's\n" {
			t.Errorf("user %d: %v: %q %s", uid, err, out.String(), errs.String())
		}
	}
	out, err := exec.Command(runsc, "--network=host", "do", "--network", "--", "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a network already") {
		t.Errorf("two networks: %v: %s", err, out)
	}
}

// TestNoNetworkNamespace: without a namespace in the bundle there is the host's network
// where it is asked for, and else a word about that.
func TestNoNetworkNamespace(t *testing.T) {
	h := newHost(t)
	names := func(s string) string {
		var all []string
		for line := range strings.Lines(s) {
			if f := strings.SplitN(line, ": ", 3); len(f) == 3 {
				name, _, _ := strings.Cut(f[1], "@")
				all = append(all, name)
			}
		}
		return strings.Join(all, " ")
	}
	native, err := exec.Command("ip", "-o", "link").Output()
	if err != nil {
		t.Skip("host feature missing: ip")
	}
	dir := h.bundle(noNamespace, "ip", "-o", "link")
	log := filepath.Join(t.TempDir(), "log")
	out, errs, status := h.runsc("--log", log, "run", "--bundle", dir, h.id())
	said, err := os.ReadFile(log)
	if status != 0 || names(out) != "lo" || err != nil || strings.Count(string(said), "--network=host") != 1 {
		t.Errorf("by default: status %d: %s%s; the log says %s, %v", status, out, errs, said, err)
	}
	out, errs, status = h.runsc("--network=host", "run", "--bundle", dir, h.id())
	if status != 0 || names(out) != names(string(native)) || errs != "" {
		t.Errorf("with --network=host: status %d: %s%s; on the host %s", status, out, errs, native)
	}
	// A new namespace is a new namespace, in which nothing is up.
	out, errs, status = h.runsc("--network=host", "run", "--bundle", h.bundle(func(*specs.Spec) {}, "ip", "-o", "link"), h.id())
	if status != 0 || names(out) != "lo" || strings.Contains(out, "UP") {
		t.Errorf("in a new one: status %d: %s%s", status, out, errs)
	}
	h.nothingLeft()
}

// TestHostNetworkPrograms runs the guest programs about the Internet's sockets natively
// and on the host's sockets, in network namespaces of their own.
func TestHostNetworkPrograms(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for network namespaces")
	}
	for _, args := range [][]string{{"inet", "lent"}, {"inetdata", "lent"}, {"inetopts", "lent"}, {"netlink", "lent"}, {"many", "1000"}} {
		t.Run(args[0], func(t *testing.T) {
			bin := filepath.Join(t.TempDir(), args[0])
			gcc := exec.Command("gcc", "-O1", "-static", "-pthread", "-w", "-o", bin, "../guest/"+args[0]+".c")
			if out, err := gcc.CombinedOutput(); err != nil {
				t.Skipf("host feature missing: a C compiler: %v: %s", err, out)
			}
			run := func(command ...string) {
				ns := newNetns(t, args[0])
				defer exec.Command("ip", "netns", "del", ns).Run()
				path := "/run/netns/" + ns
				if out, err := inNetns(path, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647").CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if out, err := inNetns(path, append([]string{"timeout", "-k", "1", "60"}, command...)...).CombinedOutput(); err != nil {
					t.Errorf("%v: %v: %s", command, err, out)
				}
			}
			native := []string{bin}
			if args[0] == "many" {
				native = append(native, args[1])
			}
			run(native...)
			run(append([]string{runsc, "--network=host", "do", "--", bin}, args[1:]...)...)
		})
	}
}

// TestHostNetworkThreads: many sockets take no threads.
func TestHostNetworkThreads(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for network namespaces")
	}
	bin := filepath.Join(t.TempDir(), "many")
	if out, err := exec.Command("gcc", "-O1", "-static", "-w", "-o", bin, "../guest/many.c").CombinedOutput(); err != nil {
		t.Skipf("host feature missing: a C compiler: %v: %s", err, out)
	}
	cmd := inNetns("/run/netns/"+newNetns(t, "threads"), runsc, "--network=host", "do", "--", bin, "5000", "wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
	}()
	b := make([]byte, 4)
	if _, err := io.ReadFull(out, b); err != nil || string(b) != "all\n" {
		t.Fatalf("%q: %v", b, err)
	}
	for _, p := range running() {
		if !strings.Contains(p.args, "runsc-sandbox") {
			continue
		}
		files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid))
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.pid))
		if len(files) < 10000 || len(threads) > 40 {
			t.Errorf("%d descriptors, %d threads", len(files), len(threads))
		}
		return
	}
	t.Error("no Sentry")
}
