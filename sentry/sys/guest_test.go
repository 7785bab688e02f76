package sys_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	hostunix "golang.org/x/sys/unix"

	"glovebox/abi/linux"
	server "glovebox/gofer"
	hostfd "glovebox/host"
	"glovebox/p9"
	"glovebox/sentry/auth"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/fs/gofer"
	"glovebox/sentry/fs/overlay"
	"glovebox/sentry/fs/proc"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/memfile"
	"glovebox/sentry/mm"
	"glovebox/sentry/net/inet"
	"glovebox/sentry/net/netns"
	"glovebox/sentry/platform/systrap"
	"glovebox/sentry/sys"
	"glovebox/sentry/vfs"
)

// TestGuests runs the programs of test/guest that need nothing but a kernel.
// Their complaints go to the test's output.
func TestGuests(t *testing.T) {
	host := newHost(t)
	for _, name := range []string{"process", "signals", "threads", "privilege", "ipc", "mqueue", "corners", "exec", "files", "polls", "sockets", "procfs", "traps", "mappings", "handlers", "crowd", "futexes", "families", "paths", "edges", "fscorners", "inet", "inetdata", "inetopts", "netlink", "namespaces", "packet"} {
		t.Run(name, func(t *testing.T) {
			b := compile(t, name)
			runNatively(t, b)
			if status := runGuest(t, host, newTmpfs(host), b); status != 0 {
				t.Errorf("status %#x", status)
			}
		})
	}
}

// TestFileSystems runs the program about file systems on others than tmpfs.
func TestFileSystems(t *testing.T) {
	host := newHost(t)
	for name, fs := range map[string]func(*testing.T, *mm.Host) vfs.FileSystem{"overlay": newOverlay, "gofer": newGofer} {
		t.Run(name, func(t *testing.T) {
			if status := runGuest(t, host, fs(t, host), compile(t, "fscorners")); status != 0 {
				t.Errorf("status %#x", status)
			}
		})
	}
}

func newHost(t *testing.T) *mm.Host {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler")
	}
	p, err := systrap.New()
	if err != nil {
		t.Skip(err)
	}
	return &mm.Host{Platform: p, Memory: &memfile.Account{Reopen: reopen}}
}

// compile returns a program of test/guest.
func compile(t *testing.T, name string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	src := filepath.Join("../../test/guest", name+".c")
	if b, err := exec.Command("gcc", "-O1", "-static", "-pthread", "-w", "-o", out, src, "-lm").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newTmpfs(host *mm.Host) vfs.FileSystem {
	return tmpfs.New(tmpfs.Options{Mode: 0o755, Memory: host.Memory})
}

// newInside is mount(2)'s tmpfs.
func newInside(host *mm.Host) func(*vfs.Ctx, string, string) (vfs.FileSystem, error) {
	return func(_ *vfs.Ctx, typ, data string) (vfs.FileSystem, error) {
		o := tmpfs.Options{Mode: 0o755, Memory: host.Memory}
		switch {
		case typ != "tmpfs":
			return nil, linux.ENODEV
		case data == "mode=700,size=1m":
			o.Size = 1 << 20
		case data != "":
			return nil, linux.EINVAL
		}
		return tmpfs.New(o), nil
	}
}

func newOverlay(t *testing.T, host *mm.Host) vfs.FileSystem {
	t.Helper()
	fs, err := overlay.New(newTmpfs(host), newTmpfs(host), 9)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// newGofer returns a directory of the host that a gofer writes through to.
func newGofer(t *testing.T, _ *mm.Host) vfs.FileSystem {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: files are given to other users")
	}
	root, err1 := hostunix.Open(t.TempDir(), hostunix.O_PATH|hostunix.O_CLOEXEC, 0)
	self, err2 := hostfd.SelfFDs()
	fds, err3 := hostunix.Socketpair(hostunix.AF_UNIX, hostunix.SOCK_STREAM|hostunix.SOCK_CLOEXEC, 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	go server.ServeFD(fds[0], server.Options{Attach: []server.Attach{{Name: "/", Root: root}}, SelfFDs: self})
	c, err := p9.NewClientFD(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	fs, err := gofer.New(c, gofer.Options{Attach: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// runNatively runs a program on the host, as init of a file system with the
// same files: the checks must be right there first.
func runNatively(t *testing.T, program []byte) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("not checked natively: only root can")
		return
	}
	dir := t.TempDir()
	// The umask must not matter: chmod.
	for name, f := range files(program) {
		name = dir + name
		if err := errors.Join(os.WriteFile(name, f.content, 0o600), hostunix.Chmod(name, f.mode)); err != nil {
			t.Fatal(err)
		}
	}
	// A network of its own, as inside: lo and no more. Everybody may ping, as in containers.
	const script = `ip link set lo up && echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range && mount --bind "$0" "$0" && mkdir "$0/proc" "$0/old" && mount -t proc proc "$0/proc" &&
		cd "$0" && pivot_root . old && exec /guest`
	cmd := exec.Command("unshare", "-fpmuin", "--kill-child", "sh", "-c", script, dir)
	cmd.Env = []string{"E=1", "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("natively: %v: %s", err, out)
	}
}

// A file is what a guest finds.
type file struct {
	content []byte
	mode    uint32
}

func files(program []byte) map[string]file {
	return map[string]file{
		"/guest":   {program, 0o4755},
		"/script":  {[]byte("#!/guest  one two\n"), 0o755},
		"/garbage": {[]byte("x"), 0o755},
		"/plain":   {[]byte("x"), 0o644},
	}
}

// reopen is what the template process does outside tests.
func reopen(fd int) (int, error) {
	return hostunix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), hostunix.O_RDONLY|hostunix.O_CLOEXEC, 0)
}

// output is a file that passes what is written to it on to the test.
type output struct {
	vfs.NoFile
	t *testing.T
}

func (o output) Write(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	p := make([]byte, b.Len())
	n, err := b.CopyIn(p)
	o.t.Logf("%s", p[:n])
	return int64(n), err
}

// runGuest runs a program as init of a file system, which is empty, and returns its
// wait status.
func runGuest(t *testing.T, host *mm.Host, fs vfs.FileSystem, program []byte) int32 {
	t.Helper()
	root := &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps, Bounding: auth.AllCaps}
	v := vfs.NewVFS(fs, fs.Type(), 0)
	c := &vfs.Ctx{Creds: root, Root: v.Root(), Cwd: v.Root(), FileLimit: linux.RLIM_INFINITY}
	for name, f := range files(program) {
		put(t, v, c, name, f.content, f.mode)
	}
	at, err := v.Walk(c, v.Root(), "/guest", 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.OpenExec(c, at)
	if err != nil {
		t.Fatal(err)
	}
	v.FIFO = new(pipe.FIFOs).Open
	v.Memory = tmpfs.New(tmpfs.Options{Dev: 2, Memory: host.Memory}).NewMemory
	v.New = newInside(host)
	k := &kernel.Kernel{Syscall: sys.Dispatch, CPUs: 2, Logf: t.Logf}
	group := k.NewCgroup(host)
	group.TotalMemory.Store(1 << 30)
	limits := new(kernel.Limits)
	limits.SetAll(kernel.DefaultLimits())
	img, err := (&sys.Execution{
		Kernel: k, Cgroup: group, VFS: v, Ctx: c, File: f, Name: "/guest",
		Args: []string{"/guest"}, Env: []string{"E=1"}, Limits: limits,
	}).Load()
	if err != nil {
		t.Fatal(err)
	}
	net := netns.First(new(inet.Namespace))
	pids := k.NewPIDNamespace()
	if err := v.Mkdir(c, v.Root(), "/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	at, _ = v.Walk(c, v.Root(), "/proc", 0)
	if _, err := v.MountAt(proc.New(proc.Options{Dev: 1, Kernel: k, PIDs: pids, Cgroup: group, Net: net}), at, "proc", "", 0); err != nil {
		t.Fatal(err)
	}
	fds := vfs.NewFDTable()
	for range 3 {
		if _, err := fds.Add(vfs.NewAnonFile("output", output{t: t}, linux.O_RDWR), 0, 0, 3); err != nil {
			t.Fatal(err)
		}
	}
	tg, err := k.Start(&kernel.Init{
		Namespace: pids, Cgroup: group, Memory: img.Memory, Regs: img.Regs, Creds: img.Creds,
		Comm: img.Comm, UTS: kernel.NewUTS("box", ""), Limits: limits.All(),
		Files: kernel.Files{FDs: fds, FS: vfs.NewFSContext(v.Root(), v.Root(), 0o22), VFS: v, Net: net},
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-tg.Done():
	case <-time.After(10 * time.Second):
		buf := make([]byte, 1<<20)
		t.Fatalf("the guest hangs\n%s", buf[:runtime.Stack(buf, true)])
	}
	k.Wait()
	return tg.ExitStatus()
}

func put(t *testing.T, v *vfs.VFS, c *vfs.Ctx, name string, content []byte, mode uint32) {
	t.Helper()
	f, err := v.Open(c, v.Root(), name, linux.O_WRONLY|linux.O_CREAT, mode, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Dec()
	b := guest.Local(content)
	if _, err := f.Pwrite(c, &b, 0); err != nil {
		t.Fatal(err)
	}
}
