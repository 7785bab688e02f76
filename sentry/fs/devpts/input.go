package devpts

import "glovebox/abi/linux"

// roomLocked is how many bytes the master can write now. In canonical mode a line
// that is too long takes no more, but its end must get through.
func (t *TTY) roomLocked() int {
	if t.flag(linux.ICANON) && t.ready == 0 {
		return bufSize
	}
	return max(bufSize-len(t.in), 0)
}

// inputLocked takes what the master wrote through the line discipline
// (n_tty_receive_buf).
func (t *TTY) inputLocked(p []byte, e *effect) {
	for _, c := range p {
		t.receiveLocked(c, e)
	}
	if !t.flag(linux.ICANON) {
		t.ready = len(t.in)
	}
	e.slave = true
	if len(t.out) > 0 {
		e.master = true // an echo
	}
}

func (t *TTY) receiveLocked(c byte, e *effect) {
	f := t.termios.Iflag
	if f&linux.ISTRIP != 0 {
		c &= 0x7f
	}
	if t.literal {
		t.literal = false
		t.putLocked(c)
		return
	}
	if t.controlLocked(c, e) {
		return
	}
	switch c {
	case '\r':
		if f&linux.IGNCR != 0 {
			return
		}
		if f&linux.ICRNL != 0 {
			c = '\n'
		}
	case '\n':
		if f&linux.INLCR != 0 {
			c = '\r'
		}
	}
	if t.flag(linux.ICANON) && t.editLocked(c) {
		return
	}
	t.putLocked(c)
}

// is reports whether c is the control character i; 0 is none (_POSIX_VDISABLE).
func (t *TTY) is(c byte, i int) bool { return c != 0 && t.termios.Cc[i] == c }

// controlLocked deals with what stops output and sends signals.
func (t *TTY) controlLocked(c byte, e *effect) bool {
	if t.termios.Iflag&linux.IXON != 0 {
		switch {
		case t.is(c, linux.VSTOP):
			t.stopped = true
			return true
		case t.is(c, linux.VSTART), t.stopped && t.termios.Iflag&linux.IXANY != 0:
			t.stopped = false
			e.master, e.slave = true, true
			if t.is(c, linux.VSTART) {
				return true
			}
		}
	}
	if !t.flag(linux.ISIG) {
		return false
	}
	sig := 0
	switch {
	case t.is(c, linux.VINTR):
		sig = linux.SIGINT
	case t.is(c, linux.VQUIT):
		sig = linux.SIGQUIT
	case t.is(c, linux.VSUSP):
		sig = linux.SIGTSTP
	default:
		return false
	}
	e.signals = append(e.signals, sig)
	t.stopped = false
	if !t.flag(linux.NOFLSH) {
		t.flushLocked(linux.TCIOFLUSH, e)
	}
	t.echoLocked(c)
	return true
}

// editLocked is what canonical mode makes of special characters.
func (t *TTY) editLocked(c byte) bool {
	extended := t.flag(linux.IEXTEN)
	switch {
	case t.is(c, linux.VERASE):
		t.eraseLocked()
	case t.is(c, linux.VWERASE) && extended:
		t.eraseWordLocked()
	case t.is(c, linux.VKILL):
		t.killLocked(c)
	case t.is(c, linux.VLNEXT) && extended:
		t.literal = true
		if t.flag(linux.ECHO) && t.flag(linux.ECHOCTL) {
			t.outputLocked('^')
			t.outputLocked('\b')
		}
	case t.is(c, linux.VREPRINT) && extended && t.flag(linux.ECHO):
		t.echoLocked(c)
		t.outputLocked('\n')
		for _, b := range t.in[t.ready:] {
			t.echoLocked(b)
		}
	case c == '\n':
		if t.flag(linux.ECHO) || t.flag(linux.ECHONL) {
			t.outputLocked('\n')
		}
		t.endLocked(c, false)
	case t.is(c, linux.VEOF):
		t.endLocked(0, true)
	case t.is(c, linux.VEOL), t.is(c, linux.VEOL2) && extended:
		t.echoIfLocked(c)
		t.endLocked(c, false)
	default:
		return false
	}
	return true
}

// endLocked ends a line with c.
func (t *TTY) endLocked(c byte, hidden bool) {
	if len(t.in) >= 2*bufSize {
		return
	}
	t.in = append(t.in, c)
	t.ready = len(t.in)
	t.ends = append(t.ends, lineEnd{t.ready, hidden})
}

// putLocked adds a plain character. One byte stays free for the line's end.
func (t *TTY) putLocked(c byte) {
	limit := bufSize
	if t.flag(linux.ICANON) {
		limit = t.ready + bufSize - 1
	}
	if len(t.in) >= min(limit, 2*bufSize-1) {
		if t.termios.Iflag&linux.IMAXBEL != 0 {
			t.outputLocked('\a')
		}
		return
	}
	t.in = append(t.in, c)
	t.echoIfLocked(c)
}

func (t *TTY) echoIfLocked(c byte) {
	if t.flag(linux.ECHO) {
		t.echoLocked(c)
	}
}

// control reports whether c shows as ^X.
func (t *TTY) control(c byte) bool {
	return t.flag(linux.ECHOCTL) && (c < ' ' && c != '\t' && c != '\n' || c == 0x7f)
}

func (t *TTY) echoLocked(c byte) {
	if !t.flag(linux.ECHO) {
		return
	}
	if t.control(c) {
		t.outputLocked('^')
		c ^= 0x40
	}
	t.outputLocked(c)
}

// eraseLocked takes the last character of the line away, all of its bytes.
func (t *TTY) eraseLocked() {
	if len(t.in) == t.ready {
		return
	}
	c := t.in[len(t.in)-1]
	t.dropLocked()
	for t.termios.Iflag&linux.IUTF8 != 0 && c&0xc0 == 0x80 && len(t.in) > t.ready {
		c = t.in[len(t.in)-1]
		t.in = t.in[:len(t.in)-1]
	}
}

// eraseWordLocked takes the last word away, and what is behind it.
func (t *TTY) eraseWordLocked() {
	for seen := false; len(t.in) > t.ready; {
		c := t.in[len(t.in)-1]
		word := c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
		if seen && !word {
			return
		}
		seen = seen || word
		t.eraseLocked()
	}
}

// dropLocked takes one byte off the line and the screen.
func (t *TTY) dropLocked() {
	c := t.in[len(t.in)-1]
	t.in = t.in[:len(t.in)-1]
	if !t.flag(linux.ECHO) {
		return
	}
	if !t.flag(linux.ECHOE) {
		t.echoLocked(t.termios.Cc[linux.VERASE])
		return
	}
	n := 1
	switch {
	case c == '\t':
		n = t.tabWidthLocked()
	case t.control(c):
		n = 2
	case c < ' ' || c == 0x7f:
		n = 0
	}
	for range n {
		t.eraseCellLocked()
	}
}

func (t *TTY) eraseCellLocked() {
	t.outputLocked('\b')
	t.outputLocked(' ')
	t.outputLocked('\b')
}

// tabWidthLocked is how many columns the tab took that was just removed from
// the line, which is taken to begin at a multiple of eight.
func (t *TTY) tabWidthLocked() int {
	col := 0
	for _, c := range t.in[t.ready:] {
		switch {
		case c == '\t':
			col = (col | 7) + 1
		case t.control(c):
			col += 2
		default:
			col++
		}
	}
	return 8 - col&7
}

// killLocked takes the line away (VKILL).
func (t *TTY) killLocked(c byte) {
	if t.flag(linux.ECHO) && t.flag(linux.ECHOK) && t.flag(linux.ECHOKE) && t.flag(linux.ECHOE) {
		for len(t.in) > t.ready {
			t.dropLocked()
		}
		return
	}
	t.in = t.in[:t.ready]
	t.echoLocked(c)
	if t.flag(linux.ECHO) && t.flag(linux.ECHOK) {
		t.outputLocked('\n')
	}
}
