// Package hooks runs the programs that a bundle names for points of a
// container's life, on the host (runtime-spec, config.md, "POSIX-platform
// Hooks").
package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// maxOutput is how much of what a hook says is kept for its error.
const maxOutput = 1 << 10

// grace is how long a hook's children may keep its streams open after it has
// ended.
const grace = 100 * time.Millisecond

// Run runs hooks one after another with st on their standard input, and stops
// at the first that fails. name is their field, for the error.
func Run(name string, hooks []specs.Hook, st *specs.State) error {
	return each(name, hooks, st, func(error) bool { return false })
}

// RunAll goes on after a hook that fails.
func RunAll(name string, hooks []specs.Hook, st *specs.State) error {
	var all []error
	err := each(name, hooks, st, func(err error) bool {
		all = append(all, err)
		return true
	})
	return errors.Join(append(all, err)...)
}

// each runs hooks until one fails and goOn does not want to go on.
func each(name string, hooks []specs.Hook, st *specs.State, goOn func(error) bool) error {
	if len(hooks) == 0 {
		return nil
	}
	state, err := json.Marshal(st)
	if err != nil {
		return err
	}
	for i := range hooks {
		err := run(&hooks[i], state, st.Bundle)
		if err == nil {
			continue
		}
		err = fmt.Errorf("hooks.%s[%d]: %s: %w", name, i, hooks[i].Path, err)
		if !goOn(err) {
			return err
		}
	}
	return nil
}

func run(h *specs.Hook, state []byte, dir string) error {
	ctx := context.Background()
	if h.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*h.Timeout)*time.Second)
		defer cancel()
	}
	var out tail
	cmd := exec.CommandContext(ctx, h.Path)
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(state), &out, &out
	cmd.Env = append([]string{}, h.Env...) // nil would be ours
	// With what it started, it has its own group to be killed as.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("still ran after %d s", *h.Timeout)
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.Is(err, unix.EPIPE):
		// It ended well without having read its input.
		return nil
	}
	if said := strings.Join(strings.Fields(string(out.b)), " "); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// A tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-maxOutput):]
	return len(b), nil
}
