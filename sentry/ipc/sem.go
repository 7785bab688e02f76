package ipc

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// A Set is a set of semaphores. Its fields are guarded by Namespace.mu.
type Set struct {
	perm
	sems  []semaphore
	otime int64
	// changed is told when a value changed, or the set went.
	changed wait.Queue
}

type semaphore struct {
	val, pid   int32
	ncnt, zcnt int32 // tasks that wait for more, for 0
}

// An Undo is what the exit of a process takes back (SEM_UNDO in semop(2)). The
// zero value is empty. Guarded by Namespace.mu.
type Undo struct {
	adjust map[undoKey]int32
}

type undoKey struct {
	set *Set
	num uint16
}

// Semget is semget(2).
func (ns *Namespace) Semget(w Who, key int32, n int32, flags uint32) (int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if n < 0 || uint64(n) > ns.limits.SemMSL {
		return 0, linux.EINVAL
	}
	return ns.sems.get(w, key, flags, int(ns.limits.SemMNI), func(s *Set) error {
		if int(n) > len(s.sems) {
			return linux.EINVAL
		}
		return nil
	}, func() (*Set, error) {
		if n == 0 {
			return nil, linux.EINVAL
		}
		if ns.semsLocked()+int(n) > int(ns.limits.SemMNS) {
			return nil, linux.ENOSPC
		}
		return &Set{sems: make([]semaphore, n)}, nil
	})
}

// A SemWait is a semop(2) that may have to wait.
type SemWait struct {
	ns   *Namespace
	w    Who
	set  *Set
	ops  []linux.Sembuf
	undo *Undo
	// on is the semaphore that it waits for, nil while it does not.
	on   *semaphore
	zero bool // that it is 0
}

// Semop begins a semop(2) of ops, whose undo goes to u. EAGAIN from Try asks to
// wait on Queue.
func (ns *Namespace) Semop(w Who, id int32, ops []linux.Sembuf, u *Undo) (*SemWait, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return nil, err
	}
	mode := uint32(0o444)
	for _, op := range ops {
		if int(op.Num) >= len(s.sems) {
			return nil, linux.EFBIG
		}
		if op.Op != 0 {
			mode = 0o222
		}
	}
	if !s.allows(w, mode) {
		return nil, linux.EACCES
	}
	return &SemWait{ns: ns, w: w, set: s, ops: ops, undo: u}, nil
}

// Queue is told when Try may succeed.
func (x *SemWait) Queue() *wait.Queue { return &x.set.changed }

// Try does all of the operations or none: again is true if it has to wait.
func (x *SemWait) Try() (again bool, err error) {
	x.ns.mu.Lock()
	defer x.ns.mu.Unlock()
	x.waitFor(nil, false)
	if x.set.removed {
		return false, linux.EIDRM
	}
	done := 0
	for ; done < len(x.ops) && err == nil && !again; done++ {
		again, err = x.step(&x.ops[done])
	}
	if !again && err == nil {
		x.set.otime = now()
		x.set.changed.Notify(wait.In)
		return false, nil
	}
	// The last one did nothing: take back those before it.
	for _, op := range x.ops[:done-1] {
		x.set.sems[op.Num].val -= int32(op.Op)
	}
	if again && x.ops[done-1].Flg&linux.IPC_NOWAIT != 0 {
		return false, linux.EAGAIN
	}
	if again {
		op := x.ops[done-1]
		x.waitFor(&x.set.sems[op.Num], op.Op == 0)
	}
	return again, err
}

// step does one operation.
func (x *SemWait) step(op *linux.Sembuf) (again bool, err error) {
	s := &x.set.sems[op.Num]
	v := s.val + int32(op.Op)
	switch {
	case op.Op == 0:
		return s.val != 0, nil
	case v < 0:
		return true, nil
	case v > linux.SEMVMX:
		return false, linux.ERANGE
	}
	s.val = v
	return false, nil
}

// Finish notes a success: who did it, and what its exit takes back.
func (x *SemWait) Finish() {
	x.ns.mu.Lock()
	defer x.ns.mu.Unlock()
	for _, op := range x.ops {
		x.set.sems[op.Num].pid = x.w.PID
		if op.Flg&linux.SEM_UNDO == 0 || op.Op == 0 {
			continue
		}
		if x.undo.adjust == nil {
			x.undo.adjust = map[undoKey]int32{}
			if x.ns.undos == nil {
				x.ns.undos = map[*Undo]struct{}{}
			}
			x.ns.undos[x.undo] = struct{}{}
		}
		k := undoKey{x.set, op.Num}
		if x.undo.adjust[k] -= int32(op.Op); x.undo.adjust[k] == 0 {
			delete(x.undo.adjust, k)
		}
	}
}

// Stop ends the wait.
func (x *SemWait) Stop() {
	x.ns.mu.Lock()
	x.waitFor(nil, false)
	x.ns.mu.Unlock()
}

// waitFor keeps the counts of GETNCNT and GETZCNT.
func (x *SemWait) waitFor(s *semaphore, zero bool) {
	count := func(s *semaphore, zero bool, n int32) {
		if zero {
			s.zcnt += n
		} else {
			s.ncnt += n
		}
	}
	if x.on != nil {
		count(x.on, x.zero, -1)
	}
	if s != nil {
		count(s, zero, 1)
	}
	x.on, x.zero = s, zero
}

// Exit takes back what u says (exit_sem).
func (ns *Namespace) Exit(w Who, u *Undo) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	for k, n := range u.adjust {
		if k.set.removed {
			continue
		}
		s := &k.set.sems[k.num]
		s.val = min(max(s.val+n, 0), linux.SEMVMX)
		s.pid = w.PID
		k.set.otime = now()
		k.set.changed.Notify(wait.In)
	}
	u.adjust = nil
	delete(ns.undos, u)
}

// forget has nobody's exit take back anything of the semaphores of s for which is
// returns true.
func (ns *Namespace) forget(s *Set, is func(num uint16) bool) {
	for u := range ns.undos {
		for k := range u.adjust {
			if k.set == s && is(k.num) {
				delete(u.adjust, k)
			}
		}
	}
}

// SemStat is IPC_STAT, or SEM_STAT and SEM_STAT_ANY, which name an index and
// get the id.
func (ns *Namespace) SemStat(w Who, id int32, cmd int) (linux.SemidDS, int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	find := ns.sems.find
	if cmd != linux.IPC_STAT {
		find = ns.sems.at
	}
	s, err := find(id)
	if err != nil {
		return linux.SemidDS{}, 0, err
	}
	if cmd != linux.SEM_STAT_ANY && !s.allows(w, 0o444) {
		return linux.SemidDS{}, 0, linux.EACCES
	}
	return linux.SemidDS{Perm: s.show(), Otime: s.otime, Ctime: s.ctime, Nsems: uint64(len(s.sems))}, s.id, nil
}

// SemSet is IPC_SET.
func (ns *Namespace) SemSet(w Who, id int32, to *linux.IPCPerm) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return err
	}
	return s.set(w, to)
}

// SemRemove is IPC_RMID: who waits gets EIDRM.
func (ns *Namespace) SemRemove(w Who, id int32) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return err
	}
	if !s.owned(w) {
		return linux.EPERM
	}
	s.removed = true
	ns.forget(s, func(uint16) bool { return true })
	ns.sems.remove(s)
	s.changed.Notify(wait.In)
	return nil
}

// SemGet is GETVAL, GETPID, GETNCNT and GETZCNT of one semaphore.
func (ns *Namespace) SemGet(w Who, id, num int32, cmd int) (int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return 0, err
	}
	if !s.allows(w, 0o444) {
		return 0, linux.EACCES
	}
	if num < 0 || int(num) >= len(s.sems) {
		return 0, linux.EINVAL
	}
	switch m := &s.sems[num]; cmd {
	case linux.GETVAL:
		return m.val, nil
	case linux.GETPID:
		return m.pid, nil
	case linux.GETNCNT:
		return m.ncnt, nil
	default:
		return m.zcnt, nil
	}
}

// SemValues is GETALL.
func (ns *Namespace) SemValues(w Who, id int32) ([]uint16, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return nil, err
	}
	if !s.allows(w, 0o444) {
		return nil, linux.EACCES
	}
	vals := make([]uint16, len(s.sems))
	for i := range s.sems {
		vals[i] = uint16(s.sems[i].val)
	}
	return vals, nil
}

// SemCount returns how many semaphores a set has, for SETALL.
func (ns *Namespace) SemCount(id int32) (int, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return 0, err
	}
	return len(s.sems), nil
}

// SemSetValues is SETALL, or with one value SETVAL of semaphore num. What exits
// would have taken back is forgotten.
func (ns *Namespace) SemSetValues(w Who, id, num int32, vals []uint16) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.sems.find(id)
	if err != nil {
		return err
	}
	if num < 0 || int(num)+len(vals) > len(s.sems) {
		return linux.EINVAL
	}
	if !s.allows(w, 0o222) {
		return linux.EACCES
	}
	for i, v := range vals {
		if v > linux.SEMVMX {
			return linux.ERANGE
		}
		s.sems[int(num)+i].val, s.sems[int(num)+i].pid = int32(v), w.PID
	}
	ns.forget(s, func(n uint16) bool { return int(n) >= int(num) && int(n) < int(num)+len(vals) })
	s.ctime = now()
	s.changed.Notify(wait.In)
	return nil
}

// SemInfo is SEM_INFO's sets and semaphores in use, and the highest index.
func (ns *Namespace) SemInfo() (sets, sems int32, highest uintptr) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return int32(ns.sems.count), int32(ns.semsLocked()), ns.sems.highest()
}

func (ns *Namespace) semsLocked() (n int) {
	for _, s := range ns.sems.slots {
		if s != nil {
			n += len(s.sems)
		}
	}
	return n
}
