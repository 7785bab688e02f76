package hooks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func shell(script string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	st := &specs.State{Version: specs.Version, ID: "a", Status: specs.StateCreating, Pid: 7, Bundle: dir}
	first := shell(`cat > state; echo "$A,$HOME,$(pwd)" > env`)
	first.Env = []string{"A=b"}
	if err := Run("prestart", []specs.Hook{first, shell("echo second > second; exit 0")}, st); err != nil {
		t.Fatal(err)
	}
	var got specs.State
	b, err := os.ReadFile(filepath.Join(dir, "state"))
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil || got.ID != "a" || got.Pid != 7 || got.Status != specs.StateCreating {
		t.Errorf("state %s, %v", b, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "env")); err != nil || string(b) != "b,,"+dir+"\n" {
		t.Errorf("environment %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "second")); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	st := &specs.State{Bundle: dir}
	one := 1
	slow := shell("sleep 100 & wait")
	slow.Timeout = &one
	for want, hooks := range map[string][]specs.Hook{
		"hooks.poststop[0]: /bin/sh: exit status 3: no luck":      {shell("echo no; echo luck >&2; exit 3"), shell("touch next")},
		"hooks.poststop[1]: /none: fork/exec /none: no such file": {shell(":"), {Path: "/none"}},
		"hooks.poststop[0]: /bin/sh: still ran after 1 s":         {slow},
		"hooks.poststop[0]: /bin/sh: signal: killed":              {shell("kill -9 $$")},
		"hooks.poststop[0]: /bin/sh: exit status 1: x":            {shell("i=0; while [ $i -lt 3000 ]; do echo xxxxxxxxxxxxx; i=$((i+1)); done; exit 1")},
	} {
		err := Run("poststop", hooks, st)
		if err == nil || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 2*maxOutput {
			t.Errorf("%.200v, want %s", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "next")); err == nil {
		t.Error("a hook ran after one that failed")
	}
	// One that reads nothing, and one that leaves a process behind, are fine.
	if err := Run("poststop", []specs.Hook{{Path: "/bin/true"}, shell("sleep 2 &")}, &specs.State{Bundle: dir, Annotations: map[string]string{"a": strings.Repeat("x", 1<<20)}}); err != nil {
		t.Error(err)
	}
}
