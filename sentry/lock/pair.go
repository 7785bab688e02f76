package lock

// Pair locks two mutexes of one rank in the order of their owners' ids, which
// differ unless a and b are the same mutex. It returns the unlock.
func Pair[R Rank](a *Mutex[R], idA uint64, b *Mutex[R], idB uint64) (unlock func()) {
	if a == b {
		a.Lock()
		return a.Unlock
	}
	if idA > idB {
		a, b = b, a
	}
	a.Lock()
	b.lockSecond()
	return func() {
		b.Unlock()
		a.Unlock()
	}
}
