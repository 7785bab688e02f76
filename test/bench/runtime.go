package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A runtime is one way to run a program; the empty command is the host itself.
type runtime struct {
	name    string
	command []string // with its global flags
	onlyRun bool     // it has no "do"
	got     samples
}

// do is the command that runs a program of this machine; nil if there is none.
func (r *runtime) do(args ...string) *exec.Cmd {
	if r.onlyRun {
		return nil
	}
	if len(r.command) > 0 {
		args = append(append(r.command[:len(r.command):len(r.command)], "do", "--"), args...)
	}
	return exec.Command(args[0], args[1:]...)
}

// run is the command that runs a bundle; nil on the host.
func (r *runtime) run(bundle, id string) *exec.Cmd {
	if len(r.command) == 0 {
		return nil
	}
	return r.verb("run", "--bundle", bundle, id)
}

// verb is a command of the runtime.
func (r *runtime) verb(args ...string) *exec.Cmd {
	return exec.Command(r.command[0], append(r.command[1:len(r.command):len(r.command)], args...)...)
}

// life times the verbs of a container that ends by itself, and those that are run in
// one that waits.
func (r *runtime) life(bundle, id string, starts int) error {
	for i := range starts {
		id := fmt.Sprint(id, "-", i)
		start := time.Now()
		for _, args := range [][]string{{"create", "--bundle", bundle, id}, {"start", id}, {"delete", "--force", id}} {
			if err := quiet(r.verb(args...)); err != nil {
				return err
			}
		}
		r.got.add("life", float64(time.Since(start)))
	}
	waits := r.verb("run", "--bundle", bundle+"-waits", id)
	in, err := waits.StdinPipe()
	if err != nil {
		return err
	}
	out, err := waits.StdoutPipe()
	if err != nil {
		return err
	}
	if err := waits.Start(); err != nil {
		return err
	}
	defer waits.Wait()
	defer in.Close()
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		return err
	}
	for range starts {
		if err := timed(r.verb("exec", id, "/measure", "exit"), "exec", r.got); err != nil {
			return err
		}
	}
	return nil
}

// quiet runs a command whose streams a container keeps.
func quiet(c *exec.Cmd) error {
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return nil
}

// output runs a command; an error has what it said.
func output(c *exec.Cmd) (string, error) {
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// build compiles the program that measures.
func build(source, dir string) (string, error) {
	program := filepath.Join(dir, "measure")
	_, err := output(exec.Command("gcc", "-O2", "-Wall", "-static", "-pthread", "-o", program, source))
	return program, err
}

// makeBundles writes a bundle that runs the program with the argument "exit", and beside
// it one, "-waits", with "idle".
func makeBundles(program, dir string) (string, error) {
	bundle := filepath.Join(dir, "bundle")
	if _, err := makeBundle(program, bundle+"-waits", "idle"); err != nil {
		return "", err
	}
	return makeBundle(program, bundle, "exit")
}

func makeBundle(program, bundle, arg string) (string, error) {
	root := filepath.Join(bundle, "rootfs")
	for _, d := range []string{"proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(root, "measure"), b, 0o755); err != nil {
		return "", err
	}
	spec := specs.Spec{
		Version:  "1.0.2",
		Hostname: "bench",
		Process:  &specs.Process{Args: []string{"/measure", arg}, Cwd: "/", Env: []string{"PATH=/"}, NoNewPrivileges: true},
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755"}},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
		}},
	}
	if b, err = json.MarshalIndent(spec, "", "\t"); err != nil {
		return "", err
	}
	return bundle, os.WriteFile(filepath.Join(bundle, "config.json"), b, 0o644)
}
