package e2e

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDocker runs the same session of docker by runc and by runsc, with daemons of
// its own, and compares what it prints.
func TestDocker(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for a Docker daemon")
	}
	for _, name := range []string{"dockerd", "containerd", "docker", "runc", "script"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("host feature missing: %s (apt-get install docker.io)", name)
		}
	}
	d := startDocker(t, "")
	if out, err := d.client("docker", "run", "--rm", "--runtime", "runc", "--network", "none", "bb", "true").CombinedOutput(); err != nil {
		t.Skipf("host feature missing: containers by runc: %v: %s", err, out)
	}
	d.compare(t, "docker.sh")
	d.filtered(t)
	if left := running(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestDockerNetworks: bridges, published ports, names, others' networks, by runc and by
// runsc. The daemons are in a network namespace of their own.
func TestDockerNetworks(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("host feature missing: root, for a Docker daemon")
	}
	for _, name := range []string{"dockerd", "containerd", "docker", "runc", "ip", "nsenter", "iptables"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("host feature missing: %s", name)
		}
	}
	d := startDocker(t, newNetns(t, "docker"))
	if out, err := d.client("docker", "run", "--rm", "--runtime", "runc", "bb", "true").CombinedOutput(); err != nil {
		t.Skipf("host feature missing: containers by runc on a bridge: %v: %s", err, out)
	}
	d.compare(t, "docker-net.sh")
	d.onHost(t)
	if left := running(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// compare runs a session by runc and by runsc, and compares what it prints.
func (d *docker) compare(t *testing.T, script string) {
	t.Helper()
	outputs := map[string]string{}
	for _, runtime := range []string{"runc", "runsc"} {
		cmd := d.client("sh", testdata(t, script), runtime)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", runtime, err, errs.String())
		}
		outputs[runtime] = string(out)
		t.Logf("%s says on standard error: %s", runtime, errs.String())
	}
	want, got := strings.Split(outputs["runc"], "\n"), strings.Split(outputs["runsc"], "\n")
	section := ""
	for i := range max(len(want), len(got)) {
		if i < len(want) && strings.HasPrefix(want[i], "== ") {
			section = want[i]
		}
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Errorf("line %d, %s: they differ\nrunc:\n%s\nrunsc:\n%s", i+1, section, outputs["runc"], outputs["runsc"])
			break
		}
	}
}

// filtered compares what docker's own seccomp profile does by runc and by runsc.
func (d *docker) filtered(t *testing.T) {
	t.Helper()
	const script = "grep Seccomp /proc/self/status; mkdir /tmp/d && echo made; hostname other; echo $?; unshare -u true; echo $?; chroot / true; echo $?"
	var want string
	for _, runtime := range []string{"runc", "filtered"} {
		out, err := d.client("docker", "run", "--rm", "--runtime", runtime, "--network", "none", "--cap-add", "SYS_CHROOT", "bb", "sh", "-c", "exec 2>&1; "+script).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", runtime, err, out)
		}
		if runtime == "runc" {
			want = string(out)
		} else if string(out) != want {
			t.Errorf("with docker's profile, by runc:\n%s\nby runsc:\n%s", want, out)
		}
	}
}

// onHost is --network host, which wants the flag --network=host: without it there is
// loopback alone.
func (d *docker) onHost(t *testing.T) {
	t.Helper()
	outputs := map[string]string{}
	for _, runtime := range []string{"runc", "onhost", "runsc"} {
		out, err := d.client("docker", "run", "--rm", "--network", "host", "--runtime", runtime, "bb", "sh", "-c",
			"ip -o addr | cut -d ' ' -f 2,7; ip route; echo through | nc -l -p 7301 & sleep 1; nc 127.0.0.1 7301").CombinedOutput()
		if err != nil {
			t.Errorf("--network host by %s: %v: %s", runtime, err, out)
		}
		outputs[runtime] = string(out)
	}
	if outputs["onhost"] != outputs["runc"] || !strings.Contains(outputs["runc"], "docker0") || !strings.Contains(outputs["runc"], "through") {
		t.Errorf("--network host by runc:\n%s\nby runsc --network=host:\n%s", outputs["runc"], outputs["onhost"])
	}
	if strings.Contains(outputs["runsc"], "docker0") || !strings.Contains(outputs["runsc"], "127.0.0.1/8") {
		t.Errorf("--network host by runsc:\n%s", outputs["runsc"])
	}
	// The host's clients reach it.
	if out, err := d.client("docker", "run", "--rm", "-d", "--name", "served", "--network", "host", "--runtime", "onhost", "bb", "sh", "-c", "echo served | nc -l -p 7302").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, "the container answers on the host", func() bool {
		out, _ := d.command("busybox", "nc", "127.0.0.1", "7302").Output()
		return string(out) == "served\n"
	})
	eventually(t, "it is gone", func() bool { return d.client("docker", "inspect", "served").Run() != nil })
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A docker is a Docker daemon, its containerd, and where they keep things.
type docker struct {
	dir string
	// net is the network namespace that they are in; "" for the test's.
	net string
}

// startDocker starts daemons that share nothing with the machine's own. They have a bridge
// if there is a network namespace for them.
func startDocker(t *testing.T, netns string) *docker {
	t.Helper()
	// A short path, as sun_path is short.
	dir, err := os.MkdirTemp("", "gbdk")
	if err != nil {
		t.Fatal(err)
	}
	d := &docker{dir, netns}
	at := func(name string) string { return filepath.Join(dir, name) }
	t.Cleanup(func() {
		d.unmount()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n"+
		"[plugins.\"io.containerd.internal.v1.opt\"]\n  path = %q\n", at("ctr/root"), at("ctr/state"), at("containerd.sock"), at("ctr/opt"))
	network := "--bridge="
	if netns == "" {
		network = "--bridge=none"
	}
	daemon, err := json.Marshal(map[string]any{"runtimes": map[string]any{"runsc": map[string]any{"path": runsc}, "filtered": map[string]any{"path": runsc, "runtimeArgs": []string{"--oci-seccomp"}},
		"onhost": map[string]any{"path": runsc, "runtimeArgs": []string{"--network=host"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config.toml": config, "daemon.json": string(daemon)} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.daemon(t, at("containerd.log"), at("containerd.sock"), "containerd", "-c", at("config.toml"))
	d.daemon(t, at("dockerd.log"), at("docker.sock"), "dockerd", "--config-file", at("daemon.json"), "--data-root", at("data"),
		"--exec-root", at("exec"), "-H", "unix://"+at("docker.sock"), "-p", at("docker.pid"), "--containerd", at("containerd.sock"), network)
	eventually(t, "the Docker daemon answers", func() bool { return d.client("docker", "version").Run() == nil })
	busybox(t, at("rootfs"))
	d.load(t, at("rootfs"))
	return d
}

// daemon starts one, and ends it with the test.
func (d *docker) daemon(t *testing.T, log, socket string, args ...string) {
	t.Helper()
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(log)
			t.Logf("%s: %s", args[0], b[max(0, len(b)-4000):])
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	eventually(t, args[0]+" listens", func() bool {
		select {
		case <-ended:
			b, _ := os.ReadFile(log)
			t.Skipf("host feature missing: %s ended: %s", args[0], b)
		default:
		}
		_, err := os.Stat(socket)
		return err == nil
	})
}

func (d *docker) command(args ...string) *exec.Cmd {
	if d.net != "" {
		args = append([]string{"nsenter", "--net=/run/netns/" + d.net}, args...)
	}
	return exec.Command(args[0], args[1:]...)
}

// client is a command that talks to the daemon.
func (d *docker) client(args ...string) *exec.Cmd {
	cmd := d.command(args...)
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+filepath.Join(d.dir, "docker.sock"), "DOCKER_CONFIG="+d.dir, "DOCKER_BUILDKIT=0")
	return cmd
}

// load makes a directory the image bb.
func (d *docker) load(t *testing.T, root string) {
	t.Helper()
	cmd := d.client("docker", "import", "-", "bb")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(in)
	err = w.AddFS(os.DirFS(root))
	if err == nil {
		err = w.Close()
	}
	in.Close()
	if werr := cmd.Wait(); err != nil || werr != nil {
		t.Fatal(err, werr)
	}
}

// unmount takes away what daemons that were killed left mounted.
func (d *docker) unmount() {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], d.dir+"/") {
			_ = syscall.Unmount(f[4], syscall.MNT_DETACH)
		}
	}
}
