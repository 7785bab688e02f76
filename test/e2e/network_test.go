package e2e

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A wire is two network namespaces with a veth pair between them: far, which the test is
// in by at, and near, which is for a container.
type wire struct {
	t    *testing.T
	near string // path
	far  string // name
}

func iproute(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newNetns makes a network namespace for the time of a test, and returns its name.
func newNetns(t *testing.T, kind string) string {
	t.Helper()
	name := fmt.Sprintf("gb-e2e-%d-%s", os.Getpid(), kind)
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("host feature missing: network namespaces: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	iproute(t, "-n", name, "link", "set", "lo", "up")
	return name
}

func newWire(t *testing.T) *wire {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("host feature missing: ip (apt-get install iproute2)")
	}
	near, far := newNetns(t, "near"), newNetns(t, "far")
	iproute(t, "-n", near, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1", "netns", far)
	for i, ns := range []string{near, far} {
		dev := fmt.Sprint("eth", i)
		iproute(t, "-n", ns, "addr", "add", fmt.Sprintf("10.91.0.%d/24", 2-i), "dev", dev)
		iproute(t, "-n", ns, "addr", "add", fmt.Sprintf("fd91::%d/64", 2-i), "dev", dev, "nodad")
		iproute(t, "-n", ns, "link", "set", dev, "up")
	}
	iproute(t, "-n", near, "route", "add", "default", "via", "10.91.0.1")
	return &wire{t, "/run/netns/" + near, far}
}

// nearName is what ip(8) calls the near namespace.
func (w *wire) nearName() string { return filepath.Base(w.near) }

// at calls f on a thread that is in the far namespace.
func (w *wire) at(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // which ends with the goroutine
		ns, err := os.Open("/run/netns/" + w.far)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			ns.Close()
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}

// listen listens in the far namespace.
func (w *wire) listen(addr string) net.Listener {
	w.t.Helper()
	var l net.Listener
	if err := w.at(func() (err error) { l, err = net.Listen("tcp", addr); return err }); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	return l
}

// dial connects from there, once somebody listens.
func (w *wire) dial(addr string) net.Conn {
	w.t.Helper()
	var c net.Conn
	for end := time.Now().Add(20 * time.Second); c == nil; time.Sleep(20 * time.Millisecond) {
		err := w.at(func() error {
			fd, err := unix.Socket(domainOf(addr), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			f := os.NewFile(uintptr(fd), addr)
			defer f.Close()
			if err := unix.Connect(fd, sockaddr(addr)); err != nil {
				return err
			}
			c, err = net.FileConn(f)
			return err
		})
		if err != nil && time.Now().After(end) {
			w.t.Fatalf("connect to %s: %v", addr, err)
		}
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

func domainOf(addr string) int {
	if netip.MustParseAddrPort(addr).Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(addr string) unix.Sockaddr {
	a := netip.MustParseAddrPort(addr)
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// in puts a container into the near namespace.
func (w *wire) in(s *specs.Spec) {
	for i := range s.Linux.Namespaces {
		if n := &s.Linux.Namespaces[i]; n.Type == specs.NetworkNamespace {
			n.Path = w.near
		}
	}
}

// TestDoNetwork: connections to the outside by slirp4netns; its own resolver where the
// host's is on the loopback.
func TestDoNetwork(t *testing.T) {
	if _, err := exec.LookPath("slirp4netns"); err != nil {
		t.Skip("host feature missing: slirp4netns")
	}
	if unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK) != nil {
		t.Skip("host feature missing: /dev/net/tun")
	}
	h := newHost(t)
	// An address of this machine that is not its loopback.
	w := newWire(t)
	iproute(t, "link", "add", "gb-e2e0", "type", "veth", "peer", "name", "eth2", "netns", w.far)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "gb-e2e0").Run() })
	iproute(t, "addr", "add", "10.92.0.1/24", "dev", "gb-e2e0")
	iproute(t, "link", "set", "gb-e2e0", "up")
	l, err := net.Listen("tcp", "10.92.0.1:0")
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
			fmt.Fprintln(c, "from outside")
			c.Close()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	root := t.TempDir()
	busybox(t, root)
	if err := os.WriteFile(filepath.Join(root, "etc", "resolv.conf"), []byte("nameserver 127.0.0.53\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("cat /etc/resolv.conf; sleep 1 | nc 10.92.0.1 %d; ip -4 -o addr show eth0 | wc -l", port)
	if out, errs, _ := h.runsc("do", "--rootfs", root, "--network", "--", "/bin/sh", "-c", script); out != "nameserver 10.0.2.3\nfrom outside\n1\n" {
		t.Errorf("%q, %q", out, errs)
	}
	iproute(t, "-n", w.far, "link", "show", "eth1") // the host's mounts are as they were
	if out, errs, status := h.runsc("do", "--rootfs", root, "--", "/bin/nc", "10.92.0.1", fmt.Sprint(port)); status == 0 {
		t.Errorf("without: %q, %q", out, errs)
	}
	h.nothingLeft()
}

// TestNetwork: a container has the interfaces of the namespace that it is given, and gives
// them back.
func TestNetwork(t *testing.T) {
	w := newWire(t)
	h := newHost(t)
	before := iproute(t, "-n", w.nearName(), "-br", "addr")
	id := h.sleeper(w.in)
	out := h.must("exec", id, "sh", "-c", "ip addr show eth0; ip route; ip -6 route")
	for _, want := range []string{"mtu 1500", "inet 10.91.0.2/24", "inet6 fd91::2/64", "default via 10.91.0.1 dev eth0", "10.91.0.0/24 dev eth0", "fd91::/64 dev eth0"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	mac := func(s string) string { return strings.Fields(s[strings.Index(s, "link/ether "):])[1] }
	if host := iproute(t, "-n", w.nearName(), "link", "show", "eth0"); mac(out) != mac(host) {
		t.Errorf("another address than the link's:\n%s%s", out, host)
	}

	// To the outside and back, by both protocols.
	for _, addr := range []string{"10.91.0.1:7001", "[fd91::1]:7002"} {
		l := w.listen(addr)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			b := make([]byte, 6)
			_, _ = io.ReadFull(c, b)
			fmt.Fprintf(c, "seen %s", b)
		}()
		a := netip.MustParseAddrPort(addr)
		script := fmt.Sprintf("echo hello | nc %s %d", a.Addr(), a.Port())
		if out := h.must("exec", id, "sh", "-c", script); out != "seen hello\n" {
			t.Errorf("%s: %q", addr, out)
		}
	}
	for _, addr := range []string{"10.91.0.2:7003", "[fd91::2]:7004"} {
		a := netip.MustParseAddrPort(addr)
		cmd := h.command("exec", id, "sh", "-c", fmt.Sprintf("echo answer | nc -l -p %d", a.Port()))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c := w.dial(addr)
		if b, err := io.ReadAll(c); string(b) != "answer\n" {
			t.Errorf("%s: %q, %v", addr, b, err)
		}
		c.Close()
		_ = cmd.Wait() // nc ends as its connection does
	}
	// Much, so that segments are large, windows close and open.
	l := w.listen("10.91.0.1:7005")
	sum := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c)
		sum <- n
	}()
	h.must("exec", id, "sh", "-c", "head -c 50000000 /dev/zero | nc 10.91.0.1 7005")
	if n := <-sum; n != 50000000 {
		t.Errorf("%d bytes came", n)
	}
	// What nobody listens at is refused, not dropped; the host's own TCP/IP says nothing.
	if err := w.at(func() error {
		_, err := net.DialTimeout("tcp", "10.91.0.2:9", 5*time.Second)
		if err == nil || !strings.Contains(err.Error(), "refused") {
			return fmt.Errorf("a closed port: %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}

	// One more with that namespace is in the same sandbox.
	other := h.sleeper(w.in)
	cmd := h.command("exec", other, "sh", "-c", "echo next door | nc -l -p 7006")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one hears the other", func() bool {
		out, _, _ := h.runsc("exec", id, "nc", "127.0.0.1", "7006")
		return out == "next door\n"
	})
	_ = cmd.Wait() // as above
	h.must("delete", "--force", other)
	h.must("delete", "--force", id)
	if after := iproute(t, "-n", w.nearName(), "-br", "addr"); after != before {
		t.Errorf("afterwards\n%s, before\n%s", after, before)
	}
	// By run, too, and again.
	for range 2 {
		if out := h.must("run", "--bundle", h.bundle(w.in, "ip", "-4", "addr", "show", "eth0"), h.id()); !strings.Contains(out, "10.91.0.2/24") {
			t.Errorf("run: %s", out)
		}
	}
	if out := h.must("--network=none", "run", "--bundle", h.bundle(w.in, "ip", "addr"), h.id()); strings.Contains(out, "eth0") || !strings.Contains(out, "127.0.0.1/8") {
		t.Errorf("--network=none: %s", out)
	}
	if after := iproute(t, "-n", w.nearName(), "-br", "addr"); after != before {
		t.Errorf("afterwards\n%s, before\n%s", after, before)
	}
	h.fails("is no network namespace", "run", "--bundle", h.bundle(func(s *specs.Spec) {
		w.in(s)
		for i := range s.Linux.Namespaces {
			if s.Linux.Namespaces[i].Path != "" {
				s.Linux.Namespaces[i].Path = "/proc/self/ns/uts"
			}
		}
	}, "true"), h.id())
	h.nothingLeft()
}
