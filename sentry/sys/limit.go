package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
)

// limits is the calls of getrlimit(2) and getrusage(2).
var limits = family{
	sysno.Getrlimit: call2(getrlimit),
	sysno.Setrlimit: call2(setrlimit).except(unenforced),
	sysno.Prlimit64: call4(prlimit64).except(unenforced),
	sysno.Getrusage: call2(getrusage),
}

const unenforced = "RLIMIT_RSS, LOCKS and RTTIME are not enforced"

// getrlimit is getrlimit(2).
func getrlimit(t *kernel.Task, resource Uint, to Addr) (uintptr, error) {
	if resource >= linux.RLIM_NLIMITS {
		return 0, linux.EINVAL
	}
	v := t.Group().Limits().Get(int(resource))
	return 0, copyOut(t, to, &v)
}

// setrlimit is setrlimit(2).
func setrlimit(t *kernel.Task, resource Uint, from Addr) (uintptr, error) {
	var v linux.Rlimit
	if err := copyIn(t, from, &v); err != nil {
		return 0, err
	}
	if resource >= linux.RLIM_NLIMITS {
		return 0, linux.EINVAL
	}
	_, err := setLimit(t, t, resource, v)
	return 0, err
}

// setLimit changes a limit of of's process, and tells its address space.
func setLimit(t, of *kernel.Task, resource Uint, v linux.Rlimit) (old linux.Rlimit, err error) {
	l := of.Group().Limits()
	if old, err = l.Set(int(resource), v, t.Creds()); err != nil {
		return old, err
	}
	switch resource {
	case linux.RLIMIT_CPU:
		of.Group().WatchCPU()
	case linux.RLIMIT_AS, linux.RLIMIT_DATA, linux.RLIMIT_STACK:
		if m := of.SharedMem(); m != nil {
			m.SetLimits(memoryLimits(l))
			m.DecUsers()
		}
	}
	return old, nil
}

// memoryLimits returns the limits that an address space keeps to.
func memoryLimits(l *kernel.Limits) mm.Limits {
	return mm.Limits{
		AS: l.Cur(linux.RLIMIT_AS), Data: l.Cur(linux.RLIMIT_DATA), Stack: l.Cur(linux.RLIMIT_STACK),
	}
}

// prlimit64 is prlimit(2).
func prlimit64(t *kernel.Task, pid PID, resource Uint, from, to Addr) (uintptr, error) {
	var v linux.Rlimit
	if from != 0 {
		if err := copyIn(t, from, &v); err != nil {
			return 0, err
		}
	}
	of := taskOrSelf(t, pid)
	switch {
	case of == nil:
		return 0, linux.ESRCH
	case !mayLimit(t, of):
		return 0, linux.EPERM
	case resource >= linux.RLIM_NLIMITS:
		return 0, linux.EINVAL
	}
	was := of.Group().Limits().Get(int(resource))
	if from != 0 {
		var err error
		if was, err = setLimit(t, of, resource, v); err != nil {
			return 0, err
		}
	}
	if to != 0 {
		return 0, copyOut(t, to, &was)
	}
	return 0, nil
}

// mayLimit is check_prlimit_permission.
func mayLimit(t, of *kernel.Task) bool {
	c, d := t.Creds(), of.Creds()
	return t == of || c.Has(auth.CapSysResource) ||
		c.UID == d.EUID && c.UID == d.SUID && c.UID == d.UID &&
			c.GID == d.EGID && c.GID == d.SGID && c.GID == d.GID
}

// getrusage is getrusage(2).
func getrusage(t *kernel.Task, who Int, to Addr) (uintptr, error) {
	u, err := t.Usage(int(who))
	if err != nil {
		return 0, err
	}
	return 0, copyOut(t, to, &u)
}
