package linux

// Flags of signalfd4(2).
const (
	SFD_CLOEXEC  = 0o2000000
	SFD_NONBLOCK = 0o4000
)

// SizeOfSignalfdSiginfo is the size of struct signalfd_siginfo.
const SizeOfSignalfdSiginfo = 128
