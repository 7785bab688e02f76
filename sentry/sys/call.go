package sys

import (
	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/kernel"
)

// A Call is one row of the table.
type Call struct {
	Name    string      // from sysno.Names
	Missing string      // what is not supported; "" if nothing
	Errno   linux.Errno // of a refused call, else 0
	Why     string      // why it is refused

	fn     func(*kernel.Task, *arch.Regs) (uintptr, error)
	format func(*kernel.Task, *arch.Regs, []byte) []byte
}

// A family is the rows of some calls, by number.
type family map[int]Call

// except says what a row does not support.
func (c Call) except(missing string) Call { c.Missing = missing; return c }

// refuse is a call that always fails, and why.
func refuse(errno linux.Errno, why string) Call {
	var err error = errno
	return Call{
		Errno: errno, Why: why,
		fn: func(*kernel.Task, *arch.Regs) (uintptr, error) { return 0, err },
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			return show(t, b, LFlags(r.RDI))
		},
	}
}

// The adapters turn a handler into a row: the handler's argument types are the
// only declaration of the call's arguments.

func call0(fn func(*kernel.Task) (uintptr, error)) Call {
	return Call{
		fn:     func(t *kernel.Task, _ *arch.Regs) (uintptr, error) { return fn(t) },
		format: func(_ *kernel.Task, _ *arch.Regs, b []byte) []byte { return b },
	}
}

func call1[A arg](fn func(*kernel.Task, A) (uintptr, error)) Call {
	return Call{
		fn: func(t *kernel.Task, r *arch.Regs) (uintptr, error) { return fn(t, A(r.RDI)) },
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			return show(t, b, A(r.RDI))
		},
	}
}

func call2[A, B arg](fn func(*kernel.Task, A, B) (uintptr, error)) Call {
	return Call{
		fn: func(t *kernel.Task, r *arch.Regs) (uintptr, error) { return fn(t, A(r.RDI), B(r.RSI)) },
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			return more(t, show(t, b, A(r.RDI)), B(r.RSI))
		},
	}
}

func call3[A, B, C arg](fn func(*kernel.Task, A, B, C) (uintptr, error)) Call {
	return Call{
		fn: func(t *kernel.Task, r *arch.Regs) (uintptr, error) {
			return fn(t, A(r.RDI), B(r.RSI), C(r.RDX))
		},
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			return more(t, more(t, show(t, b, A(r.RDI)), B(r.RSI)), C(r.RDX))
		},
	}
}

func call4[A, B, C, D arg](fn func(*kernel.Task, A, B, C, D) (uintptr, error)) Call {
	return Call{
		fn: func(t *kernel.Task, r *arch.Regs) (uintptr, error) {
			return fn(t, A(r.RDI), B(r.RSI), C(r.RDX), D(r.R10))
		},
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			b = more(t, more(t, show(t, b, A(r.RDI)), B(r.RSI)), C(r.RDX))
			return more(t, b, D(r.R10))
		},
	}
}

func call5[A, B, C, D, E arg](fn func(*kernel.Task, A, B, C, D, E) (uintptr, error)) Call {
	return Call{
		fn: func(t *kernel.Task, r *arch.Regs) (uintptr, error) {
			return fn(t, A(r.RDI), B(r.RSI), C(r.RDX), D(r.R10), E(r.R8))
		},
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			b = more(t, more(t, show(t, b, A(r.RDI)), B(r.RSI)), C(r.RDX))
			return more(t, more(t, b, D(r.R10)), E(r.R8))
		},
	}
}

func call6[A, B, C, D, E, F arg](fn func(*kernel.Task, A, B, C, D, E, F) (uintptr, error)) Call {
	return Call{
		fn: func(t *kernel.Task, r *arch.Regs) (uintptr, error) {
			return fn(t, A(r.RDI), B(r.RSI), C(r.RDX), D(r.R10), E(r.R8), F(r.R9))
		},
		format: func(t *kernel.Task, r *arch.Regs, b []byte) []byte {
			b = more(t, more(t, show(t, b, A(r.RDI)), B(r.RSI)), C(r.RDX))
			return more(t, more(t, more(t, b, D(r.R10)), E(r.R8)), F(r.R9))
		},
	}
}

func more[A arg](t *kernel.Task, b []byte, a A) []byte {
	return show(t, append(b, ", "...), a)
}
