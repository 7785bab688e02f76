package linux

// Flags of timerfd_create(2) and timerfd_settime(2).
const (
	TFD_CLOEXEC             = 0o2000000
	TFD_NONBLOCK            = 0o4000
	TFD_TIMER_ABSTIME       = 1
	TFD_TIMER_CANCEL_ON_SET = 2

	// TFD_IOC_SET_TICKS sets the count of expirations (ioctl_timerfd, proc(5)).
	TFD_IOC_SET_TICKS = 0x40085400
)
