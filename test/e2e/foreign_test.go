package e2e

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// foreignSuites are tests of others that use the network. They are run in a network
// namespace with nothing but lo, and inside: what passes there passes here, but for what
// different names, with the reason.
var foreignSuites = []struct {
	name string
	// program makes the command: a test binary of Go's, or a module of Python's.
	program   func(t *testing.T, name string) []string
	different map[string]string
	// without names tests that do not end, natively either.
	without map[string]string
}{
	{name: "net", program: goSuite, different: map[string]string{"TestMultiPathTCP": "no MPTCP, is skipped"}},
	{name: "net/http", program: goSuite, different: map[string]string{"TestLinuxSendfile": "no strace inside, is skipped"}},
	{name: "crypto/tls", program: goSuite},
	{name: "test_ssl", program: pythonSuite},
	{name: "test_httplib", program: pythonSuite},
	{name: "test_selectors", program: pythonSuite},
	{
		name: "test_socket", program: pythonSuite,
		different: map[string]string{"UDPLITE": "no UDP-Lite", "BasicVSOCKTest": "no AF_VSOCK, is skipped"},
		without:   map[string]string{"ThreadedVSOCK": "waits for a connection to itself, which vsock of a virtual machine does not pass"},
	},
	{
		name: "test_asyncio", program: pythonSuite,
		different: map[string]string{"connect_racing": "is skipped now and then: a reset on the loopback comes after the next connect(2)"},
	},
}

var outcome = regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+)`)

// TestForeignSuites runs the tests of Go's and Python's libraries.
func TestForeignSuites(t *testing.T) {
	if os.Getenv("GLOVEBOX_FULL") == "" {
		t.Skip("takes long: GLOVEBOX_FULL=1 runs it")
	}
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for a network namespace")
	}
	netns := newNetns(t, "foreign")
	for _, s := range foreignSuites {
		t.Run(s.name, func(t *testing.T) {
			args := append(s.program(t, s.name), slices.Sorted(maps.Keys(s.without))...)
			outcomes := func(cmd *exec.Cmd) (map[string]string, string) {
				cmd.Dir = t.TempDir()
				if strings.HasSuffix(args[0], ".test") {
					cmd.Dir = filepath.Join(goroot(t), "src", s.name)
				}
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				late := time.AfterFunc(suiteTime, func() { _ = cmd.Process.Kill() })
				_ = cmd.Wait() // which tests failed is what matters
				if !late.Stop() {
					t.Errorf("%s took longer than %v", cmd, suiteTime)
				}
				all := map[string]string{}
				for _, m := range outcome.FindAllStringSubmatch(out.String(), -1) {
					all[m[2]] = m[1]
				}
				return all, out.String()
			}
			want, said := outcomes(exec.Command("nsenter", append([]string{"--net=/run/netns/" + netns}, args...)...))
			if len(want) == 0 {
				t.Fatalf("no test natively: %s", said)
			}
			got, said := outcomes(exec.Command(runsc, append([]string{"do", "--"}, args...)...))
			same, other := 0, 0
			for name, how := range want {
				switch {
				case got[name] == how || how != "PASS":
					same++
				case expected(s.different, name):
					other++
				default:
					t.Errorf("%s: %q, natively %q", name, got[name], how)
				}
			}
			t.Logf("%d tests: %d as natively, %d differ as expected", len(want), same, other)
			if t.Failed() {
				t.Logf("the end of what it said: %s", said[max(0, len(said)-20_000):])
			}
		})
	}
}

// suiteTime is how long a suite may take.
const suiteTime = 10 * time.Minute

func expected(different map[string]string, name string) bool {
	for part := range different {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func goSuite(t *testing.T, name string) []string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), strings.ReplaceAll(name, "/", "-")+".test")
	build := exec.Command("go", "test", "-c", "-o", bin, name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return []string{bin, "-test.short", "-test.v"}
}

func pythonSuite(t *testing.T, name string) []string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import test."+name).Run()
	}
	if err != nil {
		t.Skip("host feature missing: Python's tests (apt-get install libpython3-testsuite)")
	}
	return []string{python, testdata(t, "foreign.py"), name}
}
