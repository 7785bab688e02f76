package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
)

// Why calls of no family are refused.
const (
	neverWas = "no kernel of x86-64 has it"
	gone     = "Linux has removed it"
	newer    = "newer than the kernel that we show"
	without  = "as a kernel built without it"
	noSwap   = "the host swaps"
)

// refused is the calls that no kernel has, or that have no place in a sandbox.
var refused = family{
	sysno.Uselib:         refuse(linux.ENOSYS, gone),
	sysno.CreateModule:   refuse(linux.ENOSYS, gone),
	sysno.GetKernelSyms:  refuse(linux.ENOSYS, gone),
	sysno.QueryModule:    refuse(linux.ENOSYS, gone),
	sysno.Nfsservctl:     refuse(linux.ENOSYS, gone),
	sysno.LookupDcookie:  refuse(linux.ENOSYS, gone),
	sysno.Sysctl:         refuse(linux.ENOSYS, gone),
	sysno.EpollCtlOld:    refuse(linux.ENOSYS, neverWas),
	sysno.EpollWaitOld:   refuse(linux.ENOSYS, neverWas),
	sysno.Getpmsg:        refuse(linux.ENOSYS, neverWas),
	sysno.Putpmsg:        refuse(linux.ENOSYS, neverWas),
	sysno.AfsSyscall:     refuse(linux.ENOSYS, neverWas),
	sysno.Tuxcall:        refuse(linux.ENOSYS, neverWas),
	sysno.Security:       refuse(linux.ENOSYS, neverWas),
	sysno.Vserver:        refuse(linux.ENOSYS, neverWas),
	sysno.SetThreadArea:  refuse(linux.ENOSYS, neverWas),
	sysno.GetThreadArea:  refuse(linux.ENOSYS, neverWas),
	sysno.Statmount:      refuse(linux.ENOSYS, newer),
	sysno.Listmount:      refuse(linux.ENOSYS, newer),
	sysno.LsmGetSelfAttr: refuse(linux.ENOSYS, newer),
	sysno.LsmSetSelfAttr: refuse(linux.ENOSYS, newer),
	sysno.LsmListModules: refuse(linux.ENOSYS, newer),
	sysno.Setxattrat:     refuse(linux.ENOSYS, newer),
	sysno.Getxattrat:     refuse(linux.ENOSYS, newer),
	sysno.Listxattrat:    refuse(linux.ENOSYS, newer),
	sysno.Removexattrat:  refuse(linux.ENOSYS, newer),
	sysno.OpenTreeAttr:   refuse(linux.ENOSYS, newer),

	sysno.Swapon:     refuse(linux.EPERM, noSwap),
	sysno.Swapoff:    refuse(linux.EPERM, noSwap),
	sysno.Quotactl:   refuse(linux.ENOSYS, without),
	sysno.QuotactlFd: refuse(linux.ENOSYS, without),
	sysno.Sysfs:      refuse(linux.ENOSYS, without),
	sysno.AddKey:     refuse(linux.ENOSYS, without),
	sysno.RequestKey: refuse(linux.ENOSYS, without),
	sysno.Keyctl:     refuse(linux.ENOSYS, without),
	sysno.Kcmp:       refuse(linux.ENOSYS, without),

	sysno.Bpf:                   refuse(linux.EPERM, "there is no kernel to program"),
	sysno.PerfEventOpen:         refuse(linux.ENOSYS, "the host's counters are not the guest's to read"),
	sysno.IoUringSetup:          refuse(linux.ENOSYS, without),
	sysno.IoUringEnter:          refuse(linux.ENOSYS, without),
	sysno.IoUringRegister:       refuse(linux.ENOSYS, without),
	sysno.IoSetup:               refuse(linux.ENOSYS, without),
	sysno.IoDestroy:             refuse(linux.ENOSYS, without),
	sysno.IoGetevents:           refuse(linux.ENOSYS, without),
	sysno.IoPgetevents:          refuse(linux.ENOSYS, without),
	sysno.IoSubmit:              refuse(linux.ENOSYS, without),
	sysno.IoCancel:              refuse(linux.ENOSYS, without),
	sysno.FanotifyInit:          refuse(linux.ENOSYS, without),
	sysno.FanotifyMark:          refuse(linux.ENOSYS, without),
	sysno.LandlockCreateRuleset: refuse(linux.EOPNOTSUPP, "as with Landlock disabled"),
	sysno.LandlockAddRule:       refuse(linux.EOPNOTSUPP, "as with Landlock disabled"),
	sysno.LandlockRestrictSelf:  refuse(linux.EOPNOTSUPP, "as with Landlock disabled"),
	sysno.Ptrace:                refuse(linux.EPERM, "tasks cannot be traced yet"),
}
