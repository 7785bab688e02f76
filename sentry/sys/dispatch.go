package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/arch"
	"glovebox/sentry/kernel"
)

// Dispatch serves the system call that stopped t, and leaves its result in t's
// registers. It runs on t's goroutine.
func Dispatch(t *kernel.Task) {
	r := t.Regs()
	no := r.OrigRAX
	if no == sysno.RestartSyscall {
		if real, ok := t.BeginRestart(); ok {
			no = real
			defer t.EndRestart()
		}
	}
	if v, err, ok := t.Filtered(); !ok {
		finish(t, r, v, err)
		return
	}
	if no >= sysno.Max || table[no].fn == nil {
		r.SetReturn(errnoReturn(linux.ENOSYS))
		return
	}
	c := &table[no]
	if tr := t.Tracer(); tr.Wants(no) {
		traced(t, c, r, tr)
		return
	}
	v, err := c.fn(t, r)
	finish(t, r, v, err)
}

// finish stores the result of a call where the guest will find it.
func finish(t *kernel.Task, r *arch.Regs, v uintptr, err error) {
	if err == nil {
		r.SetReturn(uint64(v))
		return
	}
	e, ok := err.(linux.Errno)
	switch {
	case !ok && err == kernel.ErrNoReturn:
		return
	case !ok:
		// A lower layer let a foreign error through: the guest sees EIO.
		t.Kernel().Warnf("call %d: %v", r.OrigRAX, err)
		e = linux.EIO
	case e >= linux.ERESTARTSYS:
		t.AskRestart(e)
	}
	r.SetReturn(errnoReturn(e))
}

func errnoReturn(e linux.Errno) uint64 { return uint64(-int64(e)) }
