package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"glovebox/boot"
)

// selfExe is this program, wherever its file is by now: proc(5).
const selfExe = "/proc/self/exe"

// A child is one of the sandbox's two processes.
type child struct {
	name  string
	pid   int
	pidfd int
}

// spawn starts this program again with argv. files become descriptors 0, 1, ...
// as they are: os/exec would make those that do not block block.
func spawn(name string, argv []string, files []int, attr *syscall.SysProcAttr) (*child, error) {
	c := &child{name: name, pidfd: -1}
	attr.PidFD = &c.pidfd
	fds := make([]uintptr, len(files))
	for i, f := range files {
		fds[i] = uintptr(f)
	}
	pid, _, err := syscall.StartProcess(selfExe, argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"GOTRACEBACK=all"},
		Files: fds,
		Sys:   attr,
	})
	if err != nil {
		return nil, fmt.Errorf("start the %s: %w", name, explain(err))
	}
	c.pid = pid
	return c, nil
}

// explain says what a refused namespace is about.
func explain(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w: the host forbids new namespaces (user.max_user_namespaces, a seccomp profile or a security module)", err)
	}
	return err
}

// kill ends the process, without waiting.
func (c *child) kill() {
	if c.pidfd >= 0 {
		// ESRCH: it ended by itself.
		_ = unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
		return
	}
	_ = unix.Kill(c.pid, unix.SIGKILL)
}

// wait reaps the process.
func (c *child) wait() (syscall.WaitStatus, error) {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == nil || err != unix.EINTR {
			if c.pidfd >= 0 {
				unix.Close(c.pidfd)
				c.pidfd = -1
			}
			return ws, err
		}
	}
}

// idMaps are the ids that exist in a new user namespace.
type idMaps struct {
	uid, gid []syscall.SysProcIDMap
	// setgroups says whether the namespace may change groups.
	setgroups bool
}

// privileged says whether the caller may map ids that are not its own:
// user_namespaces(7).
func privileged(effective uint64) bool {
	const need = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_SYS_ADMIN
	return effective&need == need
}

// identity maps every id of the caller's namespace to itself.
func identity() (idMaps, error) {
	uid, err := readIDMap("/proc/self/uid_map")
	if err != nil {
		return idMaps{}, err
	}
	gid, err := readIDMap("/proc/self/gid_map")
	if err != nil {
		return idMaps{}, err
	}
	// Where it was given up it stays so: user_namespaces(7).
	b, err := os.ReadFile("/proc/self/setgroups")
	return idMaps{uid, gid, strings.TrimSpace(string(b)) != "deny"}, err
}

// idRanges is a map of a container's for its gofer's namespace.
func idRanges(m []boot.IDRange) (list []syscall.SysProcIDMap) {
	for _, r := range m {
		list = append(list, syscall.SysProcIDMap{ContainerID: int(r.Inside), HostID: int(r.Outside), Size: int(r.Size)})
	}
	return list
}

// has reports whether there is a user and a group n.
func (m *idMaps) has(n int) bool {
	in := func(list []syscall.SysProcIDMap) bool {
		return slices.ContainsFunc(list, func(r syscall.SysProcIDMap) bool { return r.ContainerID <= n && n-r.ContainerID < r.Size })
	}
	return in(m.uid) && in(m.gid)
}

// readIDMap returns the ids that a map file has on its left side, mapped to
// themselves.
func readIDMap(path string) ([]syscall.SysProcIDMap, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var m []syscall.SysProcIDMap
	for {
		var inner, outer, n int
		if _, err := fmt.Fscan(f, &inner, &outer, &n); err != nil {
			break
		}
		m = append(m, syscall.SysProcIDMap{ContainerID: inner, HostID: inner, Size: n})
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return m, nil
}

// single maps the caller to one user and group.
func single(uid, gid int) idMaps {
	return idMaps{
		uid: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}},
		gid: []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getegid(), Size: 1}},
	}
}

// namespaces is every kind that a sandbox has of its own.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID |
	unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// sysProcAttr starts a process in namespaces of its own.
func sysProcAttr(m idMaps, life lifetime) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags:                 namespaces,
		UidMappings:                m.uid,
		GidMappings:                m.gid,
		GidMappingsEnableSetgroups: m.setgroups,
		// A terminal's signals are for the guest, by way of runsc.
		Setsid: true,
	}
	if life == attached {
		a.Pdeathsig = unix.SIGKILL
	}
	return a
}

// configFile returns a file that holds v as JSON, at its start.
func ConfigFile(v any) (int, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return -1, err
	}
	fd, err := unix.MemfdCreate("runsc-config", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	for off := 0; off < len(b); {
		n, err := unix.Pwrite(fd, b[off:], int64(off))
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("write the configuration: %w", err)
		}
		off += n
	}
	return fd, nil
}

// readConfig reads what configFile wrote and closes the file.
func readConfig(fd int, v any) error {
	f := os.NewFile(uintptr(fd), "configuration")
	if f == nil {
		return errors.New("no configuration")
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	return nil
}
