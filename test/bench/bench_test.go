package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSmoke runs the bench as briefly as can be: every row comes out, natively
// and inside. How fast is not its business.
func TestSmoke(t *testing.T) {
	runsc := filepath.Join(t.TempDir(), "runsc")
	build := exec.Command("go", "build", "-ldflags=-E=runsc_entry", "-o", runsc, // as the Makefile does
		"glovebox/cmd/runsc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := bench{runsc: runsc, source: "testdata/measure.c", runs: 1, quick: true, log: io.Discard}
	r, err := b.run()
	if err != nil {
		if strings.Contains(err.Error(), "the host forbids new namespaces") {
			t.Skip("host feature missing: user namespaces")
		}
		t.Fatal(err)
	}
	for i, name := range []string{"native", "glovebox"} {
		rt := r.Runtimes[i]
		if rt.Name != name {
			t.Errorf("runtime %d is %s, want %s", i, rt.Name, name)
		}
		for _, row := range append(programRows[:len(programRows):len(programRows)], hostRows...) {
			v, ok := rt.Samples.median(row.key)
			switch {
			case slices.Contains([]string{"run", "life", "exec"}, row.key) && name == "native", row.key == "docker":
				if ok {
					t.Errorf("%s: %s should not be there", name, row.key)
				}
			case !ok || v < 0 || (v == 0 && row.unit != share):
				t.Errorf("%s: %s is %v, %v", name, row.key, v, ok)
			}
		}
	}
	if v, _ := r.Runtimes[1].Samples.median("idle-processes"); v < 3 {
		t.Errorf("%v processes of a sandbox: want runsc, Sentry, Gofer and a stub at least", v)
	}
	var table bytes.Buffer
	r.table(&table)
	if n := strings.Count(table.String(), "\n| "); n != 1+len(programRows)+len(hostRows)+len(netRows) {
		t.Errorf("%d lines:\n%s", n, &table)
	}
	if b, err := json.Marshal(r); err != nil || !bytes.Contains(b, []byte(`"exec-dynamic":[`)) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestMedian(t *testing.T) {
	s := samples{"odd": {3, 1, 2}, "even": {4, 1, 2, 3}}
	for key, want := range map[string]float64{"odd": 2, "even": 2.5} {
		if got, ok := s.median(key); !ok || got != want {
			t.Errorf("%s: %v, %v; want %v", key, got, ok, want)
		}
	}
	if _, ok := s.median("none"); ok {
		t.Error("a median of nothing")
	}
}

// TestProcessorTime: a process that works is seen to.
func TestProcessorTime(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := processorTime(self)
	if err != nil {
		t.Fatal(err)
	}
	for now := before; now <= before; {
		if now, err = processorTime(self); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "getpid 1\n", "getpid 1\ngetpid 2\n", "oops 1\n", "getpid one\n"} {
		if err := parse(bad, samples{}, programRows); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestShow(t *testing.T) {
	for _, c := range []struct {
		unit  unit
		value float64
		want  string
	}{
		{duration, 12, "12.0 ns"}, {duration, 1234, "1.23 µs"}, {duration, 44e6, "44.0 ms"}, {duration, 5e12, "5000 s"},
		{size, 1 << 20, "1.00 MiB"}, {share, 12345, "1.234 %"}, {count, 4, "4"},
	} {
		if got := c.unit.show(c.value); got != c.want {
			t.Errorf("%v: %s, want %s", c.value, got, c.want)
		}
	}
}
