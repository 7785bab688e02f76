package kernel

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/bpf"
	"glovebox/sentry/arch"
)

// A Seccomp is what a task may call (seccomp(2)): a chain of filters, newest
// first. It is immutable, and shared by inheritance.
type Seccomp struct {
	prog  *bpf.Program // nil: strict mode
	older *Seccomp
	insns int // of the whole chain, with what Linux counts for each filter
}

const (
	// seccompWords is the size of struct seccomp_data.
	seccompWords = 16
	// maxSeccompInsns is MAX_INSNS_PER_PATH; a filter counts four more.
	maxSeccompInsns    = 32768
	seccompFilterInsns = 4
)

// CheckSeccomp makes a program of prog, if it is one.
func CheckSeccomp(prog []bpf.Insn) (*bpf.Program, bool) { return bpf.Check(prog, seccompWords) }

// SeccompMode is PR_GET_SECCOMP.
func (t *Task) SeccompMode() int {
	switch s := t.seccomp.Load(); {
	case s == nil:
		return linux.SECCOMP_MODE_DISABLED
	case s.prog == nil:
		return linux.SECCOMP_MODE_STRICT
	}
	return linux.SECCOMP_MODE_FILTER
}

// SeccompFilters returns how many filters t has.
func (t *Task) SeccompFilters() (n int) {
	for s := t.seccomp.Load(); s != nil && s.prog != nil; s = s.older {
		n++
	}
	return n
}

// SetSeccompStrict leaves t only read, write, exit and sigreturn.
func (t *Task) SetSeccompStrict() error {
	if t.SeccompMode() == linux.SECCOMP_MODE_FILTER {
		return linux.EINVAL
	}
	t.setSeccomp(&Seccomp{})
	return nil
}

// AddSeccomp adds a filter to t, or to every task of its process if sync says
// so. Then other is the id of a task that cannot follow, 0 if all have.
func (t *Task) AddSeccomp(p *bpf.Program, sync SeccompSync) (other int32, err error) {
	old := t.seccomp.Load()
	s := &Seccomp{prog: p, older: old, insns: p.Len()}
	if old != nil {
		if old.prog == nil {
			return 0, linux.EINVAL
		}
		s.insns += old.insns + seccompFilterInsns
	}
	if s.insns > maxSeccompInsns {
		return 0, linux.ENOMEM
	}
	if sync == OneTask {
		t.setSeccomp(s)
		return 0, nil
	}
	tg := t.tg
	tg.mu.Lock()
	for _, o := range tg.tasks {
		if o != t && !old.descendsFrom(o.seccomp.Load()) {
			tg.mu.Unlock()
			return o.TID(), nil
		}
	}
	noNewPrivs := t.Creds().NoNewPrivs
	for _, o := range tg.tasks {
		if o == t {
			continue
		}
		if noNewPrivs {
			o.forbidNewPrivs()
		}
		o.seccomp.Store(s)
		o.interrupt(workPublish)
	}
	tg.mu.Unlock()
	t.setSeccomp(s)
	return 0, nil
}

// A SeccompSync says whom a filter is for (SECCOMP_FILTER_FLAG_TSYNC).
type SeccompSync uint8

// Values of SeccompSync.
const (
	OneTask SeccompSync = iota
	AllTasks
)

// forbidNewPrivs sets t's no_new_privs from another task.
func (t *Task) forbidNewPrivs() {
	for {
		old := t.Creds()
		if old.NoNewPrivs {
			return
		}
		c := old.Clone()
		c.NoNewPrivs = true
		if t.cred.CompareAndSwap(old, c) {
			return
		}
	}
}

func (t *Task) setSeccomp(s *Seccomp) {
	t.seccomp.Store(s)
	t.publish()
}

// descendsFrom reports whether s is a, or was made by adding to it
// (is_ancestor in kernel/seccomp.c).
func (s *Seccomp) descendsFrom(a *Seccomp) bool {
	for ; a != nil; s = s.older {
		if s == a {
			return true
		}
		if s == nil {
			return false
		}
	}
	return true
}

// Filtered asks t's filters about the call that it makes. Unless ok, the call
// is not made: v or err is its result.
func (t *Task) Filtered() (v uintptr, err error, ok bool) {
	s := t.seccomp.Load()
	if s == nil {
		return 0, nil, true
	}
	r := s.run(&t.regs)
	data := r & linux.SECCOMP_RET_DATA
	switch r & linux.SECCOMP_RET_ACTION_FULL {
	case linux.SECCOMP_RET_ALLOW, linux.SECCOMP_RET_LOG:
		return 0, nil, true
	case linux.SECCOMP_RET_ERRNO:
		if data == 0 {
			return 0, nil, false
		}
		return 0, linux.Errno(min(data, maxErrno)), false
	case linux.SECCOMP_RET_TRACE, linux.SECCOMP_RET_USER_NOTIF:
		return 0, linux.ENOSYS, false // nobody traces, nobody listens
	case linux.SECCOMP_RET_TRAP:
		t.forceSignal(t.seccompInfo(data))
		t.regs.SetReturn(t.regs.OrigRAX)
		return 0, ErrNoReturn, false
	case linux.SECCOMP_RET_KILL_THREAD:
		return 0, t.dieOfSeccomp(s), false
	}
	t.tg.mu.Lock()
	t.tg.killLocked(linux.SIGSYS)
	t.tg.mu.Unlock()
	return 0, ErrNoReturn, false
}

// maxErrno is MAX_ERRNO.
const maxErrno = 4095

// dieOfSeccomp ends t alone, or its process if there is no other task; strict
// mode says SIGKILL.
func (t *Task) dieOfSeccomp(s *Seccomp) error {
	signo := int32(linux.SIGSYS)
	if s.prog == nil {
		signo = linux.SIGKILL
	}
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	if len(t.tg.tasks) == 1 {
		t.tg.killLocked(signo)
	}
	t.exitStatus = signo
	t.work.Or(workKill)
	return ErrNoReturn
}

// seccompInfo is the information of SIGSYS (seccomp(2)).
func (t *Task) seccompInfo(data uint32) *Info {
	i := &Info{Signo: linux.SIGSYS, Errno: int32(data), Code: linux.SYS_SECCOMP}
	le.PutUint64(i.Fields[0:], t.regs.RIP)
	le.PutUint32(i.Fields[8:], uint32(t.regs.OrigRAX))
	le.PutUint32(i.Fields[12:], linux.AUDIT_ARCH_X86_64)
	return i
}

// run returns what the strictest of the filters says; of equals the newest.
func (s *Seccomp) run(r *arch.Regs) uint32 {
	if s.prog == nil {
		switch r.OrigRAX {
		case sysno.Read, sysno.Write, sysno.Exit, sysno.RtSigreturn:
			return linux.SECCOMP_RET_ALLOW
		}
		return linux.SECCOMP_RET_KILL_THREAD
	}
	var in [seccompWords]uint32
	in[0], in[1] = uint32(r.OrigRAX), linux.AUDIT_ARCH_X86_64
	in[2], in[3] = uint32(r.RIP), uint32(r.RIP>>32)
	for i, a := range r.Args() {
		in[4+2*i], in[5+2*i] = uint32(a), uint32(a>>32)
	}
	strictest := uint32(linux.SECCOMP_RET_ALLOW)
	for ; s != nil; s = s.older {
		v := s.prog.Run(in[:])
		// As signed numbers KILL_PROCESS is below all others.
		if int32(v&linux.SECCOMP_RET_ACTION_FULL) < int32(strictest&linux.SECCOMP_RET_ACTION_FULL) {
			strictest = v
		}
	}
	return strictest
}
