package kernel

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
)

// Limits are the resource limits of a thread group (getrlimit(2)).
type Limits struct {
	mu sync.Mutex // a leaf
	v  [linux.RLIM_NLIMITS]linux.Rlimit
}

// DefaultLimits are those of Linux's init (INIT_RLIMITS), with the descriptor
// limit of a container.
func DefaultLimits() [linux.RLIM_NLIMITS]linux.Rlimit {
	const inf = linux.RLIM_INFINITY
	var v [linux.RLIM_NLIMITS]linux.Rlimit
	for i := range v {
		v[i] = linux.Rlimit{Cur: inf, Max: inf}
	}
	v[linux.RLIMIT_STACK] = linux.Rlimit{Cur: 8 << 20, Max: inf}
	v[linux.RLIMIT_CORE] = linux.Rlimit{Cur: 0, Max: inf}
	v[linux.RLIMIT_NOFILE] = linux.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	v[linux.RLIMIT_MEMLOCK] = linux.Rlimit{Cur: 8 << 20, Max: 8 << 20}
	v[linux.RLIMIT_SIGPENDING] = linux.Rlimit{Cur: 1 << 14, Max: 1 << 14}
	v[linux.RLIMIT_MSGQUEUE] = linux.Rlimit{Cur: 819200, Max: 819200}
	v[linux.RLIMIT_NICE] = linux.Rlimit{}
	v[linux.RLIMIT_RTPRIO] = linux.Rlimit{}
	return v
}

// Get returns both limits of resource r.
func (l *Limits) Get(r int) linux.Rlimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.v[r]
}

// Cur returns the soft limit of resource r.
func (l *Limits) Cur(r int) uint64 { return l.Get(r).Cur }

// All returns every limit.
func (l *Limits) All() [linux.RLIM_NLIMITS]linux.Rlimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.v
}

// SetAll replaces every limit.
func (l *Limits) SetAll(v [linux.RLIM_NLIMITS]linux.Rlimit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.v = v
}

// nrOpen is fs.nr_open, the highest RLIMIT_NOFILE.
const nrOpen = 1 << 20

// Set changes the limits of resource r on behalf of c, and returns the old
// ones (do_prlimit in kernel/sys.c).
func (l *Limits) Set(r int, v linux.Rlimit, c *auth.Creds) (linux.Rlimit, error) {
	if v.Cur > v.Max {
		return linux.Rlimit{}, linux.EINVAL
	}
	if r == linux.RLIMIT_NOFILE && v.Max > nrOpen {
		return linux.Rlimit{}, linux.EPERM
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.v[r]
	if v.Max > old.Max && !c.Has(auth.CapSysResource) {
		return old, linux.EPERM
	}
	l.v[r] = v
	return old, nil
}
