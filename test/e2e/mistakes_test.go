package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// put sets the value at a dotted path of a JSON object, such as mounts.0.type, to raw
// JSON.
func put(in any, path string, raw string) any {
	key, rest, more := strings.Cut(path, ".")
	var v any
	if !more {
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			panic(raw)
		}
	}
	switch in := in.(type) {
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil {
			panic(err)
		}
		if more {
			v = put(in[i], rest, raw)
		}
		in[i] = v
		return in
	case nil:
		return put(map[string]any{}, path, raw)
	default:
		m := in.(map[string]any)
		if more {
			v = put(m[key], rest, raw)
		}
		m[key] = v
		return m
	}
}

// TestMistakes: values that a config.json may not have. Each is named.
func TestMistakes(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "true")
	name := filepath.Join(dir, "config.json")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	long := strconv.Quote(strings.Repeat("x", 65))
	for i, c := range []struct{ path, value, says string }{
		{"ociVersion", `1`, "want a string, not a JSON number"},
		{"ociVersion", `"1.0"`, `ociVersion: "1.0" is not supported`},
		{"ociVersion", `"v1.0.2"`, `ociVersion: "v1.0.2" is not supported`},
		{"hostname", `7`, "hostname"},
		{"hostname", `"a\u0000b"`, "hostname: contains a NUL"},
		{"hostname", long, "hostname: longer than 64 bytes"},
		{"domainname", long, "domainname: longer than 64 bytes"},
		{"root", `"rootfs"`, "root"},
		{"root.path", `""`, "root.path: must not be empty"},
		{"root.path", `"a\u0000"`, "root.path: contains a NUL"},
		{"root.path", `"rootfs/bin/sh/x"`, "root.path"},
		{"root.readonly", `"yes"`, "root.readonly"},
		{"process.args", `[]`, "process.args: must not be empty"},
		{"process.args", `[""]`, "process.args[0]: must not be empty"},
		{"process.args", `["a\u0000"]`, "process.args[0]: contains a NUL"},
		{"process.args", `{"0": "sh"}`, "process.args"},
		{"process.args", `[1]`, "process.args"},
		{"process.env", `"PATH=/bin"`, "process.env"},
		{"process.env", `["A\u0000=1"]`, "process.env[0]: contains a NUL"},
		{"process.cwd", `""`, "process.cwd: must not be empty"},
		{"process.cwd", `"./tmp"`, `process.cwd: "./tmp" is not an absolute path`},
		{"process.cwd", `"/a\u0000"`, "process.cwd: contains a NUL"},
		{"process.cwd", `"/bin/sh"`, "working directory /bin/sh"},
		{"process.terminal", `"no"`, "process.terminal"},
		{"process.consoleSize", `{"height": 70000, "width": 80}`, "process.consoleSize: 80x70000 is too large"},
		{"process.consoleSize", `{"height": -1, "width": 80}`, "process.consoleSize.height"},
		{"process.user.uid", `-1`, "process.user.uid"},
		{"process.user.uid", `4294967295`, "process.user.uid: 4294967295 is not a user"},
		{"process.user.uid", `4294967296`, "process.user.uid"},
		{"process.user.uid", `"root"`, "process.user.uid"},
		{"process.user.gid", `4294967295`, "process.user.gid: 4294967295 is not a group"},
		{"process.user.umask", `512`, "process.user.umask: 512 is more than 0777"},
		{"process.user.additionalGids", `[1, 4294967295]`, "process.user.additionalGids[1]: 4294967295 is not a group"},
		{"process.user.additionalGids", `["adm"]`, "process.user.additionalGids"},
		{"process.capabilities", `["CAP_KILL"]`, "process.capabilities"},
		{"process.capabilities.bounding", `"CAP_KILL"`, "process.capabilities.bounding"},
		{"process.rlimits", `[{"type": "NOFILE", "soft": 1, "hard": 1}]`, `process.rlimits[0].type: "NOFILE" is unknown`},
		{"process.rlimits", `[{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]`, "process.rlimits[0].soft: 2 is more than hard, 1"},
		{"process.rlimits", `[{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]`, "process.rlimits[1].type: RLIMIT_CPU is there twice"},
		{"process.rlimits", `[{"type": "RLIMIT_CPU", "soft": -1, "hard": 1}]`, "process.rlimits"},
		{"process.oomScoreAdj", `1001`, "process.oomScoreAdj: 1001 is not within"},
		{"process.oomScoreAdj", `"high"`, "process.oomScoreAdj"},
		{"mounts", `{}`, "mounts"},
		{"mounts.0.destination", `""`, "mounts[0].destination: must not be empty"},
		{"mounts.0.destination", `"/.."`, "mounts[0].destination: nothing can be mounted on /"},
		{"mounts.0.destination", `"/a\u0000b"`, "mounts[0].destination: contains a NUL"},
		{"mounts.0.type", `""`, `mounts[0].type: "" is not supported`},
		{"mounts.0.type", `"nfs"`, `mounts[0].type: "nfs" is not supported`},
		{"mounts.0.options", `"ro"`, "mounts.options"},
		{"mounts.0.options", `["idmap"]`, "mounts[0].options[0]: idmap is not implemented"},
		{"mounts.0", `{"destination": "/x", "type": "bind", "source": ""}`, "mounts[0].source: must not be empty"},
		{"mounts.0", `{"destination": "/x", "type": "bind", "source": "/nowhere/at/all", "options": ["rbind"]}`, "mounts[0].source: /nowhere/at/all: no such file or directory"},
		{"mounts.0", `{"destination": "/x", "source": "nowhere", "options": ["bind"]}`, "nowhere: no such file or directory"},
		{"mounts.0", `{"destination": "/x", "type": "tmpfs", "options": ["mode=worldly"]}`, "option mode=worldly"},
		{"mounts.0", `{"destination": "/x", "type": "tmpfs", "options": ["uid=-1"]}`, "option uid=-1"},
		{"mounts.0", `{"destination": "/x", "type": "tmpfs", "options": ["size=99999999999999999999"]}`, "option size=9999999999999999999"},
		{"mounts.0", `{"destination": "/x", "type": "devpts", "options": ["gid=tty"]}`, "option gid=tty"},
		{"mounts.0", `{"destination": "/loop/x", "type": "tmpfs"}`, "runsc: mount tmpfs on /loop/x: mount point: too many levels of symbolic links"},
		{"mounts.0", `{"destination": "/bin/busybox/x", "type": "tmpfs"}`, "runsc: mount tmpfs on /bin/busybox/x: mount point: not a directory"},
		{"mounts.0", `{"destination": "/x", "type": "tmpfs", "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}`, "mounts[0].uidMappings: not implemented"},
		{"linux", `[]`, "linux"},
		{"linux.namespaces", `[{"type": "pid"}, {"type": "pid"}]`, "linux.namespaces[1].type: pid is there twice"},
		{"linux.namespaces", `[{"type": "PID"}]`, `linux.namespaces[0].type: "PID" is unknown`},
		{"linux.namespaces", `[{"type": "net", "path": "/x"}]`, `linux.namespaces[0].type: "net" is unknown`},
		{"linux.namespaces", `[{"type": "network", "path": "x"}]`, `linux.namespaces[0].path: "x" is not an absolute path`},
		{"linux.namespaces", `[{"type": "user", "path": "/proc/1/ns/user"}]`, "linux.namespaces: joining a user namespace is not implemented"},
		{"linux.uidMappings", `[{"containerID": 0, "hostID": 1000, "size": 1}]`, "linux.gidMappings: id 0 is not mapped"},
		{"linux.gidMappings", `[{"containerID": 0, "hostID": 1000, "size": 1}]`, "linux.uidMappings: id 0 is not mapped"},
		{"linux.uidMappings", `[{"containerID": 0, "hostID": 1000, "size": 0}]`, "linux.uidMappings[0]: 0 ids from 0 on"},
		{"linux.uidMappings", `[{"containerID": 0, "hostID": 1000, "size": 5}, {"containerID": 4, "hostID": 9000, "size": 5}]`, "linux.uidMappings[1]: overlaps another range"},
		{"linux.maskedPaths", `["proc/kcore"]`, `linux.maskedPaths[0]: "proc/kcore" is not an absolute path`},
		{"linux.readonlyPaths", `["proc"]`, `linux.readonlyPaths[0]: "proc" is not an absolute path`},
		{"linux.maskedPaths", `"/proc/kcore"`, "linux.maskedPaths"},
		{"linux.devices", `[{"path": "dev/null", "type": "c", "major": 1, "minor": 3}]`, `linux.devices[0].path: "dev/null" is not an absolute path below /`},
		{"linux.devices", `[{"path": "/dev/null", "type": "x", "major": 1, "minor": 3}]`, `linux.devices[0].type: "x" is none of c, b, u and p`},
		{"linux.devices", `[{"path": "/bin/sh/null", "type": "c", "major": 1, "minor": 3}]`, "device /bin/sh/null: "},
		{"linux.resources", `{"memory": {"limit": "1G"}}`, "linux.resources.memory.limit"},
		{"linux.resources", `{"cpu": {"cpus": "0-"}}`, `linux.resources.cpu.cpus: "0-" is no list`},
		{"linux.resources", `{"pids": {"limit": 1.5}}`, "linux.resources.pids.limit"},
		{"hooks", `{"prestart": [{"path": "bin/x"}]}`, "hooks.prestart[0].path"},
		{"hooks", `{"prestart": [{"path": "/no/such/hook"}]}`, "/no/such/hook: no such file or directory"},
		{"hooks", `{"createRuntime": [{"path": "/bin/false"}]}`, "createRuntime"},
		{"hooks", `{"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}`, "createRuntime"},
		{"hooks", `{"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "echo no luck >&2; exit 3"]}]}`, "no luck"},
		{"hooks", `{"startContainer": [{"path": "/no/such"}]}`, "/no/such"},
		{"hooks", `{"poststop": [{"path": "/bin/true", "timeout": -1}]}`, "hooks.poststop[0].timeout"},
		{"windows", `{}`, "windows: this is Linux"},
		{"vm", `{}`, "vm: there is no virtual machine"},
	} {
		var config any
		if err := json.Unmarshal(good, &config); err != nil {
			t.Fatal(err)
		}
		bad, err := json.MarshalIndent(put(config, c.path, c.value), "", "  ")
		if err == nil {
			err = os.WriteFile(name, bad, 0o644)
		}
		if err == nil && i == 0 {
			err = os.Symlink("loop", filepath.Join(dir, "rootfs/loop"))
		}
		if err != nil {
			t.Fatal(err)
		}
		out, errs, status := h.runsc("run", "--bundle", dir, h.id())
		if status != 128 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s = %s: status %d, output %.99q, errors %.300q; want 128 and one line with %q", c.path, c.value, status, out, errs, c.says)
		}
	}
	h.nothingLeft()
}

// TestWrongLines: command lines that mean nothing.
func TestWrongLines(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "true")
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ line, says string }{
		{"flyaway", `unknown command "flyaway"`},
		{"stat x", `unknown command "stat"; did you mean`},
		{"--no-such-flag list", "--no-such-flag"},
		{"--debg list", "did you mean --debug?"},
		{"run", "want one container id"},
		{"run a b", "want one container id"},
		{"run --bundle", "bundle"},
		{"run --bundle /nowhere x", "/nowhere/config.json: no such file or directory"},
		{"run --bundle BUNDLE --frob x", "frob"},
		{"run --bundle BUNDLE ../x", `container id "../x"`},
		{"run --bundle BUNDLE .", `container id "."`},
		{"run --bundle BUNDLE a/b", `container id "a/b"`},
		{"run --bundle BUNDLE " + long, "container id is longer than 255 bytes"},
		{"run --bundle BUNDLE --preserve-fds 1 x", "--preserve-fds"},
		{"run --bundle BUNDLE --console-socket /nowhere/s x", "console"},
		{"run --bundle BUNDLE --pid-file /nowhere/pid x", "--pid-file: "},
		{"--log /proc/nowhere/log run --bundle BUNDLE x", "--log: "},
		{"--log-format xml list", "xml"},
		{"--platform moon run --bundle BUNDLE x", "moon"},
		{"--network mesh run --bundle BUNDLE x", "mesh"},
		{"--network host --pcap-log /tmp/x do true", "--pcap-log"},
		{"--root /proc/nowhere run --bundle BUNDLE x", "/proc/nowhere"},
		{"create", "want one container id"},
		{"start x", `container "x" does not exist`},
		{"state x", `container "x" does not exist`},
		{"delete x", `container "x" does not exist`},
		{"kill x", `container "x" does not exist`},
		{"kill x FROB", `unknown signal "FROB"`},
		{"kill x 65", "signal 65 does not exist"},
		{"kill", "want a container id"},
		{"exec x true", `container "x" does not exist`},
		{"exec", "in which container"},
		{"ps x", `container "x" does not exist`},
		{"pause x", `container "x" does not exist`},
		{"resume x", `container "x" does not exist`},
		{"events x", `container "x" does not exist`},
		{"wait x", `container "x" does not exist`},
		{"update x", `container "x" does not exist`},
		{"debug --stacks x", `container "x" does not exist`},
		{"spec --bundle /nowhere", "/nowhere"},
		{"checkpoint x", "checkpoint: not implemented"},
		{"list --format yaml", "yaml"},
		{"list extra", "extra"},
		{"features extra", "extra"},
		{"do", "which program"},
		{"do --rootfs /nowhere true", "--rootfs: stat /nowhere: no such file or directory"},
		{"do --rootfs /etc/passwd true", "--rootfs: /etc/passwd is not a directory"},
		{"do --volume x true", "want SOURCE:DESTINATION"},
		{"do --volume /etc:x true", "want SOURCE:DESTINATION"},
		{"do --volume /etc:/x:maybe true", `"maybe" is neither ro nor rw`},
		{"do --volume /nowhere:/x true", "/nowhere: no such file or directory"},
		{"do --volume /etc/passwd:/x true", "of a file, want :ro or :rw"},
		{"do --env =1 true", "want NAME=VALUE or NAME"},
		{"do --workdir nowhere true", "working directory nowhere"},
	} {
		args := strings.Fields(strings.ReplaceAll(c.line, "BUNDLE", dir))
		out, errs, status := h.runsc(args...)
		if status != 128 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%.60s: status %d, output %.99q, errors %.300q; want 128 and one line with %q", c.line, status, out, errs, c.says)
		}
	}
	h.nothingLeft()
	if err := os.Mkdir(h.root, 0o755); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	// What lies in the state directory is not the caller's fault.
	for name, content := range map[string]string{"empty": "", "junk": "junk", "old": `{"version": 0, "id": "old"}`, "other": `{"version": 1, "id": "x"}`, "list": "[]"} {
		if err := os.Mkdir(filepath.Join(h.root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.root, name, "state.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"state", "start", "kill", "ps"} {
			h.fails(fmt.Sprintf("container %q is broken: state.json: ", name), verb, name)
		}
	}
	if err := os.WriteFile(filepath.Join(h.root, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := h.runsc("list", "--quiet"); status != 0 || out != "" || !strings.Contains(errs, "broken") {
		t.Errorf("list: status %d, %q, %q", status, out, errs)
	}
	for _, name := range []string{"empty", "junk", "old", "other", "list"} {
		h.must("delete", "--force", name)
	}
	if err := os.Remove(filepath.Join(h.root, "file")); err != nil {
		t.Error(err)
	}
	h.nothingLeft()
}
