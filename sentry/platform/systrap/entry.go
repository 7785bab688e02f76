package systrap

import "encoding/binary"

// entries are addresses in the stub's text, which starts with a table of
// jumps to them.
type entries struct {
	// Between enter and entered a rewritten call has noted nothing yet;
	// between leaving and left the guest's registers are those in the slot.
	enter, entered, leaving, left uint64
	// post hands over to the Sentry.
	post uint64
}

func stubEntries(text []byte) entries {
	at := func(i int) uint64 { return textBase + uint64(jumpTarget(text, 16*i)) }
	return entries{enter: at(2), entered: at(3), leaving: at(4), left: at(5), post: at(6)}
}

// jumpTarget decodes the jump at off, as the assembler wrote it.
func jumpTarget(text []byte, off int) int {
	switch text[off] {
	case 0xeb:
		return off + 2 + int(int8(text[off+1]))
	case 0xe9:
		return off + 5 + int(int32(binary.LittleEndian.Uint32(text[off+1:])))
	}
	panic("systrap: the stub's table holds no jump")
}

// inText reports whether a lies in the stub's text.
func inText(a uint64) bool { return a>>20 == textBase>>20 }
