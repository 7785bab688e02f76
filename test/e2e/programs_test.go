package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A result is what a program left behind.
type result struct {
	out, errs string
	status    int
}

// interpreters runs the scripts in testdata, by what their names end with.
var interpreters = map[string]string{".sh": "bash", ".py": "/usr/bin/python3", ".pl": "perl", ".js": "node"}

// TestPrograms runs every script in testdata/programs natively and inside, in
// an empty directory of the same name: what they print and their status are the
// same. A script whose name begins with "full-" runs only with GLOVEBOX_FULL=1.
func TestPrograms(t *testing.T) {
	scripts, err := filepath.Glob("testdata/programs/*")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, s := range scripts {
		name := filepath.Base(s)
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "full-") && os.Getenv("GLOVEBOX_FULL") == "" {
				t.Skip("takes long: GLOVEBOX_FULL=1 runs it")
			}
			program, err := filepath.Abs(s)
			if err != nil {
				t.Fatal(err)
			}
			same(t, interpreters[filepath.Ext(name)], program)
		})
	}
}

// same runs a program both ways and compares.
func same(t *testing.T, args ...string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work")
	want := inDir(t, dir, args...)
	got := inDir(t, dir, append([]string{runsc, "do", "--"}, args...)...)
	if strings.Contains(got.errs, "the host forbids new namespaces") {
		t.Skip("host feature missing: user namespaces")
	}
	if got.status != want.status {
		t.Errorf("status %d, natively %d", got.status, want.status)
	}
	compare(t, "output", got.out, want.out)
	compare(t, "errors", numbers.ReplaceAllString(got.errs, " N "), numbers.ReplaceAllString(want.errs, " N "))
}

// numbers are in error messages above all process ids.
var numbers = regexp.MustCompile(` *\b[0-9]+\b *`)

// inDir runs a program in a new directory, with a fixed environment.
func inDir(t *testing.T, dir string, args ...string) result {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Dir = dir
	cmd.Env = []string{
		"GOCACHE=" + goEnv("GOCACHE"), "GOMODCACHE=" + goEnv("GOMODCACHE"),
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + filepath.Dir(goCommand()),
		"HOME=" + dir, "PWD=" + dir, "LC_ALL=C", "TZ=UTC", "TERM=dumb",
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		t.Errorf("%s: killed: it took too long; output %q", strings.Join(args, " "), tail(out.String()))
	} else if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// goCommand is where go is.
func goCommand() string {
	p, err := exec.LookPath("go")
	if err != nil {
		return "/usr/local/go/bin/go"
	}
	return p
}

// goEnv is a setting of go's, whose caches the tests share.
func goEnv(name string) string {
	out, _ := exec.Command("go", "env", name).Output()
	return strings.TrimSpace(string(out))
}

// tail is the end of s.
func tail(s string) string { return s[max(0, len(s)-300):] }

// compare complains about the lines that differ.
func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	const most = 10
	for i, n := 0, 0; i < max(len(g), len(w)) && n < most; i++ {
		a, b := "(nothing)", "(nothing)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			n++
			t.Errorf("%s, line %d: %q, natively %q", what, i+1, a, b)
		}
	}
}
