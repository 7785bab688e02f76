package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// serverPairs are servers with their clients: a script of testdata/servers each, and the
// programs that it takes, by package where the program has another name.
var serverPairs = []struct {
	name, needs string
	slow        bool // both inside only with GLOVEBOX_FULL=1
}{
	{name: "nginx", needs: "nginx:nginx-light curl wget wrk openssl"},
	{name: "redis", needs: "redis-server redis-benchmark:redis-tools", slow: true},
	{name: "postgresql", needs: "psql:postgresql /usr/lib/postgresql:postgresql", slow: true},
	{name: "memcached", needs: "memcached python3"},
	{name: "node", needs: "node:nodejs curl wrk"},
	{name: "go", needs: "go curl wrk openssl"},
	{name: "python", needs: "/usr/bin/python3 curl openssl"},
	{name: "openssl", needs: "openssl"},
	{name: "iperf3", needs: "iperf3"},
	{name: "ssh", needs: "/usr/sbin/sshd:openssh-server ssh:openssh-client rsync", slow: true},
	{name: "dns", needs: "dnsmasq:dnsmasq-base dig:bind9-dnsutils"},
	{name: "rsync", needs: "rsync"},
	{name: "netcat", needs: "nc:netcat-openbsd socat"},
	{name: "ping", needs: "ping:iputils-ping traceroute"},
}

// pairTime is how long a client may take.
const pairTime = 3 * time.Minute

// TestServers runs programs that talk over the network: a server inside with a client
// outside, the other way round, and both inside, on the loopback. What the client says and
// how the server ends is what it is when both are outside.
func TestServers(t *testing.T) {
	w := newWire(t)
	iproute(t, "-n", w.nearName(), "route", "del", "default") // no name server is there to be waited for
	h := newHost(t)
	for _, pair := range serverPairs {
		t.Run(pair.name, func(t *testing.T) {
			for need := range strings.FieldsSeq(pair.needs) {
				program, debian, _ := strings.Cut(need, ":")
				if _, err := os.Stat(program); err == nil {
					continue
				}
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("host feature missing: %s (apt-get install %s)", program, max(debian, program))
				}
			}
			p := &serverPair{t, newHost(t), w, pair.name, t.TempDir()}
			for dir := p.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil { // for servers of other users
					t.Fatal(err)
				}
			}
			p.outside(w.nearName(), "prepare").run()
			want := p.meet("outside", false, false)
			if t.Failed() {
				return
			}
			t.Logf("outside:\n%s", want)
			compare(t, "server inside", p.meet("server", true, false), want)
			compare(t, "client inside", p.meet("client", false, true), want)
			if !pair.slow || os.Getenv("GLOVEBOX_FULL") != "" {
				compare(t, "both inside", p.inside("both", "127.0.0.1", "::1").run(), want)
			}
		})
	}
	h.nothingLeft()
}

// A serverPair is what a script of testdata/servers tells of.
type serverPair struct {
	t    *testing.T
	h    *host
	w    *wire
	name string
	dir  string // which all sides see
}

// A side is one of them, with a role.
type side struct {
	p    *serverPair
	dir  string // its own
	cmd  *exec.Cmd
	stop context.CancelFunc
}

// meet runs both, and returns what the client said, and the server at its end.
func (p *serverPair) meet(how string, serverInside, clientInside bool) string {
	p.t.Helper()
	// The near end of the wire is the container's, or natively the client's.
	addr4, addr6 := "10.91.0.1", "fd91::1"
	server := func() *side { return p.outside(p.w.far, how+"-server", addr4, addr6) }
	client := func() *side { return p.outside(p.w.nearName(), how+"-client", addr4, addr6) }
	if serverInside {
		addr4, addr6 = "10.91.0.2", "fd91::2"
		server = func() *side { return p.inside(how+"-server", addr4, addr6) }
		client = func() *side { return p.outside(p.w.far, how+"-client", addr4, addr6) }
	}
	if clientInside {
		client = func() *side { return p.inside(how+"-client", addr4, addr6) }
	}
	s := server()
	end := s.serve()
	said := client().run()
	return said + end()
}

// serve starts a server; end ends it.
func (s *side) serve() (end func() string) {
	t := s.p.t
	t.Helper()
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
			t.Logf("%s: %s", s.dir, tail(string(b)))
		}
	})
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); line != "ready\n" {
		more, _ := io.ReadAll(r)
		t.Fatalf("%s: %q, %v, %s", s.dir, line+string(more), err, s.cmd.Stderr)
	}
	return func() string {
		in.Close()
		b, err := io.ReadAll(r)
		_ = s.cmd.Wait() // what it says is enough
		s.stop()
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
}

// run runs a side to its end.
func (s *side) run() string {
	t := s.p.t
	t.Helper()
	defer s.stop()
	var out bytes.Buffer
	s.cmd.Stdout = &out
	if err := s.cmd.Run(); err != nil {
		t.Errorf("%s: %v: %s", s.dir, err, s.cmd.Stderr)
	}
	return out.String()
}

// side is one whose role is what its directory's name ends with.
func (p *serverPair) side(name string, addrs []string, make func(dir string, script []string) *exec.Cmd) *side {
	p.t.Helper()
	dir, role := p.dir, name
	if name != "prepare" {
		dir = filepath.Join(p.dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			p.t.Fatal(err)
		}
		role = name[strings.LastIndexByte(name, '-')+1:]
	}
	script := append([]string{"bash", testdata(p.t, "servers/run.sh"), p.name, role}, addrs...)
	cmd := make(dir, script)
	cmd.Dir = dir
	ctx, cancel := context.WithTimeout(p.t.Context(), pairTime)
	with := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	with.Dir, with.Env, with.Stderr = dir, cmd.Env, new(bytes.Buffer)
	with.WaitDelay = time.Second
	with.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return &side{p, dir, with, cancel}
}

func (p *serverPair) env(dir string) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + filepath.Dir(goCommand()), "HOME=" + dir, "PWD=" + dir, "LC_ALL=C", "TZ=UTC", "TERM=dumb",
		"GOCACHE=" + goEnv("GOCACHE"), "GOMODCACHE=" + goEnv("GOMODCACHE"), "GLOVEBOX_FULL=" + os.Getenv("GLOVEBOX_FULL"),
	}
}

// outside is a side in a network namespace, in a pid namespace with which all that it
// started ends.
func (p *serverPair) outside(netns, name string, addrs ...string) *side {
	p.t.Helper()
	return p.side(name, addrs, func(dir string, script []string) *exec.Cmd {
		cmd := inNetns("/run/netns/"+netns, append([]string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}, script...)...)
		cmd.Env = p.env(dir)
		return cmd
	})
}

// inside is a side in a container with this machine's programs.
func (p *serverPair) inside(name string, addrs ...string) *side {
	p.t.Helper()
	id := p.h.id()
	p.t.Cleanup(func() { _, _, _ = p.h.runsc("delete", "--force", id) })
	return p.side(name, addrs, func(dir string, script []string) *exec.Cmd {
		bundle := p.h.bundle(nil, "true")
		root := filepath.Join(bundle, "debian")
		if err := os.MkdirAll(filepath.Join(root, "root"), 0o755); err != nil {
			p.t.Fatal(err)
		}
		for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
			if to, err := os.Readlink("/" + name); err != nil {
				p.t.Skipf("this system has no merged /usr: %v", err)
			} else if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
				p.t.Fatal(err)
			}
		}
		p.h.edit(bundle, func(s *specs.Spec) {
			p.w.in(s)
			s.Root.Path, s.Root.Readonly = "debian", false
			s.Process.Args, s.Process.Cwd, s.Process.Env = script, dir, p.env(dir)
			s.Process.NoNewPrivileges = false
			all := []string{
				"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
				"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE",
			}
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}})
			for tree, how := range map[string]string{"/usr": "ro", "/etc": "ro", "/var": "ro", filepath.Dir(script[1]): "ro", p.dir: "rw"} {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: tree, Type: "bind", Source: tree, Options: []string{"rbind", how}})
			}
		})
		return p.h.command("--net-raw", "run", "--bundle", bundle, id)
	})
}
