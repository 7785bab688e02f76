package host

import "golang.org/x/sys/unix"

// spareFDs is how many of the highest descriptors are the Sentry's own: for who asks
// it, from outside, to do something, whatever guests have taken.
const spareFDs = 128

// mostFDs is the process's limit. It is known before the Sentry is sealed, which then
// may not ask.
var mostFDs = limitFDs()

func limitFDs() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1024
	}
	return int(min(r.Cur, 1<<30))
}

// Scarce reports whether a guest must not have the descriptor fd: the host gives out
// the lowest that is free, so this is one of the last.
func Scarce(fd int) bool { return fd >= mostFDs-spareFDs }
