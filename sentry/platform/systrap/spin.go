package systrap

import (
	"runtime"
	"time"

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
type pace struct {
	credit int8
	shared uint8 // how often both were on one processor
}

// Bounds of a pace's credit. Below zero it spins once in eight turns.
const (
	paceMax = 4
	paceMin = -8
)

// spin waits a little until it is the Sentry's turn, and reports whether it
// is. It does not spin if so many tasks do that guests would have no
// processor left. ops is how many operations the stub makes meanwhile.
func (s *pace) spin(c *Context, ops int) bool {
	turn := c.slot.u32(sTurn)
	if turn.Load() != turnStub {
		return true
	}
	if s.credit < 0 && ops == 0 {
		if s.credit++; s.credit != 0 {
			return false
		}
	}
	if c.p.spinners.Add(1) > c.p.maxSpinners {
		c.p.spinners.Add(-1)
		return false
	}
	defer c.p.spinners.Add(-1)
	limit := spinFor + time.Duration(ops)*spinForOp
	start := time.Now()
	for n := 0; ; n++ {
		for range spinStep {
			if turn.Load() != turnStub {
				s.credit = min(s.credit+1, paceMax)
				return true
			}
			pause(1)
		}
		if n == 0 && c.sameProcessor() && s.patient() {
			return false
		}
		if time.Since(start) > limit {
			if s.credit -= 2; s.credit < 0 {
				s.credit = paceMin
			}
			return false
		}
	}
}

// sameProcessor reports whether the stub waits for this processor, so that to
// spin is in vain.
func (c *Context) sameProcessor() bool {
	here := processor()
	c.slot.u32(sCPU).Store(here)
	return c.slot.u32(sStubCPU).Load() == here
}

// patient reports whether to let it be so. Now and then it is not: the host
// moves one of two threads that want the same processor for long.
func (s *pace) patient() bool {
	s.shared++
	return s.shared%8 != 0
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
