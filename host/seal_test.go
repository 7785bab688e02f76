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
