package kernel

import (
	"math/bits"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
)

// FutexScope says who may meet at a futex.
type FutexScope uint8

// Scopes.
const (
	PrivateFutex FutexScope = iota // tasks of one address space (FUTEX_PRIVATE_FLAG)
	SharedFutex
)

const futexBuckets = 256

// A futexTable is every futex that is waited for, by hash of its key.
type futexTable struct {
	// requeue is held to change the key of a waiter, and to find the bucket
	// of one. A leaf but for the buckets.
	requeue sync.RWMutex
	buckets [futexBuckets]futexBucket
}

// A futexBucket is a list of waiters, oldest first.
type futexBucket struct {
	mu         lock.Mutex[lock.Futex]
	head, tail *futexWaiter // guarded by mu
}

// A futexWaiter is a task that waits for one futex.
type futexWaiter struct {
	t      *Task
	key    FutexKey
	bitset uint32
	// bucket is where it waits, nil once woken. Guarded, like the links, by
	// the mu of key's bucket; key also by futexTable.requeue.
	bucket     *futexBucket
	prev, next *futexWaiter
}

func (ft *futexTable) bucket(k FutexKey) *futexBucket { return &ft.buckets[hashKey(k)] }

// hashKey spreads keys over the buckets.
func hashKey(k FutexKey) uint64 {
	h := k.Obj*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(k.Off>>2*0xff51afd7ed558ccd, 31)
	h ^= h >> 29
	return h % futexBuckets
}

func (b *futexBucket) pushLocked(w *futexWaiter) {
	w.bucket = b
	w.prev, w.next = b.tail, nil
	if b.tail != nil {
		b.tail.next = w
	} else {
		b.head = w
	}
	b.tail = w
}

func (b *futexBucket) removeLocked(w *futexWaiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		b.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		b.tail = w.prev
	}
	w.bucket, w.prev, w.next = nil, nil, nil
}

func (t *Task) futexKey(a guest.Addr, s FutexScope) (FutexKey, func(), error) {
	if a%4 != 0 {
		return FutexKey{}, nil, linux.EINVAL
	}
	return t.mem.FutexKey(a, s == SharedFutex)
}

// A FutexWaiting is one futex of a wait: the word at Addr must hold Val.
type FutexWaiting struct {
	Addr   guest.Addr
	Val    uint32
	Bitset uint32
	Scope  FutexScope
}

// FutexWait waits on one futex until it is woken, the deadline passes
// (ETIMEDOUT) or a signal comes (ERESTARTSYS). EAGAIN: the word has another
// value.
func (t *Task) FutexWait(w FutexWaiting, deadline int64) error {
	_, err := t.FutexWaitAny([]FutexWaiting{w}, deadline)
	return err
}

// FutexWaitAny waits on several (futex_waitv(2)) and returns the index of one
// that was woken.
func (t *Task) FutexWaitAny(ws []FutexWaiting, deadline int64) (int, error) {
	for i := range ws {
		if ws[i].Bitset == 0 {
			return 0, linux.EINVAL
		}
	}
	queued := make([]futexWaiter, len(ws))
	n, err := t.futexEnqueue(ws, queued)
	if err != nil {
		i, woken := t.futexDequeue(queued[:n])
		if woken {
			return i, nil
		}
		return 0, err
	}
	for err == nil {
		err = t.Block(deadline)
		for i := range queued {
			if queued[i].woken(t.k) {
				_, _ = t.futexDequeue(queued)
				return i, nil
			}
		}
	}
	if i, woken := t.futexDequeue(queued); woken {
		return i, nil
	}
	return 0, err
}

// futexEnqueue registers for every futex of ws; n is how many it got to.
func (t *Task) futexEnqueue(ws []FutexWaiting, queued []futexWaiter) (n int, err error) {
	for i := range ws {
		key, release, err := t.futexKey(ws[i].Addr, ws[i].Scope)
		if err != nil {
			return i, err
		}
		// The key stays valid while the mapping does; a stale one only
		// loses wake-ups for a futex that is gone.
		release()
		b := t.k.futexes.bucket(key)
		b.mu.Lock()
		v, err := t.mem.Load32(ws[i].Addr)
		if err == nil && v != ws[i].Val {
			err = linux.EAGAIN
		}
		if err != nil {
			b.mu.Unlock()
			return i, err
		}
		queued[i] = futexWaiter{t: t, key: key, bitset: ws[i].Bitset}
		b.pushLocked(&queued[i])
		b.mu.Unlock()
	}
	return len(ws), nil
}

// lockBucket locks the bucket that w's key names now; requeueing changes it.
func (w *futexWaiter) lockBucket(k *Kernel) *futexBucket {
	k.futexes.requeue.RLock()
	b := k.futexes.bucket(w.key)
	b.mu.Lock()
	k.futexes.requeue.RUnlock()
	return b
}

func (w *futexWaiter) woken(k *Kernel) bool {
	b := w.lockBucket(k)
	defer b.mu.Unlock()
	return w.bucket == nil
}

// futexDequeue ends the wait for all of ws, and returns one that was woken.
func (t *Task) futexDequeue(ws []futexWaiter) (i int, woken bool) {
	for j := range ws {
		b := ws[j].lockBucket(t.k)
		if ws[j].bucket == nil {
			i, woken = j, true
		} else {
			b.removeLocked(&ws[j])
		}
		b.mu.Unlock()
	}
	return i, woken
}

// wakeLocked wakes up to n waiters for key whose bitset meets bitset.
func (b *futexBucket) wakeLocked(key FutexKey, n int, bitset uint32) int {
	woken := 0
	for w := b.head; w != nil && woken < n; {
		next := w.next
		if w.key == key && w.bitset&bitset != 0 {
			t := w.t
			b.removeLocked(w)
			t.Wake()
			woken++
		}
		w = next
	}
	return woken
}

// FutexWake wakes up to n waiters and returns how many it woke.
func (t *Task) FutexWake(a guest.Addr, n int, bitset uint32, s FutexScope) (int, error) {
	if bitset == 0 {
		return 0, linux.EINVAL
	}
	key, release, err := t.futexKey(a, s)
	if err != nil {
		return 0, err
	}
	defer release()
	b := t.k.futexes.bucket(key)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wakeLocked(key, n, bitset), nil
}

// FutexRequeue wakes up to wake waiters of a and moves up to move others to
// to. With cmp, the word at a must hold it (EAGAIN).
func (t *Task) FutexRequeue(a, to guest.Addr, wake, move int, cmp *uint32, s FutexScope) (int, error) {
	ka, ra, err := t.futexKey(a, s)
	if err != nil {
		return 0, err
	}
	defer ra()
	kb, rb, err := t.futexKey(to, s)
	if err != nil {
		return 0, err
	}
	defer rb()
	ft := &t.k.futexes
	ft.requeue.Lock()
	defer ft.requeue.Unlock()
	from, dest := ft.bucket(ka), ft.bucket(kb)
	defer lock.Pair(&from.mu, hashKey(ka), &dest.mu, hashKey(kb))()
	if cmp != nil {
		v, err := t.mem.Load32(a)
		if err != nil {
			return 0, err
		}
		if v != *cmp {
			return 0, linux.EAGAIN
		}
	}
	done := from.wakeLocked(ka, wake, linux.FUTEX_BITSET_MATCH_ANY)
	for w := from.head; w != nil && move > 0 && ka != kb; {
		next := w.next
		if w.key == ka {
			from.removeLocked(w)
			w.key = kb
			dest.pushLocked(w)
			move--
			done++
		}
		w = next
	}
	return done, nil
}

// FutexWakeOp is FUTEX_WAKE_OP: it changes the word at b by op, wakes up to
// wakeA waiters of a and, if the old word compares, up to wakeB of b.
func (t *Task) FutexWakeOp(a, b guest.Addr, wakeA, wakeB int, op uint32, s FutexScope) (int, error) {
	ka, ra, err := t.futexKey(a, s)
	if err != nil {
		return 0, err
	}
	defer ra()
	kb, rb, err := t.futexKey(b, s)
	if err != nil {
		return 0, err
	}
	defer rb()
	ft := &t.k.futexes
	ba, bb := ft.bucket(ka), ft.bucket(kb)
	defer lock.Pair(&ba.mu, hashKey(ka), &bb.mu, hashKey(kb))()
	hit, err := t.futexApply(b, op)
	if err != nil {
		return 0, err
	}
	n := ba.wakeLocked(ka, wakeA, linux.FUTEX_BITSET_MATCH_ANY)
	if hit {
		n += bb.wakeLocked(kb, wakeB, linux.FUTEX_BITSET_MATCH_ANY)
	}
	return n, nil
}

// futexApply carries out an encoded operation and comparison
// (futex_atomic_op_inuser).
func (t *Task) futexApply(a guest.Addr, enc uint32) (bool, error) {
	op, cmp := enc>>28&7, enc>>24&15
	oparg, cmparg := int32(enc<<8)>>20, int32(enc<<20)>>20
	if enc>>28&linux.FUTEX_OP_OPARG_SHIFT != 0 {
		oparg = 1 << (uint32(oparg) & 31)
	}
	for {
		old, err := t.mem.Load32(a)
		if err != nil {
			return false, err
		}
		v := uint32(oparg)
		switch op {
		case linux.FUTEX_OP_SET:
		case linux.FUTEX_OP_ADD:
			v = old + v
		case linux.FUTEX_OP_OR:
			v = old | v
		case linux.FUTEX_OP_ANDN:
			v = old &^ v
		case linux.FUTEX_OP_XOR:
			v = old ^ v
		default:
			return false, linux.ENOSYS
		}
		prev, err := t.mem.CompareAndSwap32(a, old, v)
		if err != nil {
			return false, err
		}
		if prev == old {
			return futexCompare(cmp, int32(old), cmparg)
		}
	}
}

func futexCompare(cmp uint32, a, b int32) (bool, error) {
	switch cmp {
	case linux.FUTEX_OP_CMP_EQ:
		return a == b, nil
	case linux.FUTEX_OP_CMP_NE:
		return a != b, nil
	case linux.FUTEX_OP_CMP_LT:
		return a < b, nil
	case linux.FUTEX_OP_CMP_LE:
		return a <= b, nil
	case linux.FUTEX_OP_CMP_GT:
		return a > b, nil
	case linux.FUTEX_OP_CMP_GE:
		return a >= b, nil
	}
	return false, linux.ENOSYS
}
