package host

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sealedEnv names what a child of the test does under a filter.
const sealedEnv = "HOST_TEST_SEALED"

func TestMain(m *testing.M) {
	switch os.Getenv(sealedEnv) {
	case "":
		os.Exit(m.Run())
	case "works":
		os.Exit(sealedWorks())
	case "escapes":
		if err := SealSentry(-1); err != nil {
			panic(err)
		}
		_, _ = os.Open("/etc/passwd")
		os.Exit(0)
	case "socket":
		if err := SealSentry(-1); err != nil {
			panic(err)
		}
		_, _ = InetSocket(unix.AF_INET, unix.SOCK_STREAM, 0)
		os.Exit(0)
	case "inet works":
		os.Exit(inetWorks())
	case "inet unix", "inet netlink":
		if err := SealInetSentry(-1); err != nil {
			panic(err)
		}
		family := unix.AF_UNIX
		if os.Getenv(sealedEnv) == "inet netlink" {
			family = unix.AF_NETLINK
		}
		_, _ = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		os.Exit(0)
	}
}

// sealedWorks does under the filter what every Sentry does.
func sealedWorks() int {
	if err := DropCaps(0); err != nil {
		panic(err)
	}
	if caps, err := OwnCaps(); err != nil || caps != (CapSets{}) {
		println("capabilities are left")
		return 3
	}
	if err := SealSentry(-1); err != nil {
		panic(err)
	}
	done := make(chan bool)
	for range 8 {
		go func() {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			time.Sleep(5 * time.Millisecond)
			done <- true
		}()
	}
	for range 8 {
		<-done
	}
	return 7
}

func TestSealedProcess(t *testing.T) {
	out, err := sealed(t, "works")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, out)
	}
}

// inetWorks talks to itself by sockets of the host, in a namespace of its own, under the
// filter for that; a name of a unix socket it cannot reach by them.
func inetWorks() int {
	p, err := NewPoller()
	if err != nil {
		panic(err)
	}
	if err := SealInetSentry(-1); err != nil {
		panic(err)
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	l, err := InetSocket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	must(Bind(l, []byte{unix.AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}))
	must(Listen(l, 5))
	must(p.Add(l, 1<<40|7, nil))
	name, err := SockName(l)
	must(err)
	c, err := InetSocket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	abstract := append([]byte{unix.AF_UNIX, 0, 0}, "somebody"...)
	if err := Connect(c, abstract); err != unix.EINVAL && err != unix.EAFNOSUPPORT {
		panic(err)
	}
	if err := Connect(c, name.Bytes()); err != nil && err != unix.EINPROGRESS {
		panic(err)
	}
	told := uint64(0)
	for told == 0 {
		must(p.Wait(func(id uint64, _ uint32) { told = id }))
	}
	a, from, err := Accept(l)
	must(err)
	own, err := SockName(c)
	must(err)
	if told != 1<<40|7 || string(from.Bytes()) != string(own.Bytes()) {
		return 3
	}
	must(SetOption(a, unix.SOL_TCP, unix.TCP_NODELAY, []byte{1, 0, 0, 0}))
	if n, err := Send(a, &Packet{Data: []byte("word")}, 0); n != 4 || err != nil {
		return 4
	}
	for PollNow(c, unix.POLLIN) == 0 {
	}
	got := &Packet{Data: make([]byte, 10)}
	if n, err := Receive(c, got, 0); n != 4 || err != nil || string(got.Data[:n]) != "word" {
		return 5
	}
	if _, err := Receive(c, got, 0); err != unix.EAGAIN {
		return 6
	}
	return 7
}

func TestInetSealedProcess(t *testing.T) {
	cmd := exec.Command("unshare", "-rn", "sh", "-c", "ip link set lo up && exec /proc/self/fd/3")
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), sealedEnv+"=inet works")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSealedSockets: the default Sentry makes no socket at all, the other none but the
// Internet's: so none of the host's unix sockets can be connected to.
func TestSealedSockets(t *testing.T) {
	for _, what := range []string{"socket", "inet unix", "inet netlink"} {
		if out, err := sealed(t, what); err == nil || !strings.Contains(out, "SIGSYS") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}

func TestForbiddenCallSaysWhich(t *testing.T) {
	out, err := sealed(t, "escapes")
	if err == nil {
		t.Fatal("a forbidden call was made")
	}
	if !strings.Contains(out, "SIGSYS") || !strings.Contains(out, "os.Open") {
		t.Errorf("the report does not show the call: %v\n%s", err, out)
	}
}

func sealed(t *testing.T, what string) (string, error) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), sealedEnv+"="+what)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestEnterRoot needs a mount namespace, so it runs in one of its own.
func TestEnterRoot(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=TestInsideEmptyRoot")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	cmd.Env = append(os.Environ(), "HOST_TEST_ROOT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestInsideEmptyRoot(t *testing.T) {
	if os.Getenv("HOST_TEST_ROOT") == "" {
		return // TestEnterRoot runs it
	}
	proc, err := NewProc()
	if err != nil {
		t.Fatal(err)
	}
	empty, err := EmptyTree()
	if err != nil {
		t.Fatal(err)
	}
	if err := EnterRoot(empty); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/")
	if err != nil || len(entries) != 0 {
		t.Errorf("root holds %v, %v", entries, err)
	}
	if err := os.WriteFile("/x", nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("writing to the root: %v", err)
	}
	b := make([]byte, 16)
	if n, err := unix.Readlinkat(proc, "self", b); err != nil || string(b[:n]) != "1" {
		t.Errorf("self of the detached procfs: %q, %v", b[:max(n, 0)], err)
	}
}
