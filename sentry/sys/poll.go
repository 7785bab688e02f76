package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/wait"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// polling is the calls that wait for several files.
var polling = family{
	sysno.Poll:     call3(poll),
	sysno.Ppoll:    call5(ppoll),
	sysno.Select:   call5(selectFDs),
	sysno.Pselect6: call6(pselect6),
}

// A pollSet is the files of a poll or select. It lies in the task's scratch.
type pollSet struct {
	t       *kernel.Task
	fds     []linux.PollFD
	watches []watch
	wake    func(wait.Mask)
}

// A watch is a file of a pollSet; file is nil where there is none.
type watch struct {
	file  *vfs.File
	queue *wait.Queue
	entry wait.Entry
}

// keptWatches is how many watches a task keeps the memory of.
const keptWatches = 256

// begin makes room for n files.
func (p *pollSet) begin(t *kernel.Task, n int) {
	if p.wake == nil {
		p.t, p.wake = t, func(wait.Mask) { t.Wake() }
	}
	if cap(p.fds) < n {
		p.fds = make([]linux.PollFD, n)
	}
	if cap(p.watches) < n {
		p.watches = make([]watch, n)
	}
	p.fds, p.watches = p.fds[:n], p.watches[:n]
}

// open looks up the files.
func (p *pollSet) open() {
	table := fdsOf(p.t)
	for i := range p.fds {
		d := &p.fds[i]
		d.Revents = 0
		if d.FD < 0 {
			continue
		}
		if f, err := table.Get(d.FD); err == nil {
			p.watches[i].file = f
		}
	}
}

// end lets go of the files.
func (p *pollSet) end() {
	for i := range p.watches {
		w := &p.watches[i]
		if w.queue != nil {
			w.queue.Unregister(&w.entry)
		}
		if w.file != nil {
			w.file.Dec()
		}
		*w = watch{}
	}
	if cap(p.watches) > keptWatches {
		p.fds, p.watches = nil, nil
	}
}

// look stores what is ready and returns how many files that is. The first time
// it registers with the queues of files, until one is ready.
func (p *pollSet) look(register registerFlag) (n int64) {
	for i := range p.fds {
		d, w := &p.fds[i], &p.watches[i]
		if d.FD < 0 {
			continue
		}
		if w.file == nil || w.file.Flags()&linux.O_PATH != 0 {
			d.Revents = linux.POLLNVAL
			n++
			continue
		}
		if register == andRegister && n == 0 {
			if w.queue = queueFor(p.t, w.file); w.queue != nil {
				w.entry = wait.Entry{Mask: wait.Mask(uint16(d.Events)) | wait.Err | wait.Hup, Notify: p.wake}
				w.queue.Register(&w.entry)
			}
		}
		got := uint32(readyFor(p.t, w.file)) & (uint32(uint16(d.Events)) | linux.POLLERR | linux.POLLHUP)
		if d.Revents = int16(got); got != 0 {
			n++
		}
	}
	return n
}

type registerFlag uint8

const (
	onlyLook registerFlag = iota
	andRegister
)

// wait looks until something is ready, the deadline (0 for one that has
// passed) or a signal (ERESTARTSYS).
func (p *pollSet) wait(deadline int64) (int64, error) {
	p.open()
	defer p.end()
	n := p.look(onlyLook)
	if n > 0 || deadline == 0 {
		return n, nil
	}
	for register := andRegister; ; register = onlyLook {
		if n = p.look(register); n > 0 {
			return n, nil
		}
		switch err := p.t.Block(deadline); {
		case err == linux.ETIMEDOUT:
			return p.look(onlyLook), nil
		case err != nil:
			return 0, err
		}
	}
}

// poll is poll(2).
func poll(t *kernel.Task, fds Addr, count Uint, timeoutMS Int) (uintptr, error) {
	deadline := kernel.Forever
	switch {
	case timeoutMS == 0:
		deadline = 0
	case timeoutMS > 0:
		deadline = t.RestartDeadline(kernel.Deadline(int64(timeoutMS) * 1_000_000))
	default:
		t.RestartDeadline(kernel.Forever)
	}
	n, err := pollFDs(t, fds, count, deadline)
	if err == linux.ERESTARTSYS {
		err = linux.ERESTART_RESTARTBLOCK
	}
	return n, err
}

// ppoll is ppoll(2).
func ppoll(t *kernel.Task, fds Addr, count Uint, timeout, set Addr, size Size) (uintptr, error) {
	deadline, err := copyInDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	if err := setTempMask(t, set, size); err != nil {
		return 0, err
	}
	n, err := pollFDs(t, fds, count, deadline)
	return endWait(t, n, err, timeout, deadline, timespecLeft)
}

// pollFDs is do_sys_poll.
func pollFDs(t *kernel.Task, fds Addr, count Uint, deadline int64) (uintptr, error) {
	if uint64(count) > fdLimit(t) {
		return 0, linux.EINVAL
	}
	p := &scratchOf(t).poll
	p.begin(t, int(count))
	if err := copyInSlice(t, fds, p.fds); err != nil {
		return 0, err
	}
	list := p.fds
	n, err := p.wait(deadline)
	if err != nil {
		return 0, err
	}
	return uintptr(n), copyOutSlice(t, fds, list)
}

// copyInDeadline reads how long ppoll(2) and its kin wait: Forever for NULL, 0
// for no time at all.
func copyInDeadline(t *kernel.Task, a Addr) (int64, error) {
	if a == 0 {
		return kernel.Forever, nil
	}
	d, err := copyInDuration(t, a)
	if err != nil || d == 0 {
		return 0, err
	}
	return kernel.Deadline(d), nil
}

// setTempMask blocks signals for the length of a call, if it is given a set.
func setTempMask(t *kernel.Task, set Addr, size Size) error {
	if set == 0 {
		return nil
	}
	if size != linux.SigsetSize {
		return linux.EINVAL
	}
	var s linux.Sigset
	if err := copyIn(t, set, &s); err != nil {
		return err
	}
	t.SetTempMask(s)
	return nil
}

// endWait ends a wait with a temporary mask and a timeout that shows what was
// left of it (poll_select_finish). It is not restarted if a handler ran.
func endWait(t *kernel.Task, n uintptr, err error, timeout Addr, deadline int64, store func(*kernel.Task, Addr, int64) error) (uintptr, error) {
	if err == linux.ERESTARTSYS {
		err = linux.ERESTARTNOHAND
	} else {
		t.RestoreMask()
	}
	if timeout == 0 {
		return n, err
	}
	left := int64(0)
	if deadline != 0 {
		left = max(deadline-kernel.Now(), 0)
	}
	if store(t, timeout, left) != nil && err == linux.ERESTARTNOHAND {
		// A timeout that lies in read-only memory would start anew.
		err = linux.EINTR
	}
	return n, err
}

func timespecLeft(t *kernel.Task, a Addr, left int64) error {
	ts := kernel.Timespec(left)
	return copyOut(t, a, &ts)
}

func timevalLeft(t *kernel.Task, a Addr, left int64) error {
	tv := kernel.Timeval(left)
	return copyOut(t, a, &tv)
}
