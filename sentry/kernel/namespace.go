package kernel

import (
	"glovebox/abi/linux"
	"glovebox/sentry/namespace"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

// namespaceFlags are the namespaces that clone(2) and unshare(2) know, but for that of
// users, haveNamespaces those that there can be more of.
const (
	namespaceFlags = linux.CLONE_NEWCGROUP | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC |
		linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWNS | linux.CLONE_NEWTIME
	haveNamespaces = linux.CLONE_NEWUTS | linux.CLONE_NEWNET | linux.CLONE_NEWNS
)

// Unshare gives t new namespaces, those of CLONE_NEW* in flags (create_new_namespaces):
// all or none.
func (t *Task) Unshare(flags uint64) error {
	v := t.files.v
	if flags&linux.CLONE_NEWNET != 0 {
		n, err := v.Net.Fresh()
		if err != nil {
			return err
		}
		v.Net = n
	}
	if flags&linux.CLONE_NEWNS != 0 {
		v.VFS, v.FS = v.VFS.Copy(v.FS)
	}
	if flags&linux.CLONE_NEWUTS != 0 {
		t.uts.Store(NewUTS(t.UTS().Names()))
	}
	t.files.set(v)
	return nil
}

// EnterNet moves t to a network namespace (setns(2)): EINVAL if nobody is in it any more.
func (t *Task) EnterNet(n socket.Namespace) error {
	v := t.files.v
	if n == v.Net {
		return nil
	}
	if !n.TryInc() {
		return linux.EINVAL
	}
	v.Net = n
	t.files.set(v)
	return nil
}

// EnterMounts moves t to a mount namespace, at its root.
func (t *Task) EnterMounts(m *vfs.VFS) error {
	v := t.files.v
	if v.FS.Shared() || !m.TryInc() {
		return linux.EINVAL
	}
	_, _, umask := v.FS.Get()
	if m == v.VFS {
		m.Dec()
	}
	v.VFS, v.FS = m, vfs.NewFSContext(m.Root(), m.Root(), umask)
	t.files.set(v)
	return nil
}

// NetNamespace returns the network namespace that t is in, without a reference; nil for
// one that exits.
func (t *Task) NetNamespace() socket.Namespace {
	t.files.mu.Lock()
	defer t.files.mu.Unlock()
	return t.files.v.Net
}

// MountNamespace returns the mount namespace as NetNamespace does its own.
func (t *Task) MountNamespace() *vfs.VFS {
	t.files.mu.Lock()
	defer t.files.mu.Unlock()
	return t.files.v.VFS
}

// PIDNamespace returns the namespace that names t.
func (t *Task) PIDNamespace() *PIDNamespace { return t.tg.ns }

// EnterUTS moves t to other names.
func (t *Task) EnterUTS(u *UTS) { t.uts.Store(u) }

// ID implements namespace.Object.
func (u *UTS) ID() namespace.ID { return u.id }

// ID implements namespace.Object.
func (ns *PIDNamespace) ID() namespace.ID { return ns.id }
