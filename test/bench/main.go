// Command bench measures what a sandbox costs: one C program and a few starts,
// on the host, in this tree's runsc and in other runtimes, by turns, since
// machines are noisy; medians are shown.
//
//	go run ./test/bench [--peer PATH] [--docker] [--net] [--runs N] [--json]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	b := bench{log: os.Stderr}
	flag.StringVar(&b.runsc, "runsc", "bin/runsc", "this tree's runsc, at `path`")
	flag.StringVar(&b.source, "source", "test/bench/testdata/measure.c", "`path` of the program that measures")
	flag.StringVar(&b.peer, "peer", "", "another runsc, at `path`, to compare with")
	flag.StringVar(&b.peerArgs, "peer-args", "-ignore-cgroups -network=none", "global `flags` of the peer")
	flag.IntVar(&b.runs, "runs", 5, "how `often` to measure everything")
	flag.BoolVar(&b.quick, "quick", false, "few operations: whether it works, not how fast")
	flag.StringVar(&b.others, "others", "runc crun", "`names` of runtimes that only run bundles, where installed; flags follow a comma")
	flag.BoolVar(&b.withDocker, "docker", false, "docker run as well, with a daemon of its own")
	flag.BoolVar(&b.withNetwork, "net", false, "TCP over a veth pair as well, as root")
	asJSON := flag.Bool("json", false, "print every sample as JSON")
	flag.Parse()
	r, err := b.run()
	if err == nil {
		if *asJSON {
			err = json.NewEncoder(os.Stdout).Encode(r)
		} else {
			r.table(os.Stdout)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what to measure.
type bench struct {
	runsc, source, peer, peerArgs, others string

	runs  int
	quick bool
	// These say that docker run and TCP to another namespace are measured, too.
	withDocker, withNetwork bool
	log                     io.Writer // progress
}

// run measures every runtime once, then again, until there were enough runs.
func (b *bench) run() (*result, error) {
	if err := adopt(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "glovebox-bench-")
	if err != nil {
		return nil, err
	}
	defer remove(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	program, err := build(b.source, dir)
	if err != nil {
		return nil, err
	}
	bundle, err := makeBundles(program, dir)
	if err != nil {
		return nil, err
	}
	runtimes, err := b.runtimes(dir)
	if err != nil {
		return nil, err
	}
	runtimes = slices.DeleteFunc(runtimes, func(r *runtime) bool {
		if !r.onlyRun {
			return false
		}
		_, err := output(r.run(bundle, fmt.Sprintf("bench-%d-try", os.Getpid())))
		if err != nil {
			fmt.Fprintf(b.log, "left out, since it cannot run here: %v\n", err)
		}
		return err != nil
	})
	res := &result{Date: time.Now().UTC(), Machine: machine(), Load: []string{load()}, Runs: b.runs}
	for i := range b.runs {
		for _, r := range runtimes {
			fmt.Fprintf(b.log, "run %d of %d: %s\n", i+1, b.runs, r.name)
			if err := b.measure(r, program, bundle, i); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
		res.Load = append(res.Load, load())
	}
	if b.withNetwork {
		if err := b.network(runtimes, dir); err != nil {
			return nil, err
		}
	}
	if b.withDocker {
		// Last: its daemon is a child of ours, too.
		if err := b.docker(runtimes, bundle); err != nil {
			return nil, err
		}
	}
	for _, r := range runtimes {
		res.Runtimes = append(res.Runtimes, named{r.name, r.got})
	}
	return res, nil
}

// remove removes a folder and what runtimes left mounted in it.
func remove(dir string) {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			_ = unix.Unmount(f[4], unix.MNT_DETACH)
		}
	}
	_ = os.RemoveAll(dir)
}

// runtimes are the host, ours, the peer, and what is installed. Where they keep
// their state is below dir.
func (b *bench) runtimes(dir string) ([]*runtime, error) {
	ours, err := filepath.Abs(b.runsc)
	if err != nil {
		return nil, err
	}
	all := []*runtime{
		{name: "native"},
		{name: "glovebox", command: []string{ours}},
	}
	if b.peer != "" {
		all = append(all, &runtime{name: "peer", command: append([]string{b.peer}, strings.Fields(b.peerArgs)...)})
	}
	for other := range strings.FieldsSeq(b.others) {
		command := strings.Split(other, ",")
		name := command[0]
		if command[0], err = exec.LookPath(name); err != nil {
			fmt.Fprintf(b.log, "%s is not installed\n", name)
			continue
		}
		all = append(all, &runtime{name: name, command: command, onlyRun: true})
	}
	for _, r := range all {
		r.got = samples{}
		if len(r.command) > 0 {
			r.command = append(r.command, "--root="+filepath.Join(dir, r.name))
		}
	}
	return all, nil
}

// measure takes one sample of every row that a runtime has.
func (b *bench) measure(r *runtime, program, bundle string, run int) error {
	settle, watch, starts := 2*time.Second, 5*time.Second, 5
	args := []string{program, "run"}
	if b.quick {
		settle, watch, starts = 0, 50*time.Millisecond, 1
		args = append(args, "quick")
	}
	if c := r.do(args...); c != nil {
		out, err := output(c)
		if err != nil {
			return err
		}
		if err := parse(out, r.got, programRows); err != nil {
			return err
		}
		if err := idle(r.do(program, "idle"), settle, watch, r.got); err != nil {
			return err
		}
	}
	for i := range starts {
		if c := r.do("/bin/true"); c != nil {
			if err := timed(c, "do", r.got); err != nil {
				return err
			}
		}
		if c := r.run(bundle, fmt.Sprintf("bench-%d-%d-%d", os.Getpid(), run, i)); c != nil {
			if err := timed(c, "run", r.got); err != nil {
				return err
			}
		}
	}
	if len(r.command) == 0 {
		return nil
	}
	return r.life(bundle, fmt.Sprintf("bench-%d-%d-life", os.Getpid(), run), starts)
}

func timed(c *exec.Cmd, key string, got samples) error {
	start := time.Now()
	_, err := output(c)
	got.add(key, float64(time.Since(start)))
	return err
}

// parse reads what a program printed: every row, once.
func parse(out string, got samples, rows []row) error {
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		ns, err := strconv.ParseFloat(value, 64)
		if err != nil || seen[key] || !slices.ContainsFunc(rows, func(r row) bool { return r.key == key }) {
			return fmt.Errorf("not a row: %q", line)
		}
		seen[key] = true
		got.add(key, ns)
	}
	if len(seen) != len(rows) {
		return fmt.Errorf("%d rows of %d: %q", len(seen), len(rows), out)
	}
	return nil
}
