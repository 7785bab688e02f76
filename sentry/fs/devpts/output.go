package devpts

import "glovebox/abi/linux"

// outputLocked puts c on the screen: into what the master reads, as OPOST wants
// it (do_output_char). Echoes go beyond the buffer's size; they are bounded by
// what one write of the master brings.
func (t *TTY) outputLocked(c byte) {
	f := t.termios.Oflag
	if f&linux.OPOST == 0 {
		t.emitLocked(c)
		return
	}
	switch c {
	case '\n':
		if f&linux.ONLCR != 0 {
			t.emitLocked('\r')
		}
		if f&(linux.ONLCR|linux.ONLRET) != 0 {
			t.column = 0
		}
	case '\r':
		if f&linux.ONOCR != 0 && t.column == 0 {
			return
		}
		if f&linux.OCRNL != 0 {
			c = '\n'
			if f&linux.ONLRET == 0 {
				break
			}
		}
		t.column = 0
	case '\t':
		n := 8 - t.column&7
		t.column += n
		if f&linux.TABDLY == linux.XTABS {
			for range n {
				t.emitLocked(' ')
			}
			return
		}
	case '\b':
		t.column = max(t.column-1, 0)
	default:
		if f&linux.OLCUC != 0 && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c >= ' ' && c&0xc0 != 0x80 {
			t.column++
		}
	}
	t.emitLocked(c)
}

// maxOut bounds what waits for the master, echoes and all.
const maxOut = 4 * bufSize

func (t *TTY) emitLocked(c byte) {
	if len(t.out) < maxOut {
		t.out = append(t.out, c)
	}
}
