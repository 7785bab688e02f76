package main

// closedStreams has bit n set if standard stream n was closed when the program
// started. Set by runsc_entry; without it, such a stream is /dev/null.
var closedStreams uint32

// stdio returns runsc's standard streams for a sandbox: -1 for one that is closed.
func stdio() (fds [3]int) {
	for i := range fds {
		if fds[i] = i; closedStreams>>i&1 != 0 {
			fds[i] = -1
		}
	}
	return fds
}
