package systrap

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

const (
	// stubSpins is how often a stub looks for its turn before it sleeps; a
	// pause takes some 40 ns.
	stubSpins = 1000
	// spinFor bounds a spin of the Sentry.
	spinFor = 50 * time.Microsecond
	// spinForOp is what an operation adds to that.
	spinForOp = 5 * time.Microsecond
	// spinStep is how many pauses lie between two looks at the clock.
	spinStep = 64
)

// A pace decides whether a task spins before it parks: while it pays.
type pace struct{ credit int8 }

// Bounds of a pace's credit. Below zero it spins once in eight turns.
const (
	paceMax = 4
	paceMin = -8
)

// spin waits a little until it is the Sentry's turn, and reports whether it
// is. It does not spin if so many tasks do that guests would have no
// processor left. ops is how many operations the stub makes meanwhile.
func (s *pace) spin(p *Platform, turn *atomic.Uint32, ops int) bool {
	if turn.Load() != turnStub {
		return true
	}
	limit := spinFor + time.Duration(ops)*spinForOp
	if s.credit < 0 && ops == 0 {
		if s.credit++; s.credit != 0 {
			return false
		}
	}
	if p.spinners.Add(1) > p.maxSpinners {
		p.spinners.Add(-1)
		return false
	}
	defer p.spinners.Add(-1)
	start := time.Now()
	for {
		for range spinStep {
			if turn.Load() != turnStub {
				s.credit = min(s.credit+1, paceMax)
				return true
			}
			pause(1)
		}
		if time.Since(start) > limit {
			if s.credit -= 2; s.credit < 0 {
				s.credit = paceMin
			}
			return false
		}
	}
}

// register gives c an id on the doorbell.
func (p *Platform) register(c *Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		c.id = p.free[n-1]
		p.free = p.free[:n-1]
	} else if c.id = len(p.contexts); c.id < bellIDs {
		p.contexts = append(p.contexts, nil)
	} else {
		return linux.EAGAIN
	}
	p.contexts[c.id] = c
	c.slot.u32(sID).Store(uint32(c.id))
	return nil
}

func (p *Platform) unregister(c *Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.contexts[c.id] = nil
	p.free = append(p.free, c.id)
}

// dispatch sleeps on the doorbell and wakes the tasks whose stubs rang. A stub
// rings when it finds its task parked; that a guest rings for others costs
// them one look.
func (p *Platform) dispatch() {
	sleeping := p.bell.u32(bSleeping)
	var count [8]byte
	for {
		sleeping.Swap(1)
		if !p.ringAll() {
			// By way of Go's poller, whose thread goes on with what is woken.
			if _, err := p.doorbell.Read(count[:]); err != nil {
				panic(err) // an eventfd that stays open
			}
		}
		sleeping.Store(0)
		p.ringAll()
	}
}

// ringAll wakes the tasks whose bits are set, and reports whether one was.
func (p *Platform) ringAll() (found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := 0; w*64 < len(p.contexts); w++ {
		at := p.bell.u64(bBits + 8*w)
		if at.Load() == 0 {
			continue
		}
		found = true
		for set := at.Swap(0); set != 0; set &= set - 1 {
			if i := w*64 + bits.TrailingZeros64(set); i < len(p.contexts) && p.contexts[i] != nil {
				p.contexts[i].ring()
			}
		}
	}
	return found
}

// watch waits for the process's death and gives back what it held. A process
// is marked dead before its number is free, so nobody signals another one by
// that number.
func (as *Space) watch() {
	first := true
	// By way of Go's poller: readable is dead.
	err := as.death.Read(func(uintptr) bool {
		if first {
			first = false
			return false
		}
		return as.collect()
	})
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
	as.kill()
	unix.Waitid(unix.P_PIDFD, as.pidfd, nil, unix.WEXITED|unix.WNOHANG, nil)
	as.mu.Lock()
	as.reaped = true
	as.mu.Unlock()
	return true
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

// nap lets others run before another try.
func nap(try int) {
	if try < 16 {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(try)*10*time.Microsecond, time.Millisecond))
}

func addr(a uint64) guest.Addr { return guest.Addr(a) }
