package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"glovebox/oci/container"
)

var installCommand = command{
	name: "install", args: "[-- FLAGS]",
	summary: "add the runtime to Docker's configuration",
	examples: []string{
		"runsc install && systemctl reload docker",
		"runsc install --runtime runsc-debug -- --debug --debug-log=/tmp/runsc/",
		"runsc install --dry-run                     # what the file would be",
	},
	run: func(_ *globals, fs *flag.FlagSet) func([]string) (int, error) {
		d := newDaemonJSON(fs)
		return d.install
	},
}

var uninstallCommand = command{
	name:     "uninstall",
	summary:  "remove the runtime from Docker's configuration",
	examples: []string{"runsc uninstall && systemctl reload docker"},
	run: func(_ *globals, fs *flag.FlagSet) func([]string) (int, error) {
		d := newDaemonJSON(fs)
		return d.uninstall
	},
}

// daemonJSON is Docker's configuration file: dockerd(8), daemon.json.
type daemonJSON struct {
	file, runtime string
	dryRun        bool

	old  []byte // nil if there is none
	perm fs.FileMode
	// all is the whole file, runtimes its key of that name. What is not ours is
	// written as it was read.
	all, runtimes map[string]json.RawMessage
}

func newDaemonJSON(fs *flag.FlagSet) *daemonJSON {
	d := &daemonJSON{perm: 0o644}
	fs.StringVar(&d.file, "config_file", "/etc/docker/daemon.json", "Docker's configuration `file`")
	fs.StringVar(&d.runtime, "runtime", "runsc", "`name` that --runtime of docker takes")
	fs.BoolVar(&d.dryRun, "dry-run", false, "print the file instead of writing it")
	return d
}

// A dockerRuntime is a value of runtimes.
type dockerRuntime struct {
	Path string   `json:"path"`
	Args []string `json:"runtimeArgs,omitempty"`
}

func (d *daemonJSON) install(args []string) (int, error) {
	if d.runtime == "" {
		return 0, errors.New("install: --runtime must not be empty")
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("install: where is this program? %w", err)
	}
	if err := d.read(); err != nil {
		return 0, fmt.Errorf("install: %w", err)
	}
	entry, err := json.Marshal(dockerRuntime{self, args})
	if err != nil {
		return 0, err
	}
	d.runtimes[d.runtime] = entry
	if err := d.write(); err != nil || d.dryRun {
		return 0, err
	}
	fmt.Printf("%s: runtime %q is %s.\nNext:\n  systemctl reload docker          # or: kill -HUP $(pidof dockerd)\n  docker run --rm --runtime=%s hello-world\n",
		d.file, d.runtime, self, d.runtime)
	return 0, nil
}

func (d *daemonJSON) uninstall(args []string) (int, error) {
	if len(args) > 0 {
		return 0, errors.New("uninstall: no arguments are taken")
	}
	if err := d.read(); err != nil {
		return 0, fmt.Errorf("uninstall: %w", err)
	}
	if _, ok := d.runtimes[d.runtime]; !ok {
		return 0, fmt.Errorf("uninstall: %s has no runtime %q", d.file, d.runtime)
	}
	var chosen string
	if json.Unmarshal(d.all["default-runtime"], &chosen) == nil && chosen == d.runtime {
		return 0, fmt.Errorf("uninstall: %s has %q as its default-runtime; choose another first", d.file, chosen)
	}
	delete(d.runtimes, d.runtime)
	if err := d.write(); err != nil || d.dryRun {
		return 0, err
	}
	fmt.Printf("%s: runtime %q is removed.\nNext:\n  systemctl reload docker          # or: kill -HUP $(pidof dockerd)\n", d.file, d.runtime)
	return 0, nil
}

func (d *daemonJSON) read() error {
	// A link stays one.
	if real, err := filepath.EvalSymlinks(d.file); err == nil {
		d.file = real
	}
	d.all, d.runtimes = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	b, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, err := os.Stat(d.file)
	if err != nil {
		return err
	}
	d.old, d.perm = b, st.Mode().Perm()
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := object(b, &d.all); err != nil {
		return fmt.Errorf("%s: %w (nothing was changed)", d.file, err)
	}
	if r, ok := d.all["runtimes"]; ok {
		if err := object(r, &d.runtimes); err != nil {
			return fmt.Errorf("%s: runtimes: %w (nothing was changed)", d.file, err)
		}
	}
	if d.runtimes == nil { // null
		d.runtimes = map[string]json.RawMessage{}
	}
	if d.all == nil {
		return fmt.Errorf("%s: want an object {...}, not null (nothing was changed)", d.file)
	}
	return nil
}

// object reads a JSON object.
func object(b []byte, into *map[string]json.RawMessage) error {
	err := json.Unmarshal(b, into)
	if typed := (*json.UnmarshalTypeError)(nil); errors.As(err, &typed) {
		return fmt.Errorf("want an object {...}, not a JSON %s", typed.Value)
	}
	return err
}

// write writes or prints the file; the old one is kept under its name with a ~.
func (d *daemonJSON) write() error {
	delete(d.all, "runtimes")
	if len(d.runtimes) > 0 {
		r, err := json.Marshal(d.runtimes)
		if err != nil {
			return err
		}
		d.all["runtimes"] = r
	}
	b, err := json.MarshalIndent(d.all, "", "    ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if d.dryRun {
		_, err := os.Stdout.Write(b)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.file), 0o755); err != nil {
		return err
	}
	if d.old != nil {
		if err := container.ReplaceFile(d.file+"~", d.old, d.perm); err != nil {
			return fmt.Errorf("keep the old file: %w", err)
		}
	}
	return container.ReplaceFile(d.file, b, d.perm)
}
