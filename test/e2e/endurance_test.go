package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A load is a test/guest/load.c that runs somewhere.
type load struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

func startLoad(t *testing.T, cmd *exec.Cmd) *load {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // it ends by that
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &load{t, in, bufio.NewScanner(out)}
}

// do has it do what a line says, and returns the answer.
func (l *load) do(format string, args ...any) string {
	l.t.Helper()
	fmt.Fprintf(l.in, format+"\n", args...)
	if !l.out.Scan() {
		l.t.Fatalf("%s: no answer: %v", fmt.Sprintf(format, args...), l.out.Err())
	}
	return l.out.Text()
}

// A weight is what a sandbox weighs.
type weight struct{ rss, pss, goroutines, fds int }

func (w weight) String() string {
	return fmt.Sprintf("RSS %d MiB, PSS %d MiB, %d goroutines, %d descriptors", w.rss>>20, w.pss>>20, w.goroutines, w.fds)
}

// weigh sums up what the processes below a Sentry's runsc have.
func weigh(t *testing.T, h *host, id string) weight {
	t.Helper()
	var w weight
	sentry := h.state(id).Pid
	for _, p := range running() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		if err != nil || strings.Contains(p.args, " run ") {
			continue // it has ended, or is who waits for the sandbox
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			n, _ := strconv.Atoi(f[1])
			switch f[0] {
			case "Rss:":
				w.rss += n << 10
			case "Pss:":
				w.pss += n << 10
			}
		}
	}
	w.goroutines = strings.Count("\n"+h.must("debug", "--stacks", id), "\ngoroutine ")
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", sentry))
	if err != nil {
		t.Fatal(err)
	}
	w.fds = len(fds)
	return w
}

// loaded makes both ends of a wire with a load on each, near inside a container.
func loaded(t *testing.T, change func(*specs.Spec)) (h *host, id string, near, far *load) {
	t.Helper()
	w := newWire(t)
	h = newHost(t)
	bin := filepath.Join(t.TempDir(), "load")
	if out, err := exec.Command("gcc", "-O1", "-static", "-w", "-o", bin, "../guest/load.c").CombinedOutput(); err != nil {
		t.Skipf("host feature missing: a C compiler: %v: %s", err, out)
	}
	dir := h.bundle(func(s *specs.Spec) {
		w.in(s)
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 30000, Soft: 30000}}
		change(s)
	}, "/load")
	b, err := os.ReadFile(bin)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rootfs", "load"), b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	id = h.id()
	far = startLoad(t, inNetns("/run/netns/"+w.far, bin))
	near = startLoad(t, h.command("run", "--bundle", dir, id))
	return h, id, near, far
}

// TestEndurance: many connections, and many one after the other, in both directions; and
// then the sandbox is as it was.
func TestEndurance(t *testing.T) {
	h, id, near, far := loaded(t, func(*specs.Spec) {})
	for i := range 4 {
		for _, l := range []*load{near, far} {
			if got := l.do("listen %d", 7100+i); got != "listens" {
				t.Fatal(got)
			}
		}
	}
	addr := map[*load]string{near: "10.91.0.2", far: "10.91.0.1"}
	ends := []struct {
		what     string
		from, to *load
	}{{"from outside", far, near}, {"from inside", near, far}}
	// Once, so that what is made at first is there.
	for _, e := range ends {
		e.from.do("hold %s 7100 100", addr[e.to])
		e.from.do("drop")
	}
	before := weigh(t, h, id)
	t.Logf("before: %v", before)
	// More than noise, and than what Go keeps for a while.
	const slack = 48 << 20
	settle := func(what string) {
		t.Helper()
		var now weight
		for end := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
			now = weigh(t, h, id)
			if now.rss < before.rss+slack && now.goroutines <= before.goroutines+5 && now.fds <= before.fds+5 {
				break
			}
			if time.Now().After(end) {
				t.Errorf("after %s it does not become as it was: %v", what, now)
				break
			}
		}
		t.Logf("after %s: %v", what, now)
	}

	n := often(10000, 1000)
	for _, e := range ends {
		start := time.Now()
		if got, want := e.from.do("hold %s 7100 %d", addr[e.to], n), fmt.Sprintf("%d held, 0 failed", n); got != want {
			t.Errorf("%s: %s", e.what, got)
		}
		eventually(t, "all are there", func() bool { return e.to.do("open") == strconv.Itoa(n) })
		now := weigh(t, h, id)
		t.Logf("%d connections %s in %v: %v; %d bytes of RSS each, %d of PSS", n, e.what, time.Since(start).Round(time.Millisecond),
			now, (now.rss-before.rss)/n, (now.pss-before.pss)/n)
		if now.rss-before.rss > n*64<<10+slack {
			t.Errorf("a connection takes much: %v", now)
		}
		e.from.do("drop")
		eventually(t, "all are gone", func() bool { return e.to.do("open") == "0" })
		settle(fmt.Sprintf("%d connections %s", n, e.what))
	}
	seconds := often(60, 3)
	for _, e := range ends {
		n := 1000 * seconds
		start := time.Now()
		got := e.from.do("rate %s 7100 %d %d", addr[e.to], n, seconds*1000)
		t.Logf("%d connections a second %s: %s, in %v", 1000, e.what, got, time.Since(start).Round(time.Millisecond))
		if got != fmt.Sprintf("%d well, 0 ill, 0 not at all", n) {
			t.Errorf("%s: %s", e.what, got)
		}
		eventually(t, "all are gone", func() bool { return e.to.do("open") == "0" })
		settle("a while of connections " + e.what)
	}
}

// TestFullBuffers: who fills the buffers of many connections, from inside or from outside,
// does not get the sandbox's memory: others wait, and what was sent arrives.
func TestFullBuffers(t *testing.T) {
	const limit = 512 << 20
	h, id, near, far := loaded(t, func(s *specs.Spec) {
		n := int64(limit)
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}}
	})
	for _, l := range []*load{near, far} {
		for _, line := range []string{"deaf 7200", "listen 7201"} {
			if got := l.do("%s", line); got != "listens" {
				t.Fatal(got)
			}
		}
	}
	sentry := h.state(id).Pid
	// Three sixteenths may be in buffers, and 16 KiB for each all the same. There is as
	// much of Go's garbage again; what the host lets the sandbox have is more than that.
	const bound = limit + 128<<20
	n := often(3000, 600)
	for _, c := range []struct {
		what     string
		from, to *load
		addr     string
	}{
		{"to itself", near, near, "127.0.0.1"},
		{"from outside", far, near, "10.91.0.2"},
		{"to outside", near, far, "10.91.0.1"},
	} {
		if got, want := c.from.do("hold %s 7200 %d", c.addr, n), fmt.Sprintf("%d held, 0 failed", n); got != want {
			t.Errorf("%s: %s", c.what, got)
		}
		stop, most := make(chan struct{}), make(chan int)
		go func() {
			m := 0
			for {
				select {
				case <-stop:
					most <- m
					return
				case <-time.After(20 * time.Millisecond):
					m = max(m, resident(t, sentry))
				}
			}
		}()
		sent := c.from.do("fill")
		close(stop)
		m := <-most
		t.Logf("%s: %s bytes in %d connections, at most %d MiB resident", c.what, sent, n, m>>20)
		if m > bound {
			t.Errorf("%s: %d MiB are resident", c.what, m>>20)
		}
		// Others go on meanwhile.
		if got := far.do("rate 10.91.0.2 7201 20 200"); !strings.HasPrefix(got, "5 well") {
			t.Errorf("%s: meanwhile %s", c.what, got)
		}
		if got := c.to.do("hear %s", sent); got != sent {
			t.Errorf("%s: of %s bytes %s arrive", c.what, sent, got)
		}
		c.from.do("drop")
		eventually(t, "all are gone", func() bool { return c.to.do("open") == "0" })
	}
}
