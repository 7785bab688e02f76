package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

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
	args := append(r.command[1:len(r.command):len(r.command)], "run", "--bundle", bundle, id)
	return exec.Command(r.command[0], args...)
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

// makeBundle writes a bundle that runs the program with the argument "exit".
func makeBundle(program, dir string) (string, error) {
	bundle := filepath.Join(dir, "bundle")
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
		Process:  &specs.Process{Args: []string{"/measure", "exit"}, Cwd: "/", Env: []string{"PATH=/"}, NoNewPrivileges: true},
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
