// Package container is what runsc remembers of containers between its runs: a
// directory for each below --root, named by the container's id, with state.json
// and the sandbox's control socket.
//
// state.json is replaced as a whole, so that it can be read at any time. Whoever
// changes it, or makes or removes a container, holds a lock: flock(2) on the
// directory, which ends with its holder. A directory whose holder is gone before
// there was a state is a container that was never finished.
//
// What the file says of processes is believed only as long as they live: each is
// noted with the time of its start, so a number that was given to another process
// meanwhile does no harm. A container whose sandbox is gone is stopped, whatever
// the file says.
package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"glovebox/boot"
	"glovebox/oci/cgroup"
)

// formatVersion is that of state.json.
const formatVersion = 1

const stateName = "state.json"

// A State is what state.json holds.
type State struct {
	Version     int               `json:"version"`
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Created     time.Time         `json:"created"`
	Owner       int               `json:"owner"`
	Program     string            `json:"program"`
	// Process is the first one: exec's defaults.
	Process *specs.Process `json:"process,omitempty"`
	// Cgroup is the group of the host that the sandbox is in, if it has one of
	// its own.
	Cgroup *cgroup.State `json:"cgroup,omitempty"`
	// Hooks are those that are still to run: poststart and poststop.
	Hooks   *specs.Hooks         `json:"hooks,omitempty"`
	Status  specs.ContainerState `json:"status"`
	Sandbox Process              `json:"sandbox"`
	Gofer   Process              `json:"gofer"`
	// Network is what was taken from the network namespace NetworkPath, which is
	// not the sandbox's own.
	Network     *boot.Network `json:"network,omitempty"`
	NetworkPath string        `json:"networkPath,omitempty"`
	// NetworkKind is --network, as it was when the container was made.
	NetworkKind string `json:"networkKind,omitempty"`
	// SandboxID is the container in whose sandbox this one is; "" for one that has
	// a sandbox of its own.
	SandboxID string `json:"sandboxID,omitempty"`
}

// A Container is one that has a directory.
type Container struct {
	State
	dir  string
	lock *os.File // nil if this is only for reading
}

// ErrNotExist and ErrExist say that there is no such container, or is one.
var (
	ErrNotExist = errors.New("does not exist")
	ErrExist    = errors.New("already exists")
)

func idError(id string, err error) error { return fmt.Errorf("container %q %w", id, err) }

// CheckID refuses what is no name for a container, as runc does.
func CheckID(id string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-."
	switch {
	case id == "":
		return errors.New("container id must not be empty")
	case id == "." || id == ".." || strings.Trim(id, allowed) != "":
		return fmt.Errorf("container id %q: only letters, digits and _ + - . are allowed", id)
	case len(id) > unix.NAME_MAX:
		return fmt.Errorf("container id is longer than %d bytes", unix.NAME_MAX)
	}
	return nil
}

// New makes the directory of a container, and returns it locked. Its state is
// written by Save.
func New(root, id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o711); err != nil {
		return nil, err
	}
	c := &Container{State: State{Version: formatVersion, ID: id, Created: time.Now().UTC(), Owner: os.Geteuid()}, dir: filepath.Join(root, id)}
	if err := os.Mkdir(c.dir, 0o700); errors.Is(err, fs.ErrExist) {
		return nil, idError(id, ErrExist)
	} else if err != nil {
		return nil, err
	}
	if err := c.acquire(); err != nil {
		return nil, err
	}
	return c, nil
}

// Open returns a container as it is now, for reading.
func Open(root, id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	c := &Container{State: State{ID: id}, dir: filepath.Join(root, id)}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Lock returns a container that nobody else changes until Unlock. Of one whose
// state cannot be read it returns a *BrokenError beside it.
func Lock(root, id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	c := &Container{State: State{ID: id}, dir: filepath.Join(root, id)}
	if err := c.acquire(); err != nil {
		return nil, err
	}
	err := c.load()
	var broken *BrokenError
	if err != nil && !errors.As(err, &broken) {
		c.Unlock()
		return nil, err
	}
	return c, err
}

// acquire locks the directory, if it still is there then.
func (c *Container) acquire() error {
	f, err := os.Open(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return idError(c.ID, ErrNotExist)
	} else if err != nil {
		return err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("lock %s: %w", c.dir, err)
	}
	held, err := f.Stat()
	now, err2 := os.Stat(c.dir)
	if err != nil || err2 != nil || !os.SameFile(held, now) {
		f.Close()
		return idError(c.ID, ErrNotExist)
	}
	c.lock = f
	return nil
}

// Unlock lets others change the container.
func (c *Container) Unlock() {
	if c.lock != nil {
		c.lock.Close()
		c.lock = nil
	}
}

// A BrokenError is a container whose state cannot be read.
type BrokenError struct {
	ID  string
	Err error
}

func (e *BrokenError) Error() string { return fmt.Sprintf("container %q is broken: %v", e.ID, e.Err) }
func (e *BrokenError) Unwrap() error { return e.Err }

func (c *Container) load() error {
	b, err := readState(filepath.Join(c.dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(c.dir); err != nil {
			return idError(c.ID, ErrNotExist)
		}
		// It is being made, or its maker is gone.
		c.State = State{ID: c.ID, OCIVersion: specs.Version, Status: specs.StateCreating}
		return nil
	}
	if err != nil {
		return &BrokenError{c.ID, fmt.Errorf("%s: %w", stateName, err)}
	}
	var s State
	if err = json.Unmarshal(b, &s); err == nil && (s.Version != formatVersion || s.ID != c.ID) {
		err = fmt.Errorf("version %d of %q, want version %d", s.Version, s.ID, formatVersion)
	}
	if err != nil {
		c.salvage(b)
		return &BrokenError{c.ID, fmt.Errorf("%s: %w", stateName, err)}
	}
	c.State = s
	return nil
}

// readState reads a state file. Whatever else has its name is not waited for.
func readState(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("is not a regular file"))
	}
	return io.ReadAll(f)
}

// salvage takes what a state that is not ours to read says of processes and the
// control group, so that they can be ended: an older or newer runsc wrote it.
func (c *Container) salvage(b []byte) {
	var s struct {
		Cgroup         json.RawMessage
		Sandbox, Gofer json.RawMessage
		SandboxID      string
	}
	if json.Unmarshal(b, &s) != nil {
		return
	}
	// Each for itself. What makes no sense is left out.
	if CheckID(s.SandboxID) == nil {
		c.SandboxID = s.SandboxID
	}
	_ = json.Unmarshal(s.Sandbox, &c.Sandbox)
	_ = json.Unmarshal(s.Gofer, &c.Gofer)
	if json.Unmarshal(s.Cgroup, &c.Cgroup) != nil {
		c.Cgroup = nil
	}
}

// Save replaces the state. The caller holds the lock.
func (c *Container) Save() error {
	b, err := json.MarshalIndent(&c.State, "", "  ")
	if err != nil {
		return err
	}
	return ReplaceFile(filepath.Join(c.dir, stateName), append(b, '\n'), 0o600)
}

// ReplaceFile writes a file that is never seen half written.
func ReplaceFile(name string, data []byte, perm fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(perm), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Dir is the container's directory.
func (c *Container) Dir() string { return c.dir }

// ours are the names in a container's directory, and what those begin with that
// ReplaceFile makes.
var ours = map[string]bool{stateName: true, "control.sock": true, "end": true}

// Remove removes the container's directory. The caller holds the lock. What is not
// ours is nobody's to remove: --root may be a directory of other things.
func (c *Container) Remove() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	if name := foreign(entries); name != "" {
		return fmt.Errorf("container %q: %s is not a container's file; nothing was removed", c.ID, filepath.Join(c.dir, name))
	}
	return os.RemoveAll(c.dir)
}

// foreign returns a name that is not one of a container's files, "" if all are.
func foreign(entries []fs.DirEntry) string {
	for _, e := range entries {
		if !ours[e.Name()] && !strings.HasPrefix(e.Name(), "."+stateName+"-") {
			return e.Name()
		}
	}
	return ""
}

// HostProcess is the process of the host that lives as long as the container and ends
// with its status: the Sentry or, in another container's sandbox, its own gofer.
func (c *Container) HostProcess() Process {
	if c.SandboxID != "" {
		return c.Gofer
	}
	return c.Sandbox
}

// NameInside is what the sandbox calls the container; "" is its first.
func (c *Container) NameInside() string {
	if c.SandboxID != "" {
		return c.ID
	}
	return ""
}

// SocketDir is the directory with the sandbox's control socket.
func (c *Container) SocketDir() string {
	if c.SandboxID != "" {
		return filepath.Join(filepath.Dir(c.dir), c.SandboxID)
	}
	return c.dir
}

// Now is the status of the container at this moment.
func (c *Container) Now() specs.ContainerState {
	if p := c.HostProcess(); p.PID != 0 && !p.Alive() || p.PID == 0 && c.Status != specs.StateCreating {
		return specs.StateStopped
	}
	if c.Status == specs.StateCreating && !c.held() {
		return specs.StateStopped
	}
	return c.Status
}

// held reports whether someone holds the container's lock.
func (c *Container) held() bool {
	if c.lock != nil {
		return false
	}
	f, err := os.Open(c.dir)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// unfinished reports whether a directory without a state is a container's.
func (c *Container) unfinished() bool {
	entries, err := os.ReadDir(c.dir)
	return err == nil && foreign(entries) == ""
}

// OCI returns the state as callers of a runtime want it.
func (c *Container) OCI() specs.State {
	s := specs.State{Version: c.OCIVersion, ID: c.ID, Status: c.Now(), Bundle: c.Bundle, Annotations: c.Annotations}
	if s.Status != specs.StateStopped {
		s.Pid = c.HostProcess().PID
	}
	return s
}

// List returns all containers below root, by id. Those that cannot be read are
// the second result.
func List(root string) (list []*Container, broken []error, err error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || CheckID(e.Name()) != nil {
			continue
		}
		c, err := Open(root, e.Name())
		switch {
		case errors.Is(err, ErrNotExist):
		case err == nil && c.Status == specs.StateCreating && c.Sandbox.PID == 0 && !c.unfinished():
			// --root may be a directory of other things.
		case err != nil:
			broken = append(broken, err)
		default:
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *Container) int { return strings.Compare(a.ID, b.ID) })
	return list, broken, nil
}
