package bundle

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// small is the least that is a configuration.
const small = `{"ociVersion": "1.0.2", "process": {"args": ["sh"], "cwd": "/"}, "root": {"path": "rootfs"}}`

// write makes a bundle with an empty root.
func write(t testing.TB, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ConfigName), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// with is small, changed.
func with(t testing.TB, change func(*specs.Spec)) string {
	t.Helper()
	var s specs.Spec
	if err := json.Unmarshal([]byte(small), &s); err != nil {
		t.Fatal(err)
	}
	change(&s)
	b, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLoad(t *testing.T) {
	dir := write(t, small)
	b, err := Load(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b.Path != dir || len(b.Trees) != 1 || b.Trees[0].Source != filepath.Join(dir, "rootfs") || len(b.Warnings) != 0 {
		t.Errorf("%+v", b)
	}
	p := b.Boot.Process
	if !slices.Equal(p.Args, []string{"sh"}) || p.Umask != 0o022 || p.Caps.Bounding != 0 || !p.MakeCwd {
		t.Errorf("process %+v", p)
	}
	// The devices need a place.
	if len(b.Boot.Mounts) != 1 || b.Boot.Mounts[0].Destination != "/dev" {
		t.Errorf("mounts %+v", b.Boot.Mounts)
	}
}

func TestMounts(t *testing.T) {
	dir := write(t, "")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	config := with(t, func(s *specs.Spec) {
		s.Mounts = []specs.Mount{
			{Destination: "dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=755", "rprivate", "what"}},
			{Destination: "/a//b/", Type: "bind", Source: "rootfs", Options: []string{"rbind", "rro"}},
			{Destination: "/f", Source: file, Options: []string{"bind"}},
			{Destination: "/sys/fs/cgroup", Type: "debugfs", Source: "debugfs"},
			{Destination: "/n", Type: "bind", Source: "/dev/null"},
		}
	})
	if err := os.WriteFile(filepath.Join(dir, ConfigName), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Load(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(b.Boot.Mounts)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["mode=755"]},` +
		`{"destination":"/a/b","type":"bind","source":"rootfs","options":["ro"],"attach":1},` +
		`{"destination":"/f","type":"bind","source":"` + file + `","attach":2,"file":true}]`
	if string(got) != want {
		t.Errorf("mounts %s, want %s", got, want)
	}
	if !slices.Equal(b.Trees[1:], []Tree{{Source: filepath.Join(dir, "rootfs"), ReadOnly: true}, {Source: file, NoRecurse: true}}) {
		t.Errorf("trees %+v", b.Trees)
	}
	for i, field := range []string{"mounts[0].options[2]", "mounts[3]", "mounts[4]"} {
		if len(b.Warnings) != 3 || !strings.Contains(b.Warnings[i], "config.json: "+field+": ") {
			t.Errorf("warnings %q, want one of %s", b.Warnings, field)
		}
	}
}

// TestCapabilities: sets that contradict each other are cut to what a kernel
// would have.
func TestCapabilities(t *testing.T) {
	b, err := Load(write(t, with(t, func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Bounding: []string{"CAP_CHOWN"}, Effective: []string{"CAP_CHOWN", "CAP_KILL"}, Permitted: []string{"CAP_CHOWN"},
			Ambient: []string{"CAP_CHOWN"},
		}
	})), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c := b.Boot.Process.Caps; c.Bounding != 1 || c.Effective != 1 || c.Permitted != 1 || c.Ambient != 0 || len(b.Warnings) != 2 {
		t.Errorf("%+v, %q", c, b.Warnings)
	}
}

// TestParseErrors: what test/e2e's table of broken bundles does not have.
func TestParseErrors(t *testing.T) {
	for want, change := range map[string]func(*specs.Spec){
		"process.env[0]: contains a NUL":             func(s *specs.Spec) { s.Process.Env = []string{"A=\x00"} },
		"process.args[0]: must not be empty":         func(s *specs.Spec) { s.Process.Args = []string{""} },
		"process.user.uid: 4294967295 is not a user": func(s *specs.Spec) { s.Process.User.UID = noID },
		"process.oomScoreAdj: 2000 is not within":    func(s *specs.Spec) { n := 2000; s.Process.OOMScoreAdj = &n },
		"hostname: longer than 64 bytes":             func(s *specs.Spec) { s.Hostname = strings.Repeat("x", 65) },
		"root.path: must not be empty":               func(s *specs.Spec) { s.Root.Path = "" },
		"mounts[0].destination: must not be empty":   func(s *specs.Spec) { s.Mounts = []specs.Mount{{}} },
		"linux.namespaces: joining a user namespace": func(s *specs.Spec) {
			s.Linux = &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "user", Path: "/x"}}}
		},
		"linux.maskedPaths[0]: \"x\" is not an absolute": func(s *specs.Spec) { s.Linux = &specs.Linux{MaskedPaths: []string{"x"}} },
		"linux.namespaces[1].type: pid is there twice": func(s *specs.Spec) {
			s.Linux = &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "pid"}, {Type: "pid"}}}
		},
		"process.rlimits[1].type: RLIMIT_CPU is there twi": func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: "RLIMIT_CPU"}}
		},
	} {
		_, err := Parse([]byte(with(t, change)))
		if err == nil || !strings.HasPrefix(err.Error(), "config.json: "+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// FuzzConfig loads bundles of a hostile author: every answer is a bundle whose
// numbers fit, or one line.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"ociVersion": 1}`))
	f.Add([]byte(`{"ociVersion": "1.0.2", "process": {"user": {"uid": -1}}}`))
	f.Add([]byte(with(f, func(s *specs.Spec) {
		umask := uint32(0o77)
		s.Process.User = specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}, Umask: &umask}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_X"}}
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}}
		s.Hostname, s.Annotations = "h", map[string]string{"a": "b"}
		s.Mounts = []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid"}},
			{Destination: "/b", Type: "bind", Source: "/", Options: []string{"rbind", "ro", "idmap"}},
		}
		s.Linux = &specs.Linux{
			Namespaces:  []specs.LinuxNamespace{{Type: specs.PIDNamespace, Path: "/proc/1/ns/pid"}},
			MaskedPaths: []string{"/proc/kcore"}, ReadonlyPaths: []string{"/proc/sys"},
			UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}},
		}
	})))
	dir := write(f, small)
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := Parse(data)
		if err == nil {
			b := &Bundle{Path: dir, Spec: spec}
			if err = b.convert(); err == nil {
				fits(t, b)
			}
			for _, w := range b.Warnings {
				if !strings.HasPrefix(w, "config.json: ") {
					t.Errorf("warning %q", w)
				}
			}
		}
		if err != nil && !strings.HasPrefix(err.Error(), "config.json: ") {
			t.Errorf("error %q does not say where", err)
		}
	})
}

// fits checks what package boot relies on.
func fits(t *testing.T, b *Bundle) {
	p := &b.Boot.Process
	if len(p.Args) == 0 || p.Args[0] == "" || !strings.HasPrefix(p.Cwd, "/") || bytes.ContainsRune([]byte(p.Cwd), 0) {
		t.Errorf("process %+v", p)
	}
	if c := p.Caps; c.Effective&^c.Permitted != 0 || c.Ambient&^(c.Permitted&c.Inheritable) != 0 {
		t.Errorf("capabilities %+v", c)
	}
	attached := 0
	for _, m := range b.Boot.Mounts {
		if !strings.HasPrefix(m.Destination, "/") || m.Destination == "/" {
			t.Errorf("mount on %q", m.Destination)
		}
		if m.Attach > 0 {
			attached++
			if m.Attach != attached || b.Trees[m.Attach].ReadOnly != slices.Contains(m.Options, "ro") {
				t.Errorf("mount %+v, trees %+v", m, b.Trees)
			}
		}
	}
	if attached != len(b.Trees)-1 {
		t.Errorf("%d trees, %d of them mounted", len(b.Trees), attached)
	}
}

func TestHooks(t *testing.T) {
	zero := 0
	for want, h := range map[string]*specs.Hooks{
		`hooks.poststop[0].path: "bin/x" is not an absolute path`: {Poststop: []specs.Hook{{Path: "bin/x"}}},
		`hooks.poststart[1].path: "" is not an absolute path`:     {Poststart: []specs.Hook{{Path: "/x"}, {}}},
		"hooks.createRuntime[0].timeout: 0 s":                     {CreateRuntime: []specs.Hook{{Path: "/x", Timeout: &zero}}},
		"hooks.startContainer[0].env[0]: contains a NUL":          {StartContainer: []specs.Hook{{Path: "/x", Env: []string{"\x00"}}}},
	} {
		if _, err := Parse([]byte(with(t, func(s *specs.Spec) { s.Hooks = h }))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	b, err := Load(write(t, with(t, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/x", Args: []string{"y"}}}}
	})), Options{})
	if err != nil || len(b.Boot.StartHooks) != 1 || b.Boot.StartHooks[0].Path != "/x" {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestCPUList(t *testing.T) {
	for list, want := range map[string]int{"0": 1, "0-3": 4, "0-1,1,5": 3, "7, 8": -1, "": -1, "3-1": -1, "x": -1, "-1": -1, "0-99999999": -1} {
		if n, ok := cpuList(list); ok != (want >= 0) || ok && len(n) != want {
			t.Errorf("%q: %d, %v", list, n, ok)
		}
	}
}
