package linux

import "structs"

// Resources of getrlimit(2).
const (
	RLIMIT_CPU        = 0
	RLIMIT_FSIZE      = 1
	RLIMIT_DATA       = 2
	RLIMIT_STACK      = 3
	RLIMIT_CORE       = 4
	RLIMIT_RSS        = 5
	RLIMIT_NPROC      = 6
	RLIMIT_NOFILE     = 7
	RLIMIT_MEMLOCK    = 8
	RLIMIT_AS         = 9
	RLIMIT_LOCKS      = 10
	RLIMIT_SIGPENDING = 11
	RLIMIT_MSGQUEUE   = 12
	RLIMIT_NICE       = 13
	RLIMIT_RTPRIO     = 14
	RLIMIT_RTTIME     = 15
	RLIM_NLIMITS      = 16

	RLIM_INFINITY = ^uint64(0)

	RUSAGE_SELF     = 0
	RUSAGE_CHILDREN = -1
	RUSAGE_THREAD   = 1
)

// Rlimit is struct rlimit64.
type Rlimit struct {
	_   structs.HostLayout
	Cur uint64
	Max uint64
}

// Rusage is struct rusage.
type Rusage struct {
	_                                structs.HostLayout
	Utime, Stime                     Timeval
	Maxrss                           int64
	Ixrss, Idrss, Isrss              int64
	Minflt, Majflt, Nswap            int64
	Inblock, Oublock, Msgsnd, Msgrcv int64
	Nsignals, Nvcsw, Nivcsw          int64
}

// Tms is struct tms (times(2)).
type Tms struct {
	_                            structs.HostLayout
	Utime, Stime, Cutime, Cstime int64
}
