package glovebox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "glovebox"

// layers is the import policy, lowest first: a package imports only what
// stands on a line above its own. Add a package here when you add it to the
// tree; never reorder to fix a build.
var layers = []string{
	"abi/linux abi/sysno",
	"lib/asmtext lib/bpf lib/cpuid lib/pax lib/ref lib/ring lib/wait",
	"host",
	"p9",
	"gofer",
	"sentry/guest",
	"sentry/lock sentry/arch sentry/namespace",
	"sentry/platform",
	"sentry/platform/systrap",
	"sentry/memfile",
	"sentry/mm",
	"sentry/vdso",
	"sentry/auth",
	"sentry/ipc",
	"sentry/vfs",
	"sentry/fs/nsfs",
	"sentry/loader",
	"sentry/net/socket",
	"sentry/kernel",
	"sentry/file",
	"sentry/file/pipe sentry/file/eventfd sentry/file/epoll sentry/file/timerfd sentry/file/signalfd sentry/file/pidfd sentry/file/hostfd",
	"sentry/net/stack",
	"sentry/net/netfilter",
	"sentry/net/unix sentry/net/inet sentry/net/hostinet sentry/net/netlink sentry/net/packet sentry/net/tun",
	"sentry/net/netns",
	"sentry/fs/synth sentry/fs/tmpfs",
	"sentry/fs/proc sentry/fs/sys sentry/fs/cgroup sentry/fs/mqueue sentry/fs/dev sentry/fs/devpts sentry/fs/overlay sentry/fs/gofer",
	"sentry/fs/vfstest",
	"sentry/sys",
	"control",
	"boot",
	"oci/seccomp",
	"oci/bundle oci/cgroup",
	"oci/container oci/hooks oci/network",
	"oci/sandbox",
	"cmd/runsc",
	"test/e2e test/bench test/vm",
}

// TestLayers checks every import of this module against the layers.
func TestLayers(t *testing.T) {
	level := map[string]int{module: len(layers)}
	for i, line := range layers {
		for p := range strings.FieldsSeq(line) {
			level[module+"/"+p] = i
		}
	}
	for _, p := range packages(t) {
		from, ok := level[p.ImportPath]
		if !ok {
			t.Errorf("%s has no layer", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if to, ok := level[imp]; ok && to >= from {
				t.Errorf("%s (layer %d) imports %s (layer %d)", p.ImportPath, from, imp, to)
			}
		}
	}
}

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (all []pkg) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// hostCallers is who may call the host, and by what. Everything else works on
// what it is given: no package of the Sentry's kernel can be talked into opening
// a file. Add one only with the seccomp rules (host) that its calls need.
var hostCallers = map[string]string{
	"host":                    "golang.org/x/sys/unix os syscall",
	"p9":                      "golang.org/x/sys/unix",
	"gofer":                   "golang.org/x/sys/unix",
	"sentry/memfile":          "golang.org/x/sys/unix",
	"sentry/mm":               "golang.org/x/sys/unix",
	"sentry/vdso":             "golang.org/x/sys/unix",
	"sentry/platform/systrap": "golang.org/x/sys/unix os syscall",
	"sentry/file/hostfd":      "golang.org/x/sys/unix",
	"sentry/fs/gofer":         "golang.org/x/sys/unix",
	"sentry/net/hostinet":     "golang.org/x/sys/unix",
	"control":                 "net os syscall",
	"boot":                    "golang.org/x/sys/unix net os os/signal syscall",
	"oci/bundle":              "os",
	"oci/cgroup":              "os",
	"oci/container":           "golang.org/x/sys/unix os",
	"oci/hooks":               "golang.org/x/sys/unix os/exec syscall",
	"oci/network":             "golang.org/x/sys/unix net os os/exec syscall",
	"oci/sandbox":             "golang.org/x/sys/unix os os/signal syscall",
	"cmd/runsc":               "golang.org/x/sys/unix net os os/signal os/user syscall",
	"test/bench":              "golang.org/x/sys/unix net os os/exec",
}

// TestHostCalls checks who can call the host.
func TestHostCalls(t *testing.T) {
	calls := regexp.MustCompile(`^(os|os/.*|net|net/http.*|syscall|plugin|golang.org/x/sys/.*)$`)
	used := map[string]bool{}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed := strings.Fields(hostCallers[name])
		for _, imp := range p.Imports {
			if !calls.MatchString(imp) {
				continue
			}
			if !slices.Contains(allowed, imp) {
				t.Errorf("%s imports %s: it may not call the host that way", name, imp)
			}
			used[name+" "+imp] = true
		}
	}
	for name, allowed := range hostCallers {
		for imp := range strings.FieldsSeq(allowed) {
			if !used[name+" "+imp] {
				t.Errorf("%s does not import %s any more: take it off the list", name, imp)
			}
		}
	}
}

// maxLines is how long a file may be; tables of the ABI apart.
const maxLines = 800

// unsafely matches what can break memory safety; sizes and offsets cannot.
var unsafely = regexp.MustCompile(`unsafe\.(Pointer|Slice|String|Add)|^//go:linkname`)

// TestFiles checks what a reader relies on in every file: its length, and that
// unsafe stands only in files that say so.
func TestFiles(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == ".git" || e.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !slices.Contains([]string{".go", ".s", ".c", ".h"}, filepath.Ext(path)) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := 0
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); lines++ {
			if unsafely.MatchString(s.Text()) && !strings.HasSuffix(path, "_unsafe.go") && path != "layers_test.go" {
				t.Errorf("%s:%d is unsafe: move it to a file named *_unsafe.go", path, lines+1)
			}
		}
		if lines > maxLines && !strings.HasPrefix(path, "abi/") {
			t.Errorf("%s has %d lines: split it along a seam", path, lines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
