package sys

import (
	"glovebox/abi/sysno"
	"glovebox/sentry/kernel"
)

// processes is the calls that make, end and name processes.
var processes = family{
	sysno.Gettid: call0(gettid),
}

// gettid is gettid(2).
func gettid(t *kernel.Task) (uintptr, error) { return uintptr(t.TID()), nil }
