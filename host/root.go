package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// An Attr is a change to a mount: mount_setattr(2)'s attr_set.
type Attr = uint64

// A Propagation says whether what the host mounts later shows in a copy.
type Propagation uint64

// Values of Propagation: mount_namespaces(7).
const (
	Private Propagation = unix.MS_PRIVATE
	Slave   Propagation = unix.MS_SLAVE
)

// CloneTree returns a detached copy of the mount that holds path, cut off
// there, with everything mounted below it. set is applied to every mount in
// it, not to those that come later.
func CloneTree(path string, set Attr, p Propagation) (fd int, err error) {
	return clone(path, set, p, unix.AT_RECURSIVE)
}

// CloneMount is CloneTree without what is mounted below path.
func CloneMount(path string, set Attr, p Propagation) (fd int, err error) {
	return clone(path, set, p, 0)
}

func clone(path string, set Attr, p Propagation, recursive uint) (fd int, err error) {
	fd, err = unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|recursive)
	if err != nil {
		return -1, fmt.Errorf("open_tree %s: %w", path, err)
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive, &unix.MountAttr{
		Attr_set:    set,
		Propagation: uint64(p),
	})
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount_setattr %s: %w", path, err)
	}
	return fd, nil
}

// EmptyTree returns a detached, empty, read-only tmpfs.
func EmptyTree() (fd int, err error) {
	return newMount("tmpfs", unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC,
		"size", "0", "mode", "555")
}

// ScratchTree returns a detached, empty tmpfs that can hold mount points.
func ScratchTree() (fd int, err error) {
	return newMount("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC,
		"size", "1m", "mode", "755")
}

// NewProc returns a detached procfs of the caller's pid namespace. EPERM says
// that the caller's own /proc is partly hidden, as in many containers.
func NewProc() (fd int, err error) {
	return newMount("proc", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// newMount makes a file system with the given parameters and mounts it
// nowhere: fsopen(2), fsmount(2).
func newMount(fstype string, attr int, params ...string) (fd int, err error) {
	ctx, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen %s: %w", fstype, err)
	}
	defer unix.Close(ctx)
	for i := 0; i+1 < len(params); i += 2 {
		if err := unix.FsconfigSetString(ctx, params[i], params[i+1]); err != nil {
			return -1, fmt.Errorf("fsconfig %s %s: %w", fstype, params[i], err)
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, fmt.Errorf("create %s: %w", fstype, err)
	}
	fd, err = unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, attr)
	if err != nil {
		return -1, fmt.Errorf("fsmount %s: %w", fstype, err)
	}
	return fd, nil
}

// Attach puts the detached tree at the path below dirfd, following no symbolic
// link on the way there.
func Attach(tree, dirfd int, path string) error {
	at, err := unix.Openat2(dirfd, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return fmt.Errorf("open mount point %s: %w", path, err)
	}
	defer unix.Close(at)
	if err := unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount on %s: %w", path, err)
	}
	return nil
}

// EnterRoot makes the detached tree the root and working directory of the
// process, and detaches everything else from its mount namespace. The caller
// owns the namespace.
func EnterRoot(tree int) error {
	// Nothing that happens here may reach the host: mount_namespaces(7).
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("attach the new root: %w", err)
	}
	if err := unix.Fchdir(tree); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	// With both names alike the old root lands on top of the new one, from
	// where it can be unmounted: pivot_root(2), NOTES.
	if err := unix.PivotRoot(".", "."); err != nil {
		if err == unix.EINVAL {
			return errors.New("pivot_root: the host's root is its initial ramfs, which cannot be left: switch_root(8) to another first")
		}
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	return unix.Chdir("/")
}

// SetMountReadOnly makes the one mount at path read-only.
func SetMountReadOnly(path string) error {
	err := unix.MountSetattr(unix.AT_FDCWD, path, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if err != nil {
		return fmt.Errorf("make %s read-only: %w", path, err)
	}
	return nil
}
