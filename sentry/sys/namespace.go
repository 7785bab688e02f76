package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/nsfs"
	"glovebox/sentry/kernel"
	"glovebox/sentry/namespace"
	"glovebox/sentry/net/socket"
	"glovebox/sentry/vfs"
)

const fewNamespaces = "new namespaces of networks, mounts and names only; others are EINVAL"

// namespaces is the calls of namespaces(7).
var namespaces = family{
	sysno.Unshare: call1(unshare).except(fewNamespaces),
	sysno.Setns:   call2(setns).except("namespaces of networks, mounts and names only"),
}

// unshare is unshare(2).
func unshare(t *kernel.Task, flags LFlags) (uintptr, error) {
	const (
		alone = linux.CLONE_THREAD | linux.CLONE_SIGHAND | linux.CLONE_VM
		own   = linux.CLONE_FS | linux.CLONE_FILES | linux.CLONE_SYSVSEM
		have  = linux.CLONE_NEWUTS | linux.CLONE_NEWNET | linux.CLONE_NEWNS
		ns    = have | linux.CLONE_NEWIPC | linux.CLONE_NEWPID | linux.CLONE_NEWCGROUP | linux.CLONE_NEWTIME
	)
	switch {
	case flags&^(alone|own|ns|linux.CLONE_NEWUSER) != 0:
		return 0, linux.EINVAL
	case flags&(alone|linux.CLONE_NEWUSER) != 0 && len(t.Group().Tasks()) > 1:
		return 0, linux.EINVAL
	case flags&linux.CLONE_NEWUSER != 0:
		return 0, linux.EINVAL
	case flags&ns != 0 && !t.Creds().Has(auth.CapSysAdmin):
		return 0, linux.EPERM
	case flags&ns&^have != 0:
		return 0, linux.EINVAL // as a kernel without that namespace
	}
	if err := t.Unshare(uint64(flags)); err != nil {
		return 0, err
	}
	if flags&linux.CLONE_FILES != 0 {
		t.UnshareFiles()
	}
	if flags&linux.CLONE_FS != 0 {
		t.UnshareFS()
	}
	if flags&linux.CLONE_SYSVSEM != 0 {
		t.LeaveUndo()
	}
	return 0, nil
}

// setns is setns(2): fd is a namespace's, or a process's whose namespaces flags name.
func setns(t *kernel.Task, fd FD, flags Int) (uintptr, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	if p, ok := f.Ops().(*pidFile); ok {
		return 0, joinProcess(t, p.group, int(flags))
	}
	k, o, ok := nsfs.Of(f)
	if !ok || flags != 0 && int(flags) != k.Flag {
		return 0, linux.EINVAL
	}
	return 0, enter(t, k, o)
}

// joinProcess enters the namespaces of a process (setns(2) with a pidfd).
func joinProcess(t *kernel.Task, tg *kernel.ThreadGroup, flags int) error {
	const all = linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.CLONE_NEWNET |
		linux.CLONE_NEWPID | linux.CLONE_NEWCGROUP | linux.CLONE_NEWTIME | linux.CLONE_NEWUSER
	if flags == 0 || flags&^all != 0 {
		return linux.EINVAL
	}
	leader := tg.Leader()
	net, mounts := leader.NetNamespace(), leader.MountNamespace()
	switch {
	case net == nil || mounts == nil:
		return linux.ESRCH
	case !t.MayPtrace(leader):
		return linux.EPERM
	}
	for _, n := range []struct {
		kind nsfs.Kind
		o    namespace.Object
	}{
		{nsfs.IPC, leader.IPC()}, {nsfs.PID, leader.PIDNamespace()}, {nsfs.UTS, leader.UTS()}, {nsfs.Net, net}, {nsfs.Mount, mounts},
	} {
		if flags&n.kind.Flag == 0 {
			continue
		}
		if err := enter(t, n.kind, n.o); err != nil {
			return err
		}
		flags &^= n.kind.Flag
	}
	if flags != 0 {
		return linux.EINVAL // there is one of the kind, which t is in
	}
	return nil
}

// enter moves t to a namespace.
func enter(t *kernel.Task, k nsfs.Kind, o namespace.Object) error {
	c := t.Creds()
	if !c.Has(auth.CapSysAdmin) || k == nsfs.Mount && !c.Has(auth.CapSysChroot) {
		return linux.EPERM
	}
	switch o := o.(type) {
	case socket.Namespace:
		return t.EnterNet(o)
	case *vfs.VFS:
		return t.EnterMounts(o)
	case *kernel.UTS:
		t.EnterUTS(o)
		return nil
	}
	if k != nsfs.User && (o == namespace.Object(t.IPC()) || o == namespace.Object(t.PIDNamespace())) {
		return nil
	}
	return linux.EINVAL
}
