package linux

// Flags of eventfd(2).
const (
	EFD_SEMAPHORE = 1
	EFD_CLOEXEC   = 0o2000000
	EFD_NONBLOCK  = 0o4000
)
