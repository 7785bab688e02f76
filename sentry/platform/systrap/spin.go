package systrap

import (
	"runtime"
	"sync/atomic"
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

// nap lets others run before another try.
func nap(try int) {
	if try < 16 {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(try)*10*time.Microsecond, time.Millisecond))
}

func addr(a uint64) guest.Addr { return guest.Addr(a) }
