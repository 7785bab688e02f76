package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestPairs runs the programs of test/guest that are about two ends of a wire: near
// natively first, then inside a sandbox that has taken the namespace over; far natively.
func TestPairs(t *testing.T) {
	for _, name := range []string{"pairtcp", "pairflow", "pairdata", "pairpath"} {
		t.Run(name, func(t *testing.T) {
			if name == "pairflow" && os.Getenv("GLOVEBOX_FULL") == "" {
				t.Skip("waits for time-outs for three minutes: GLOVEBOX_FULL=1 runs it")
			}
			bin := filepath.Join(t.TempDir(), name)
			gcc := exec.Command("gcc", "-O1", "-static", "-pthread", "-w", "-o", bin, "../guest/"+name+".c")
			if out, err := gcc.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, where := range []string{"natively", "inside"} {
				if !t.Run(where, func(t *testing.T) { runPair(t, bin, where == "inside") }) {
					return
				}
			}
		})
	}
}

// runPair runs both ends of a program on a new wire.
func runPair(t *testing.T, bin string, inside bool) {
	w := newWire(t)
	if out, err := inNetns("/run/netns/"+w.far, "iptables", "-w", "-L").CombinedOutput(); err != nil {
		t.Skipf("host feature missing: iptables: %v: %s", err, out)
	}
	h := newHost(t)
	end := w.far
	if strings.HasSuffix(bin, "pairpath") {
		end = routed(t, w)
	}
	far := inNetns("/run/netns/"+end, bin, "far")
	near := inNetns(w.near, bin, "near")
	if inside {
		far.Args = append(far.Args, "inside")
		bundle := h.bundle(func(s *specs.Spec) {
			w.in(s)
			for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Effective, &s.Process.Capabilities.Permitted} {
				*set = append(*set, "CAP_NET_RAW")
			}
		}, "/near", "near", "inside")
		b, err := os.ReadFile(bin)
		if err == nil {
			err = os.WriteFile(filepath.Join(bundle, "rootfs", "near"), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		near = h.command("run", "--bundle", bundle, h.id())
	}
	fromNear, toFar, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromFar, toNear, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var said [2]bytes.Buffer
	far.Stdin, far.Stdout, far.Stderr = fromNear, toNear, &said[0]
	near.Stdin, near.Stdout, near.Stderr = fromFar, toFar, &said[1]
	done := make(chan error, 2)
	for _, cmd := range []*exec.Cmd{far, near} {
		if err := cmd.Start(); err != nil {
			t.Error(err)
			done <- nil
			continue
		}
		// An end that hangs, and with it the other one.
		late := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
		go func() {
			err := cmd.Wait()
			late.Stop()
			done <- err
		}()
	}
	for _, f := range []*os.File{fromNear, toFar, fromFar, toNear} {
		f.Close()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i, end := range []string{"far", "near"} {
		out := strings.TrimSpace(said[i].String())
		if t.Failed() || !strings.HasSuffix(out, " checks") {
			t.Errorf("%s: %s", end, out)
		} else {
			t.Logf("%s: %s", end, out)
		}
	}
	h.nothingLeft()
}

// routed makes the far namespace a router, and returns the one behind it. What the router
// sends there is narrower than both ends know.
func routed(t *testing.T, w *wire) string {
	beyond := newNetns(t, "beyond")
	for _, line := range []string{
		w.far + " link add eth2 type veth peer name eth0 netns " + beyond,
		w.far + " addr add 10.93.0.1/24 dev eth2", w.far + " addr add fd93::1/64 dev eth2 nodad", w.far + " link set eth2 mtu 1300 up",
		beyond + " addr add 10.93.0.2/24 dev eth0", beyond + " addr add fd93::2/64 dev eth0 nodad", beyond + " link set eth0 up",
		beyond + " route add default via 10.93.0.1", beyond + " route add default via fd93::1",
		w.nearName() + " route add default via fd91::1",
	} {
		iproute(t, append([]string{"-n"}, strings.Fields(line)...)...)
	}
	if out, err := inNetns("/run/netns/"+w.far, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return beyond
}
