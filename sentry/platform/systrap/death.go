package systrap

import "golang.org/x/sys/unix"

// watch waits for the process's death and gives back what it held. A process
// is marked dead before its number is free, so nobody signals another one by
// that number.
func (as *Space) watch() {
	// By way of Go's poller: readable is dead. It is told of that once, perhaps before
	// this, so the first look is not in vain.
	err := as.death.Read(func(uintptr) bool { return as.collect() })
	if err != nil {
		panic(err) // a pidfd that is closed after this
	}
	if done := as.reclaim(); done != nil {
		done()
	}
}

// collect reaps the process if it is dead.
func (as *Space) collect() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PIDFD, as.pidfd, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err == nil && info.Signo == 0 {
		return false
	}
	ours := as.dead.Load()
	as.Kill()
	unix.Waitid(unix.P_PIDFD, as.pidfd, nil, unix.WEXITED|unix.WNOHANG, nil)
	as.mu.Lock()
	as.reaped = true
	var tell []func()
	for _, c := range as.liveLocked() {
		if c.died != nil && !ours {
			tell = append(tell, c.died)
		}
	}
	as.mu.Unlock()
	for _, died := range tell {
		died()
	}
	return true
}

// OnDeath implements platform.Mourner.
func (c *Context) OnDeath(f func()) {
	c.as.mu.Lock()
	defer c.as.mu.Unlock()
	c.died = f
}

// reclaim gives back what a dead and released space held, and returns what is
// to be called then.
func (as *Space) reclaim() (done func()) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if !as.reaped || !as.released || as.chunks == nil {
		return nil
	}
	for _, c := range as.contexts {
		if c != nil {
			return nil
		}
	}
	for _, m := range as.chunks[1:] {
		unix.Munmap(m)
	}
	as.chunks = nil
	as.stubProc.close()
	for _, r := range as.rooms {
		as.p.releaseText(r.t)
	}
	as.rooms = nil
	return as.done
}
