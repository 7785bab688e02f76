package vdso

import (
	"math/bits"
	"sync"
)

// A sample is the time that the host's clocks showed at a count of the
// processor's time-stamp counter.
type sample struct {
	tsc        uint64
	mono, real int64 // nanoseconds
}

// A line tells the time from the counter: base.mono at base.tsc, mult/2^32
// nanoseconds a tick, for limit ticks.
type line struct {
	base  sample
	mult  uint64
	limit uint64
}

// at returns the monotonic time at tsc, or at the end of l where that is
// beyond it.
func (l *line) at(tsc uint64) int64 {
	ticks := uint64(0)
	if tsc > l.base.tsc {
		ticks = min(tsc-l.base.tsc, l.limit)
	}
	hi, lo := bits.Mul64(ticks, l.mult)
	return l.base.mono + int64(hi<<32|lo>>32)
}

// valid reports whether l tells the time at tsc.
func (l *line) valid(tsc uint64) bool { return tsc-l.base.tsc < l.limit }

const (
	// settleNS is how long the counter is measured before it is used.
	settleNS = 5_000_000
	// longestNS bounds how long a line is valid, and so how late a guest
	// sees that the host's clock was set.
	longestNS = 2_000_000_000
	// againNS is the age at which the start of a measurement is replaced by
	// a younger sample: the host changes its clock's pace.
	againNS = 8_000_000_000
)

// A clock follows the host's by lines, each as long as the counter's rate is
// known well enough for, and each going on from the last without a step back.
type clock struct {
	now     func() sample
	publish func(line) // called under mu

	mu sync.Mutex
	// The rate is measured from first; mid is the newest sample. Guarded by mu.
	first, mid sample
	cur        line // guarded by mu
}

// read returns the monotonic time and the real time, in nanoseconds, as guests
// see them.
func (c *clock) read() (mono, real int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tsc := ticks()
	if !c.cur.valid(tsc) {
		s := c.now()
		if !c.follow(s) {
			return s.mono, s.real
		}
		tsc = max(tsc, s.tsc)
	}
	mono = c.cur.at(tsc)
	return mono, c.cur.base.real + mono - c.cur.base.mono
}

// follow starts a new line at s, and reports whether it could. c.mu is held.
func (c *clock) follow(s sample) bool {
	if c.first == (sample{}) {
		c.first, c.mid = s, s
		return false
	}
	elapsed := s.mono - c.first.mono
	if elapsed < settleNS || s.tsc <= c.first.tsc {
		return false
	}
	// 2^32 * nanoseconds / ticks: a counter of 1 MHz or more fits.
	hi, lo := bits.Mul64(uint64(elapsed), 1<<32)
	span := s.tsc - c.first.tsc
	if hi >= span {
		return false
	}
	mult, _ := bits.Div64(hi, lo, span)
	if mult == 0 {
		return false
	}
	// The error of the rate is some nanoseconds in elapsed, so for as long
	// again it stays that small.
	valid := min(elapsed, longestNS)
	hi, lo = bits.Mul64(uint64(valid), 1<<32)
	if hi >= mult {
		return false
	}
	limit, _ := bits.Div64(hi, lo, mult)
	c.mid, s = s, c.withoutStepBack(s)
	if ahead := uint64(s.mono - c.mid.mono); ahead > 0 {
		// It goes slower until the host's clock has caught up.
		ahead = min(ahead, uint64(valid)/2)
		hi, lo = bits.Mul64(mult, ahead)
		slower, _ := bits.Div64(hi, lo, uint64(valid))
		mult -= slower
	}
	if elapsed > againNS {
		c.first = c.mid
	}
	c.cur = line{base: s, mult: mult, limit: limit}
	c.publish(c.cur)
	return true
}

// withoutStepBack returns s, not before what the last line told already.
func (c *clock) withoutStepBack(s sample) sample {
	if c.cur.limit != 0 {
		ahead := max(c.cur.at(s.tsc)-s.mono, 0)
		s.mono += ahead
		s.real += ahead
	}
	return s
}
