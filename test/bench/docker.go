package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// docker times `docker run` by every runtime that can run bundles, by turns, with a
// daemon of its own.
func (b *bench) docker(runtimes []*runtime, bundle string) (err error) {
	dir, err := os.MkdirTemp("", "gbdk") // short, as sun_path is
	if err != nil {
		return err
	}
	defer remove(dir)
	socket := filepath.Join(dir, "s")
	type entry struct {
		Path string   `json:"path"`
		Args []string `json:"runtimeArgs"`
	}
	named := map[string]entry{}
	for _, r := range runtimes {
		if len(r.command) > 0 {
			named["bench-"+r.name] = entry{r.command[0], r.command[1:]}
		}
	}
	config, err := json.Marshal(map[string]any{"runtimes": named})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), config, 0o600); err != nil {
		return err
	}
	said, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer said.Close()
	daemon := exec.Command("dockerd", "--config-file", filepath.Join(dir, "daemon.json"), "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "-H", "unix://"+socket, "-p", filepath.Join(dir, "pid"), "--bridge", "none", "--iptables=false")
	daemon.Stdout, daemon.Stderr = said, said
	if err := daemon.Start(); err != nil {
		return err
	}
	defer func() {
		_ = daemon.Process.Signal(unix.SIGTERM)
		if e := daemon.Wait(); err == nil && e != nil {
			err = fmt.Errorf("dockerd: %w", e)
		}
	}()
	client := func(args ...string) *exec.Cmd {
		return exec.Command("docker", append([]string{"-H", "unix://" + socket}, args...)...)
	}
	for end := time.Now().Add(30 * time.Second); client("version").Run() != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			log, _ := os.ReadFile(said.Name())
			return errors.New("dockerd does not answer: " + string(log))
		}
	}
	root := filepath.Join(bundle, "rootfs")
	load := exec.Command("sh", "-c", fmt.Sprintf("tar -C '%s' -c . | docker -H 'unix://%s' import - bench", root, socket))
	if _, err := output(load); err != nil {
		return err
	}
	for i := range b.runs * 2 {
		for _, r := range runtimes {
			if len(r.command) == 0 {
				continue
			}
			fmt.Fprintf(b.log, "docker run %d of %d: %s\n", i+1, b.runs*2, r.name)
			c := client("run", "--rm", "--network", "none", "--runtime", "bench-"+r.name, "bench", "/measure", "exit")
			if err := timed(c, "docker", r.got); err != nil {
				return fmt.Errorf("%s: %w", strings.Join(r.command, " "), err)
			}
		}
	}
	return nil
}
