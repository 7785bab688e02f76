package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/bpf"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
)

// filters is the calls of seccomp(2).
var filters = family{
	sysno.Seccomp: call3(seccomp).except("nobody can listen (SECCOMP_FILTER_FLAG_NEW_LISTENER) or trace"),
}

// seccomp is seccomp(2).
func seccomp(t *kernel.Task, op Uint, flags Flags, args Addr) (uintptr, error) {
	switch op {
	case linux.SECCOMP_SET_MODE_STRICT:
		if flags != 0 || args != 0 {
			return 0, linux.EINVAL
		}
		return 0, t.SetSeccompStrict()
	case linux.SECCOMP_SET_MODE_FILTER:
		return addFilter(t, flags, args)
	case linux.SECCOMP_GET_ACTION_AVAIL:
		if flags != 0 {
			return 0, linux.EINVAL
		}
		var action uint32
		if err := copyIn(t, args, &action); err != nil {
			return 0, err
		}
		switch action {
		case linux.SECCOMP_RET_KILL_PROCESS, linux.SECCOMP_RET_KILL_THREAD, linux.SECCOMP_RET_TRAP,
			linux.SECCOMP_RET_ERRNO, linux.SECCOMP_RET_LOG, linux.SECCOMP_RET_ALLOW:
			return 0, nil
		}
		return 0, linux.EOPNOTSUPP
	}
	return 0, linux.EINVAL
}

// addFilter is SECCOMP_SET_MODE_FILTER.
func addFilter(t *kernel.Task, flags Flags, args Addr) (uintptr, error) {
	const tsync, esrch = linux.SECCOMP_FILTER_FLAG_TSYNC, linux.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	if flags&^(tsync|esrch|linux.SECCOMP_FILTER_FLAG_LOG|linux.SECCOMP_FILTER_FLAG_SPEC_ALLOW) != 0 {
		return 0, linux.EINVAL
	}
	var fprog linux.SockFprog
	if err := copyIn(t, args, &fprog); err != nil {
		return 0, err
	}
	if fprog.Len == 0 || fprog.Len > bpf.MaxInsns {
		return 0, linux.EINVAL
	}
	if c := t.Creds(); !c.NoNewPrivs && !c.Has(auth.CapSysAdmin) {
		return 0, linux.EACCES
	}
	raw := make([]linux.SockFilter, fprog.Len)
	if err := copyInSlice(t, Addr(fprog.Filter), raw); err != nil {
		return 0, err
	}
	prog := make([]bpf.Insn, len(raw))
	for i, f := range raw {
		prog[i] = bpf.Insn{Code: f.Code, JT: f.JT, JF: f.JF, K: f.K}
	}
	p, ok := kernel.CheckSeccomp(prog)
	if !ok {
		return 0, linux.EINVAL
	}
	sync := kernel.OneTask
	if flags&tsync != 0 {
		sync = kernel.AllTasks
	}
	other, err := t.AddSeccomp(p, sync)
	if other != 0 && flags&esrch != 0 {
		return 0, linux.ESRCH
	}
	return uintptr(other), err
}

// prctlSeccomp is PR_SET_SECCOMP.
func prctlSeccomp(t *kernel.Task, mode, args LFlags) (uintptr, error) {
	switch mode {
	case linux.SECCOMP_MODE_STRICT:
		return 0, t.SetSeccompStrict()
	case linux.SECCOMP_MODE_FILTER:
		return addFilter(t, 0, Addr(args))
	}
	return 0, linux.EINVAL
}
