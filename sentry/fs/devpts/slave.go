package devpts

import (
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// A slave is an open /dev/pts/N. It implements vfs.FileOps.
type slave struct {
	vfs.NoFile
	t *TTY
}

// openSlave opens /dev/pts/N. It becomes the controlling terminal of a session's
// leader that has none, unless O_NOCTTY says no (tty_open).
func (t *TTY) openSlave(c *vfs.Ctx, flags uint32) (vfs.FileOps, error) {
	t.mu.Lock()
	switch {
	case t.masterGone || t.locked:
		t.mu.Unlock()
		return nil, linux.EIO
	case t.exclusive && !c.Creds.Has(auth.CapSysAdmin):
		t.mu.Unlock()
		return nil, linux.EBUSY
	}
	t.slaves++
	t.everOpen = true
	t.mu.Unlock()
	if task, ok := c.Task.(*kernel.Task); ok && flags&linux.O_NOCTTY == 0 {
		// EPERM: the task leads no session, or has a terminal.
		_ = task.SetTerminal(&t.Terminal, kernel.DoNotSteal)
	}
	return &slave{t: t}, nil
}

// check stops a background job (job_control).
func (s *slave) check(c *vfs.Ctx, signo int) error {
	if task, ok := c.Task.(*kernel.Task); ok {
		return task.CheckTerminal(&s.t.Terminal, signo)
	}
	return nil
}

// Read implements vfs.FileOps: a line, or in raw mode what there is.
func (s *slave) Read(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	if err := s.check(c, linux.SIGTTIN); err != nil {
		return 0, err
	}
	if b.Len() == 0 {
		return 0, nil
	}
	t := s.t
	t.mu.Lock()
	p, err := t.takeLocked(b.Len())
	t.mu.Unlock()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n, err := b.CopyOut(p)
	t.masterQ.Notify(writable)
	if n > 0 {
		err = nil
	}
	return int64(n), err
}

// takeLocked takes up to n bytes for a reader: EAGAIN if there is nothing yet.
func (t *TTY) takeLocked(n int) ([]byte, error) {
	if t.flag(linux.ICANON) {
		return t.takeLineLocked(n)
	}
	vmin, vtime := int(t.termios.Cc[linux.VMIN]), int(t.termios.Cc[linux.VTIME])
	have := t.ready
	switch {
	case have > 0 && (have >= min(vmin, n) || vtime > 0):
		t.stopTimerLocked()
		return t.cutLocked(min(n, have)), nil
	case t.masterGone, vmin == 0 && vtime == 0:
		return nil, nil
	case vmin == 0 && t.expired:
		t.expired = false
		return nil, nil
	case vmin == 0 && t.timer == nil:
		t.timer = time.AfterFunc(time.Duration(vtime)*100*time.Millisecond, t.expire)
	}
	return nil, linux.EAGAIN
}

// takeLineLocked takes the next line, or its first n bytes.
func (t *TTY) takeLineLocked(n int) ([]byte, error) {
	if len(t.ends) == 0 {
		if t.masterGone {
			return nil, nil
		}
		return nil, linux.EAGAIN
	}
	end := t.ends[0]
	size := end.at
	if end.hidden {
		size--
	}
	if n >= size {
		p := t.cutLocked(end.at)
		return p[:size], nil
	}
	return t.cutLocked(n), nil
}

// cutLocked takes the first n bytes of in, and the line ends in them.
func (t *TTY) cutLocked(n int) []byte {
	p := t.in[:n]
	t.in = t.in[n:]
	t.ready -= n
	kept := t.ends[:0]
	for _, e := range t.ends {
		if e.at -= n; e.at > 0 {
			kept = append(kept, e)
		}
	}
	t.ends = kept
	return p
}

// expire is the end of VTIME.
func (t *TTY) expire() {
	t.mu.Lock()
	t.expired, t.timer = true, nil
	t.mu.Unlock()
	t.slaveQ.Notify(readable)
}

func (t *TTY) stopTimerLocked() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.expired = false
}

// Write implements vfs.FileOps: what programs print.
func (s *slave) Write(c *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	t := s.t
	t.mu.Lock()
	stop := t.flag(linux.TOSTOP)
	t.mu.Unlock()
	if stop {
		if err := s.check(c, linux.SIGTTOU); err != nil {
			return 0, err
		}
	}
	var done int64
	var err error
	for b.Len() > 0 && err == nil {
		t.mu.Lock()
		room := bufSize - len(t.out)
		switch {
		case t.masterGone:
			err = linux.EIO
		case t.stopped || room <= 0:
			err = linux.EAGAIN
		}
		t.mu.Unlock()
		if err != nil {
			break
		}
		p := make([]byte, min(b.Len(), room, bufSize/4)) // a tab may become eight
		var n int
		n, err = b.CopyIn(p)
		t.mu.Lock()
		for _, c := range p[:n] {
			t.outputLocked(c)
		}
		t.mu.Unlock()
		t.masterQ.Notify(readable)
		done += int64(n)
	}
	if done > 0 && err != linux.EAGAIN {
		err = nil
	}
	return done, err // a count with EAGAIN: the rest must wait, as for a pipe
}

// Ready implements vfs.FileOps.
func (s *slave) Ready() wait.Mask {
	t := s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	var r wait.Mask
	switch {
	case t.flag(linux.ICANON) && len(t.ends) > 0,
		!t.flag(linux.ICANON) && t.ready > 0 && t.ready >= int(t.termios.Cc[linux.VMIN]),
		!t.flag(linux.ICANON) && t.ready > 0 && t.termios.Cc[linux.VTIME] > 0,
		t.expired:
		r |= readable
	}
	if len(t.out) < bufSize && !t.stopped {
		r |= writable
	}
	if t.masterGone {
		r |= readable | writable | wait.Hup | wait.Err
	}
	return r
}

// Queue implements vfs.FileOps.
func (s *slave) Queue() *wait.Queue { return &s.t.slaveQ }

// Release implements vfs.FileOps.
func (s *slave) Release() {
	t := s.t
	t.mu.Lock()
	t.slaves--
	last := t.slaves == 0
	if last {
		t.exclusive = false
	}
	t.mu.Unlock()
	if last {
		t.masterQ.Notify(wait.All)
	}
}
