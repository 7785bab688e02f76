package sys

import (
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/kernel"
)

// traced serves a call and writes "[pid] name(args) = ret" to tr.
func traced(t *kernel.Task, c *Call, r *arch.Regs, tr *kernel.Tracer) {
	b := append(make([]byte, 0, 160), '[')
	b = strconv.AppendInt(b, int64(t.TID()), 10)
	b = append(append(append(b, "] "...), c.Name...), '(')
	b = append(c.format(t, r, b), ')')
	v, err := c.fn(t, r)
	finish(t, r, v, err)
	b = append(b, " = "...)
	switch e, ok := err.(linux.Errno); {
	case err == nil && v > 1<<31:
		b = appendHex(b, uint64(v))
	case err == nil:
		b = strconv.AppendUint(b, uint64(v), 10)
	case err == kernel.ErrNoReturn:
		b = append(b, '?')
	case ok && e >= linux.ERESTARTSYS:
		b = append(append(b, "? "...), e.Name()...)
	case ok:
		b = append(append(b, "-1 "...), e.Name()...)
	default:
		b = append(append(b, "-1 "...), err.Error()...)
	}
	// A lost line is not the guest's concern.
	_, _ = tr.W.Write(append(b, '\n'))
}
