package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/oci/bundle"
	"glovebox/oci/container"
)

var execCommand = command{
	name: "exec", args: "ID PROGRAM [ARGS]",
	summary: "run a program in a running container",
	examples: []string{
		"runsc exec web ps aux",
		"runsc exec --tty --env TERM=$TERM web sh",
		"runsc exec --user 1000:1000 --cwd /tmp web id",
		"runsc exec --detach --process process.json --pid-file pid web",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		e := &execution{globals: g}
		e.flags(fs)
		return e.run
	},
}

// An execution is one use of exec.
type execution struct {
	*globals
	process, cwd, user      string
	env, caps, gids         listFlag
	tty, noNewPrivs, detach bool
	pidFile, insidePIDFile  string
	console                 string
	evenPaused              bool
	passing                 passing
}

// A listFlag may be given several times.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

func (l *listFlag) Set(v string) error {
	*l = append(*l, v)
	return nil
}

func (e *execution) flags(fs *flag.FlagSet) {
	fs.StringVar(&e.process, "process", "", "`file` with the process as JSON (OCI)")
	fs.StringVar(&e.process, "p", "", "")
	fs.StringVar(&e.cwd, "cwd", "", "working `directory`")
	fs.Var(&e.env, "env", "`NAME=VALUE` for its environment; may be given again")
	fs.Var(&e.env, "e", "")
	fs.StringVar(&e.user, "user", "", "`uid[:gid]` that it runs as")
	fs.StringVar(&e.user, "u", "", "")
	fs.Var(&e.gids, "additional-gids", "a further `gid`; may be given again")
	fs.Var(&e.gids, "g", "")
	fs.Var(&e.caps, "cap", "a further `capability`; may be given again")
	fs.Var(&e.caps, "c", "")
	fs.BoolVar(&e.tty, "tty", false, "give it a terminal")
	fs.BoolVar(&e.tty, "t", false, "")
	fs.BoolVar(&e.noNewPrivs, "no-new-privs", false, "let it gain no privileges")
	fs.BoolVar(&e.detach, "detach", false, "do not wait for its end")
	fs.BoolVar(&e.detach, "d", false, "")
	fs.StringVar(&e.pidFile, "pid-file", "", "`file` to write the id to of a process of the host that ends when it does")
	fs.StringVar(&e.insidePIDFile, "internal-pid-file", "", "`file` to write its process id inside to")
	fs.StringVar(&e.console, "console-socket", "", "unix `socket` that gets the terminal's master side")
	e.passing.flags(fs)
	for _, name := range []string{"apparmor", "process-label", "cgroup"} {
		fs.Var(&ignored{name: name, kind: valueFlag, g: e.globals}, name, "")
	}
	fs.BoolVar(&e.evenPaused, "ignore-paused", false, "start it in a paused container, too")
}

func (e *execution) run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("exec: in which container?")
	}
	if err := e.passing.find(); err != nil {
		return 0, err
	}
	c, err := container.Open(e.root, args[0])
	if err != nil {
		return 0, err
	}
	switch now := c.Now(); {
	case now == statePaused && !e.evenPaused:
		return 0, fmt.Errorf("cannot exec in container %q: it is paused (--ignore-paused runs it once it is not)", c.ID)
	case now != specs.StateRunning && now != statePaused:
		return 0, fmt.Errorf("cannot exec in container %q: container not running: it is %s%s", c.ID, now, lastWords(c))
	}
	p, err := e.wanted(c, args[1:])
	if err != nil {
		return 0, err
	}
	bp, warnings, err := bundle.Process(p)
	if err != nil {
		return 0, fmt.Errorf("exec: %w", err)
	}
	for _, w := range warnings {
		e.log.warnf("exec: %s", w)
	}
	raw, err := json.Marshal(&bp)
	if err != nil {
		return 0, err
	}
	w := &waited{globals: e.globals, Dir: c.SocketDir(), Container: c.NameInside(), Program: p.Args[0], Passed: e.passing.list,
		Args: control.ExecArgs{Process: raw, Terminal: p.Terminal, Passed: e.passing.guests()}}
	t, err := e.terminal(p)
	if err != nil {
		return 0, err
	}
	fds := stdio()
	if t != nil {
		defer t.close()
		fds = [3]int{t.slave, t.slave, t.slave}
	}
	if e.detach {
		return 0, e.startDetached(w, fds, t)
	}
	return w.follow(fds, func(r control.ExecResult) error {
		return errors.Join(e.writePIDs(unix.Getpid(), r.PID), t.send(e.console))
	})
}

// wanted is the process that flags or a file ask for.
func (e *execution) wanted(c *container.Container, args []string) (*specs.Process, error) {
	if e.process != "" {
		p, err := bundle.ParseProcess(e.process)
		if err != nil {
			return nil, fmt.Errorf("--process: %w", err)
		}
		if c.Process != nil && p.ExecCPUAffinity == nil {
			p.ExecCPUAffinity = c.Process.ExecCPUAffinity
		}
		return p, nil
	}
	if len(args) == 0 {
		return nil, errors.New("exec: which program?")
	}
	if c.Process == nil {
		return nil, fmt.Errorf("container %q: its state says nothing of its process; use --process", c.ID)
	}
	p := *c.Process
	p.Args, p.Terminal = args, e.tty
	p.NoNewPrivileges = p.NoNewPrivileges || e.noNewPrivs
	p.Env = append(slices.Clone(p.Env), e.env...)
	if e.cwd != "" {
		p.Cwd = e.cwd
	}
	if err := e.setUser(&p.User); err != nil {
		return nil, err
	}
	if len(e.caps) > 0 {
		p.Capabilities = addCaps(p.Capabilities, e.caps)
	}
	return &p, nil
}

func (e *execution) setUser(u *specs.User) error {
	if e.user != "" {
		uid, gid, both := strings.Cut(e.user, ":")
		n, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return fmt.Errorf("--user=%s: want uid[:gid], numbers", e.user)
		}
		u.UID = uint32(n)
		if both {
			if n, err = strconv.ParseUint(gid, 10, 32); err != nil {
				return fmt.Errorf("--user=%s: want uid[:gid], numbers", e.user)
			}
			u.GID = uint32(n)
		}
	}
	u.AdditionalGids = slices.Clone(u.AdditionalGids)
	for _, g := range e.gids {
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return fmt.Errorf("--additional-gids=%s: want a number", g)
		}
		u.AdditionalGids = append(u.AdditionalGids, uint32(n))
	}
	return nil
}

// addCaps adds capabilities to all sets but the inheritable ones, as runc does.
func addCaps(c *specs.LinuxCapabilities, names []string) *specs.LinuxCapabilities {
	out := new(specs.LinuxCapabilities)
	if c != nil {
		*out = *c
	}
	for i, n := range names {
		names[i] = strings.ToUpper(n)
		if !strings.HasPrefix(names[i], "CAP_") {
			names[i] = "CAP_" + names[i]
		}
	}
	for _, set := range []*[]string{&out.Bounding, &out.Effective, &out.Permitted} {
		*set = append(slices.Clone(*set), names...)
	}
	return out
}

// terminal is the pair that the process gets; nil if it has runsc's streams.
func (e *execution) terminal(p *specs.Process) (*terminal, error) {
	switch {
	case !p.Terminal && e.console != "":
		return nil, errors.New("--console-socket needs a process with a terminal")
	case !p.Terminal:
		return nil, nil
	case e.console == "" && e.detach:
		return nil, errors.New("a process with a terminal that nobody waits for needs --console-socket")
	case e.console == "" && !isTerminal(0):
		return nil, errors.New("--tty: standard input is no terminal, and there is no --console-socket")
	case e.console == "":
		return nil, nil
	}
	return sizedTerminal(p)
}

// writePIDs writes the files that name the process.
func (e *execution) writePIDs(host int, inside int32) error {
	for _, f := range []struct {
		flag, name string
		pid        int
	}{{"--pid-file", e.pidFile, host}, {"--internal-pid-file", e.insidePIDFile, int(inside)}} {
		if f.name == "" {
			continue
		}
		if err := container.ReplaceFile(f.name, []byte(strconv.Itoa(f.pid)), 0o644); err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}
