package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"glovebox/control"
)

var tarCommand = command{
	name: "tar", args: "rootfs-upper [--file FILE] ID",
	summary: "write what a container changed in its root as a tar archive",
	examples: []string{
		"runsc --overlay2=root:memory run --detach -b bundle web && runsc tar rootfs-upper web | tar -tv",
		"runsc tar rootfs-upper --file changes.tar web    # an OCI image's layer",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		t := &tarVerb{globals: g}
		fs.StringVar(&t.file, "file", "", "`file` to write to (default: standard output)")
		return func(args []string) (int, error) {
			if len(args) == 0 || args[0] != "rootfs-upper" {
				return 0, errors.New("tar: want rootfs-upper and a container id")
			}
			// Flags may stand behind it.
			if err := parse(fs, args[1:]); err != nil {
				return 0, err
			}
			return t.run(fs.Args())
		}
	},
}

type tarVerb struct {
	*globals
	file string
}

func (t *tarVerb) run(args []string) (int, error) {
	id, err := one(args)
	if err != nil {
		return 0, fmt.Errorf("tar: %w", err)
	}
	c, client, err := t.connect(id)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	out := os.Stdout
	if t.file != "" {
		if out, err = os.Create(t.file); err != nil {
			return 0, fmt.Errorf("--file: %w", err)
		}
	} else if isTerminal(1) {
		return 0, errors.New("tar: the archive is not for a terminal; name a file: --file")
	}
	err = t.archive(client, out)
	if t.file != "" {
		err = finish(out, err)
	}
	return 0, gone(c, err)
}

// archive copies a container's changes to out.
func (g *globals) archive(client *control.Client, out io.Writer) error {
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	defer from.Close()
	type answer struct {
		omitted control.Omitted
		err     error
	}
	answered := make(chan answer, 1)
	go func() {
		defer to.Close()
		o, err := client.Archive(int(to.Fd()))
		answered <- answer{o, err}
	}()
	if _, err := io.Copy(out, from); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	a := <-answered
	told := a.omitted.First
	if more := a.omitted.Count - len(told); more > 0 {
		told = append(told, fmt.Sprintf("%d more", more))
	}
	for _, what := range told {
		fmt.Fprintln(os.Stderr, "runsc: left out of the archive:", what)
		g.log.warnf("left out of the archive: %s", what)
	}
	return a.err
}

// finish closes a file that was to be written, and removes it if that failed.
func finish(f *os.File, err error) error {
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	var st unix.Stat_t
	if err != nil && unix.Lstat(f.Name(), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
		os.Remove(f.Name())
	}
	return err
}
