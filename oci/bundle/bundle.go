// Package bundle reads OCI bundles: a directory with a config.json
// (github.com/opencontainers/runtime-spec). Load checks the file and turns it
// into what package boot takes, and into trees of host files.
//
// A field that cannot be honoured is warned about by its name where a container
// without it is only poorer, and refused where ignoring it would be dangerous:
// where files would get the wrong owners, or something would be left out that the
// container's user relies on to be set up or locked away. Every error is one line
// that names the field or the path.
package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/boot"
)

// ConfigName is the file that makes a directory a bundle.
const ConfigName = "config.json"

// maxConfig bounds config.json. Those of Kubernetes have some 30 KiB.
const maxConfig = 4 << 20

// A Bundle is a bundle that was read.
type Bundle struct {
	// Path is the bundle's directory, absolute.
	Path string
	// Spec is what config.json says.
	Spec *specs.Spec
	// Boot is that for the Sentry, without id, descriptors and what flags
	// say.
	Boot boot.Config
	// Trees are the host files that the container reaches: Trees[0] its root,
	// the others what Boot.Mounts number as Attach.
	Trees []Tree
	// SandboxID is the container in whose sandbox this one is to be; "" for one
	// that has its own.
	SandboxID string
	// Shared are the namespaces, of pid, ipc and uts, that are another container's
	// there, and the paths by which they are named; "" where they are not.
	Shared map[specs.LinuxNamespaceType]string
	// GuestUID and GuestGID are whom an ordinary user's files belong to inside.
	GuestUID, GuestGID int
	// Warnings say what is not honoured.
	Warnings []string

	options Options
}

// A Tree is a directory of the host, or one file.
type Tree struct {
	Source   string
	ReadOnly bool
	// NoRecurse leaves out what is mounted below Source.
	NoRecurse bool
	// Slave shows what is mounted there later, too.
	Slave bool
}

// Options are what flags say of bundles.
type Options struct {
	// Seccomp applies linux.seccomp, which is ignored otherwise.
	Seccomp bool
}

// Load reads the bundle in dir.
func Load(dir string, o Options) (*Bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	data, err := read(filepath.Join(dir, ConfigName))
	if err != nil {
		return nil, err
	}
	spec, err := Parse(data)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Path: dir, Spec: spec, options: o}
	return b, b.convert()
}

// read returns a file that is not too long.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfig {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("longer than %d bytes", maxConfig)}
	}
	return data, nil
}

// convert fills in Boot, Trees and Warnings from a Spec that Parse checked.
func (b *Bundle) convert() error {
	if err := b.pod(); err != nil {
		return err
	}
	b.unsupported()
	b.Boot = boot.Config{Hostname: b.Spec.Hostname, Domainname: b.Spec.Domainname, Process: b.process(), StartHooks: b.startHooks()}
	if err := b.seccomp(); err != nil {
		return err
	}
	if err := b.personality(); err != nil {
		return err
	}
	if err := b.sysctl(); err != nil {
		return err
	}
	if err := b.ids(); err != nil {
		return err
	}
	if err := b.root(); err != nil {
		return err
	}
	if err := b.mounts(); err != nil {
		return err
	}
	if err := b.limits(&b.Boot); err != nil {
		return err
	}
	b.devices()
	if l := b.Spec.Linux; l != nil {
		b.Boot.MaskedPaths, b.Boot.ReadonlyPaths = l.MaskedPaths, l.ReadonlyPaths
	}
	return nil
}

func (b *Bundle) warnf(field, format string, args ...any) {
	b.Warnings = append(b.Warnings, ConfigName+": "+field+": "+fmt.Sprintf(format, args...))
}

// root looks at the directory that becomes /.
func (b *Bundle) root() error {
	dir := b.Spec.Root.Path
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(b.Path, dir)
	}
	st, err := os.Stat(dir)
	if err != nil {
		return pathError("root.path", err)
	}
	if !st.IsDir() {
		return fieldErrorf("root.path", "%s: not a directory", dir)
	}
	b.Boot.Root.ReadOnly = b.Spec.Root.Readonly
	// Read-only is the Sentry's doing: mount points that are missing are made.
	b.Trees = []Tree{{Source: dir}}
	if l := b.Spec.Linux; l != nil {
		b.Trees[0].Slave = mountOptions[l.RootfsPropagation] == slaveOption
	}
	return nil
}
