package sys

import (
	"glovebox/abi/linux"
	"glovebox/sentry/kernel"
)

// What select(2)'s three sets ask for and are told by (fs/select.c).
const (
	selectIn  = linux.POLLRDNORM | linux.POLLRDBAND | linux.POLLIN | linux.POLLHUP | linux.POLLERR
	selectOut = linux.POLLWRBAND | linux.POLLWRNORM | linux.POLLOUT | linux.POLLERR
	selectEx  = linux.POLLPRI
)

var selectEvents = [3]uint32{selectIn, selectOut, selectEx}

// selectFDs is select(2).
func selectFDs(t *kernel.Task, n Int, in, out, ex, timeout Addr) (uintptr, error) {
	deadline := kernel.Forever
	if timeout != 0 {
		var tv linux.Timeval
		if err := copyIn(t, timeout, &tv); err != nil {
			return 0, err
		}
		d, err := selectTimeout(tv)
		if err != nil {
			return 0, err
		}
		if deadline = 0; d > 0 {
			deadline = kernel.Deadline(d)
		}
	}
	r, err := selectSets(t, n, [3]Addr{in, out, ex}, deadline)
	return endWait(t, r, err, timeout, deadline, timevalLeft)
}

// selectTimeout converts select(2)'s timeout, whose microseconds may be more
// than a second's (kern_select).
func selectTimeout(tv linux.Timeval) (int64, error) {
	sec := tv.Sec + tv.Usec/1_000_000
	if tv.Sec < 0 || tv.Usec < 0 || sec < 0 {
		return 0, linux.EINVAL
	}
	return nanoseconds(linux.Timespec{Sec: sec, Nsec: tv.Usec % 1_000_000 * 1000})
}

// pselect6 is pselect(2); the sixth argument is the address of the set and its
// size.
func pselect6(t *kernel.Task, n Int, in, out, ex, timeout, sig Addr) (uintptr, error) {
	var set [2]uint64
	if sig != 0 {
		if err := copyIn(t, sig, &set); err != nil {
			return 0, err
		}
	}
	deadline, err := copyInDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	if err := setTempMask(t, Addr(set[0]), Size(set[1])); err != nil {
		return 0, err
	}
	r, err := selectSets(t, n, [3]Addr{in, out, ex}, deadline)
	return endWait(t, r, err, timeout, deadline, timespecLeft)
}

// selectSets is core_sys_select.
func selectSets(t *kernel.Task, count Int, sets [3]Addr, deadline int64) (uintptr, error) {
	if count < 0 {
		return 0, linux.EINVAL
	}
	n := min(int(count), fdsOf(t).Size())
	words := (n + 63) / 64
	bits := make([]uint64, 3*words)
	for i, a := range sets {
		if a != 0 {
			if err := copyInSlice(t, a, bits[i*words:(i+1)*words]); err != nil {
				return 0, err
			}
		}
	}
	p := &scratchOf(t).poll
	if err := p.fromSets(t, bits, words, n); err != nil {
		return 0, err
	}
	fds := p.fds
	if _, err := p.wait(deadline); err != nil {
		return 0, err
	}
	found := toSets(fds, bits, words)
	for i, a := range sets {
		if a != 0 {
			if err := copyOutSlice(t, a, bits[i*words:(i+1)*words]); err != nil {
				return 0, err
			}
		}
	}
	return found, nil
}

// fromSets makes p of the descriptors below n in bits, three sets of words
// each: EBADF if one is not open.
func (p *pollSet) fromSets(t *kernel.Task, bits []uint64, words, n int) error {
	p.begin(t, 0)
	table := fdsOf(t)
	for fd := range n {
		var events uint32
		for s := range selectEvents {
			if bits[s*words+fd/64]>>(fd%64)&1 != 0 {
				events |= selectEvents[s]
			}
		}
		if events == 0 {
			continue
		}
		f, err := table.Get(int32(fd))
		if err != nil {
			return err
		}
		f.Dec()
		p.fds = append(p.fds, linux.PollFD{FD: int32(fd), Events: int16(events)})
	}
	fds := p.fds
	p.begin(t, len(fds))
	copy(p.fds, fds)
	return nil
}

// toSets stores what was found in the sets that asked for it, and counts the
// bits.
func toSets(fds []linux.PollFD, bits []uint64, words int) (found uintptr) {
	asked := append([]uint64(nil), bits...)
	clear(bits)
	for _, d := range fds {
		for s, events := range selectEvents {
			at := s*words + int(d.FD)/64
			bit := uint64(1) << (d.FD % 64)
			if asked[at]&bit != 0 && uint32(uint16(d.Revents))&events != 0 {
				bits[at] |= bit
				found++
			}
		}
	}
	return found
}
