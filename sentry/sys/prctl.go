package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
)

// prctls is the calls that set what a process is like.
var prctls = family{
	sysno.Prctl:       call5(prctl).except("MM layout, speculation and TSC controls are EINVAL"),
	sysno.ArchPrctl:   call2(archPrctl).except("CPUID cannot be made to fault"),
	sysno.Personality: call1(personality).except("only ADDR_NO_RANDOMIZE and PER_LINUX32 (uname) have an effect"),
}

// prctl is prctl(2).
func prctl(t *kernel.Task, option Int, a, b, c, d LFlags) (uintptr, error) {
	rest := b | c | d
	switch option {
	case linux.PR_SET_PDEATHSIG:
		if a > linux.NSIG {
			return 0, linux.EINVAL
		}
		t.PDeathSig().Store(int32(a))
		return 0, nil
	case linux.PR_GET_PDEATHSIG:
		v := t.PDeathSig().Load()
		return 0, copyOut(t, Addr(a), &v)
	case linux.PR_GET_DUMPABLE:
		return uintptr(t.Group().Dumpable()), nil
	case linux.PR_SET_DUMPABLE:
		if a != linux.SUID_DUMP_DISABLE && a != linux.SUID_DUMP_USER {
			return 0, linux.EINVAL
		}
		t.Group().SetDumpable(int32(a))
		return 0, nil
	case linux.PR_SET_NAME, linux.PR_GET_NAME:
		return 0, prctlName(t, option, Addr(a))
	case linux.PR_GET_TIMING:
		return 0, nil // PR_TIMING_STATISTICAL
	case linux.PR_SET_TIMING:
		return 0, refuseUnless(a == 0)
	case linux.PR_GET_TSC:
		v := int32(linux.PR_TSC_ENABLE)
		return 0, copyOut(t, Addr(a), &v)
	case linux.PR_SET_TSC:
		return 0, refuseUnless(a == linux.PR_TSC_ENABLE)
	case linux.PR_SET_TIMERSLACK:
		slack := uint64(a)
		if int64(slack) <= 0 {
			slack = kernel.DefaultSlackNS
		}
		t.TimerSlack().Store(slack)
		return 0, nil
	case linux.PR_GET_TIMERSLACK:
		return uintptr(t.TimerSlack().Load()), nil
	case linux.PR_SET_CHILD_SUBREAPER:
		f := kernel.NotSubreaper
		if a != 0 {
			f = kernel.Subreaper
		}
		t.Group().SetSubreaper(f)
		return 0, nil
	case linux.PR_GET_CHILD_SUBREAPER:
		v := int32(truth(t.Group().IsSubreaper()))
		return 0, copyOut(t, Addr(a), &v)
	case linux.PR_GET_TID_ADDRESS:
		v := uint64(t.ClearTID())
		return 0, copyOut(t, Addr(a), &v)
	case linux.PR_SET_THP_DISABLE:
		if rest != 0 {
			return 0, linux.EINVAL
		}
		t.THPDisabled().Store(a != 0)
		return 0, nil
	case linux.PR_GET_THP_DISABLE:
		return truth(t.THPDisabled().Load()), refuseUnless(a|rest == 0)
	case linux.PR_GET_SECCOMP:
		return uintptr(t.SeccompMode()), nil
	case linux.PR_SET_SECCOMP:
		return prctlSeccomp(t, a, b)
	}
	return prctlCreds(t, option, a, b, c, d)
}

func truth(b bool) uintptr {
	if b {
		return 1
	}
	return 0
}

// refuseUnless is EINVAL for what is not the one value that there is.
func refuseUnless(ok bool) error {
	if !ok {
		return linux.EINVAL
	}
	return nil
}

func prctlName(t *kernel.Task, option Int, a Addr) error {
	var b [linux.TASK_COMM_LEN]byte
	if option == linux.PR_GET_NAME {
		copy(b[:], t.Comm())
		return copyOut(t, a, &b)
	}
	s, err := copyInString(t.Mem(), a.Guest(), linux.TASK_COMM_LEN-1)
	if err != nil && err != linux.ENAMETOOLONG {
		return err
	}
	t.Rename(s)
	return nil
}

// prctlCreds is the options that concern credentials.
func prctlCreds(t *kernel.Task, option Int, a, b, c, d LFlags) (uintptr, error) {
	old := t.Creds()
	rest := b | c | d
	switch option {
	case linux.PR_GET_KEEPCAPS:
		return uintptr(old.SecureBits / auth.KeepCaps & 1), nil
	case linux.PR_SET_KEEPCAPS:
		if a > 1 {
			return 0, linux.EINVAL
		}
		if old.SecureBits&(auth.KeepCaps<<1) != 0 {
			return 0, linux.EPERM
		}
		n := old.Clone()
		n.SecureBits = n.SecureBits&^auth.KeepCaps | uint32(a)*auth.KeepCaps
		t.SetCreds(n)
		return 0, nil
	case linux.PR_GET_SECUREBITS:
		return uintptr(old.SecureBits), nil
	case linux.PR_SET_SECUREBITS:
		return 0, setSecureBits(t, uint64(a))
	case linux.PR_CAPBSET_READ:
		return truth(old.Bounding.Has(auth.Cap(a & 0x3f))), refuseUnless(a <= LFlags(auth.CapLast))
	case linux.PR_CAPBSET_DROP:
		if !old.Has(auth.CapSetpcap) {
			return 0, linux.EPERM
		}
		if a > LFlags(auth.CapLast) {
			return 0, linux.EINVAL
		}
		n := old.Clone()
		n.Bounding &^= 1 << a
		t.SetCreds(n)
		return 0, nil
	case linux.PR_CAP_AMBIENT:
		return ambient(t, a, b, c|d)
	case linux.PR_SET_NO_NEW_PRIVS:
		if a != 1 || rest != 0 {
			return 0, linux.EINVAL
		}
		n := old.Clone()
		n.NoNewPrivs = true
		t.SetCreds(n)
		return 0, nil
	case linux.PR_GET_NO_NEW_PRIVS:
		return truth(old.NoNewPrivs), refuseUnless(a|rest == 0)
	}
	return 0, linux.EINVAL
}

// setSecureBits is PR_SET_SECUREBITS (cap_task_prctl).
func setSecureBits(t *kernel.Task, bits uint64) error {
	old := t.Creds()
	was := uint64(old.SecureBits)
	const all, locks = linux.SECURE_ALL_BITS, linux.SECURE_ALL_LOCKS
	switch {
	case (was&locks)>>1&(was^bits) != 0, // a locked bit changes
		was&locks&^bits != 0, // a lock goes away
		bits&^(locks|all) != 0,
		!old.Has(auth.CapSetpcap):
		return linux.EPERM
	}
	n := old.Clone()
	n.SecureBits = uint32(bits)
	t.SetCreds(n)
	return nil
}

// ambient is PR_CAP_AMBIENT.
func ambient(t *kernel.Task, op, which, rest LFlags) (uintptr, error) {
	old := t.Creds()
	if op == linux.PR_CAP_AMBIENT_CLEAR_ALL {
		if which|rest != 0 {
			return 0, linux.EINVAL
		}
		n := old.Clone()
		n.Ambient = 0
		t.SetCreds(n)
		return 0, nil
	}
	if rest != 0 || which > LFlags(auth.CapLast) {
		return 0, linux.EINVAL
	}
	cp := auth.Cap(which)
	n := old.Clone()
	switch op {
	case linux.PR_CAP_AMBIENT_IS_SET:
		return truth(old.Ambient.Has(cp)), nil
	case linux.PR_CAP_AMBIENT_RAISE:
		if !old.Permitted.Has(cp) || !old.Inheritable.Has(cp) || old.SecureBits&auth.NoAmbientRaise != 0 {
			return 0, linux.EPERM
		}
		n.Ambient |= 1 << cp
	case linux.PR_CAP_AMBIENT_LOWER:
		n.Ambient &^= 1 << cp
	default:
		return 0, linux.EINVAL
	}
	t.SetCreds(n)
	return 0, nil
}

// archPrctl is arch_prctl(2).
func archPrctl(t *kernel.Task, option Int, a Addr) (uintptr, error) {
	r := t.Regs()
	switch option {
	case linux.ARCH_SET_FS, linux.ARCH_SET_GS:
		if a >= taskSizeMax {
			return 0, linux.EPERM
		}
		if option == linux.ARCH_SET_FS {
			r.FSBase = uint64(a)
		} else {
			r.GSBase = uint64(a)
		}
		return 0, nil
	case linux.ARCH_GET_FS:
		return 0, copyOut(t, a, &r.FSBase)
	case linux.ARCH_GET_GS:
		return 0, copyOut(t, a, &r.GSBase)
	case linux.ARCH_GET_CPUID:
		return 1, nil
	case linux.ARCH_SET_CPUID:
		return 0, linux.ENODEV
	}
	return 0, linux.EINVAL
}

// personality is personality(2).
func personality(t *kernel.Task, p Uint) (uintptr, error) {
	const ask = 0xffffffff
	old := t.Personality().Load()
	if p != ask {
		t.Personality().Store(uint32(p))
	}
	return uintptr(old), nil
}
