package sys

import (
	"crypto/rand"
	"math"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
)

// system is the calls about the machine.
var system = family{
	sysno.Uname:         call1(uname),
	sysno.Sethostname:   call2(sethostname),
	sysno.Setdomainname: call2(setdomainname),
	sysno.Sysinfo:       call1(sysinfo).except("loads, swap and buffers are 0"),
	sysno.Syslog:        call3(syslog).except("the log is fixed"),
	sysno.Getrandom:     call3(getrandom),
	sysno.Getcpu:        call2(getcpu).except("always processor 0"),
	sysno.Membarrier:    call3(membarrier).except("private expedited commands only"),
	sysno.Rseq:          refuse(linux.ENOSYS, "as without CONFIG_RSEQ"),
	sysno.Vhangup:       refuse(linux.EPERM, "terminals are hung up from outside"),
	sysno.Reboot:        refuse(linux.EPERM, "the container is stopped from outside"),
	sysno.KexecLoad:     refuse(linux.EPERM, "there is no kernel to replace"),
	sysno.KexecFileLoad: refuse(linux.EPERM, "there is no kernel to replace"),
	sysno.InitModule:    refuse(linux.EPERM, "there are no modules"),
	sysno.FinitModule:   refuse(linux.EPERM, "there are no modules"),
	sysno.DeleteModule:  refuse(linux.EPERM, "there are no modules"),
	sysno.Iopl:          refuse(linux.EPERM, "there are no ports"),
	sysno.Ioperm:        refuse(linux.EPERM, "there are no ports"),
	sysno.ModifyLdt:     refuse(linux.ENOSYS, "as without CONFIG_MODIFY_LDT_SYSCALL"),
	sysno.Acct:          refuse(linux.EPERM, "no process accounting"),
}

// uname is uname(2).
func uname(t *kernel.Task, to Addr) (uintptr, error) {
	var u linux.Utsname
	host, domain := t.UTS().Names()
	copy(u.Sysname[:], "Linux")
	copy(u.Nodename[:linux.UTSLen], host)
	copy(u.Release[:], kernel.Release)
	copy(u.Version[:], kernel.Version)
	machine := "x86_64"
	if t.Personality().Load()&kernel.PerMask == kernel.PerLinux32 {
		machine = "i686"
	}
	copy(u.Machine[:], machine)
	copy(u.Domainname[:linux.UTSLen], domain)
	return 0, copyOut(t, to, &u)
}

// sethostname is sethostname(2).
func sethostname(t *kernel.Task, name Addr, size Int) (uintptr, error) {
	s, err := copyInName(t, name, size)
	if err == nil {
		t.UTS().SetHost(s)
	}
	return 0, err
}

// setdomainname is setdomainname(2).
func setdomainname(t *kernel.Task, name Addr, size Int) (uintptr, error) {
	s, err := copyInName(t, name, size)
	if err == nil {
		t.UTS().SetDomain(s)
	}
	return 0, err
}

func copyInName(t *kernel.Task, a Addr, size Int) (string, error) {
	if !t.Creds().Has(auth.CapSysAdmin) {
		return "", linux.EPERM
	}
	if size < 0 || size > linux.UTSLen {
		return "", linux.EINVAL
	}
	var b [linux.UTSLen]byte
	if _, err := t.Mem().CopyIn(a.Guest(), b[:size]); err != nil {
		return "", err
	}
	for i, c := range b[:size] {
		if c == 0 {
			size = Int(i)
			break
		}
	}
	return string(b[:size]), nil
}

// sysinfo is sysinfo(2).
func sysinfo(t *kernel.Task, to Addr) (uintptr, error) {
	cg := t.Group().Cgroup()
	s := linux.Sysinfo{
		Uptime:   kernel.Now() / second,
		Totalram: cg.TotalMemory.Load(),
		MemUnit:  1,
	}
	if cg.FreeMemory != nil {
		s.Freeram = cg.FreeMemory()
	}
	n := 0
	for _, tg := range t.Group().Namespace().Groups() {
		n += len(tg.Tasks())
	}
	s.Procs = uint16(min(n, math.MaxUint16))
	return 0, copyOut(t, to, &s)
}

// getrandom is getrandom(2).
func getrandom(t *kernel.Task, to Addr, size Size, flags Flags) (uintptr, error) {
	const both = linux.GRND_RANDOM | linux.GRND_INSECURE
	if flags&^(linux.GRND_NONBLOCK|both) != 0 || flags&both == both {
		return 0, linux.EINVAL
	}
	n := int(min(uint64(size), math.MaxInt32))
	done, err := t.Mem().Windows(to.Guest(), n, guest.Store, func(w []byte) (int, error) {
		if t.SignalPending() && len(w) > guest.PageSize {
			w = w[:guest.PageSize] // as Linux, which looks after each page
		}
		_, _ = rand.Read(w) // it never fails
		return len(w), nil
	})
	if done > 0 {
		return uintptr(done), nil
	}
	return 0, err
}

// getcpu is getcpu(2). Which host processor runs a guest thread is not the
// guest's to know.
func getcpu(t *kernel.Task, cpu, node Addr) (uintptr, error) {
	var zero uint32
	for _, a := range [...]Addr{cpu, node} {
		if a != 0 {
			if err := copyOut(t, a, &zero); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

// barriers is the commands of membarrier(2) that there are. The bit after an
// expedited command's is that of its registration.
const barriers = linux.MEMBARRIER_CMD_PRIVATE_EXPEDITED | linux.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
	linux.MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | linux.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE

// membarrier is membarrier(2).
func membarrier(t *kernel.Task, cmd Int, flags Uint, _ Int) (uintptr, error) {
	if flags != 0 {
		return 0, linux.EINVAL
	}
	registered := t.Group().Membarrier()
	switch cmd {
	case linux.MEMBARRIER_CMD_QUERY:
		return barriers, nil
	case linux.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, linux.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
		registered.Or(uint32(cmd))
		return 0, nil
	case linux.MEMBARRIER_CMD_PRIVATE_EXPEDITED, linux.MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
		if registered.Load()&uint32(cmd<<1) == 0 {
			return 0, linux.EPERM
		}
		return 0, t.Barrier()
	}
	return 0, linux.EINVAL
}
