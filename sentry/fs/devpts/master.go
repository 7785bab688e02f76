package devpts

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

const (
	readable = wait.In | wait.RdNorm
	writable = wait.Out | wait.WrNorm
)

// A master is an open /dev/ptmx. It implements vfs.FileOps.
type master struct {
	vfs.NoFile
	t *TTY
}

// Read implements vfs.FileOps: what the slave wrote, and echoes.
func (m *master) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	t := m.t
	t.mu.Lock()
	if len(t.out) == 0 {
		gone := t.everOpen && t.slaves == 0
		t.mu.Unlock()
		if gone {
			return 0, linux.EIO
		}
		return 0, linux.EAGAIN
	}
	var head []byte
	if t.packet {
		head = []byte{0} // TIOCPKT_DATA
	}
	p := t.out[:min(len(t.out), max(b.Len()-len(head), 0))]
	t.out = t.out[len(p):]
	t.mu.Unlock()
	n, err := b.CopyOut(append(head, p...))
	t.slaveQ.Notify(writable)
	if n > 0 {
		err = nil
	}
	return int64(n), err
}

// Write implements vfs.FileOps: what is typed.
func (m *master) Write(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	t := m.t
	var done int64
	for b.Len() > 0 {
		t.mu.Lock()
		room := t.roomLocked()
		t.mu.Unlock()
		if room == 0 {
			if done == 0 {
				return 0, linux.EAGAIN
			}
			return done, nil
		}
		// Guest memory is not read under the lock; if two write at once, one
		// may overrun the room, and its characters are lost as a line's are
		// that is too long.
		p := make([]byte, min(b.Len(), room, 512))
		n, err := b.CopyIn(p)
		var e effect
		t.mu.Lock()
		t.inputLocked(p[:n], &e)
		t.mu.Unlock()
		t.run(&e)
		done += int64(n)
		if err != nil {
			if done > 0 {
				err = nil
			}
			return done, err
		}
	}
	return done, nil
}

// Ready implements vfs.FileOps.
func (m *master) Ready() wait.Mask {
	t := m.t
	t.mu.Lock()
	defer t.mu.Unlock()
	var r wait.Mask
	if len(t.out) > 0 {
		r |= readable
	}
	if t.roomLocked() > 0 {
		r |= writable
	}
	if t.everOpen && t.slaves == 0 {
		r |= wait.Hup
	}
	return r
}

// Queue implements vfs.FileOps.
func (m *master) Queue() *wait.Queue { return &m.t.masterQ }

// Release implements vfs.FileOps: the terminal hangs up (pty_close).
func (m *master) Release() {
	t := m.t
	t.fs.remove(t)
	t.mu.Lock()
	t.masterGone = true
	t.stopTimerLocked()
	t.mu.Unlock()
	t.fs.opts.Kernel.HangupTerminal(&t.Terminal)
	t.slaveQ.Notify(wait.All)
}
