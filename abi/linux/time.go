package linux

import "structs"

// Clocks of clock_gettime(2).
const (
	CLOCK_REALTIME           = 0
	CLOCK_MONOTONIC          = 1
	CLOCK_PROCESS_CPUTIME_ID = 2
	CLOCK_THREAD_CPUTIME_ID  = 3
	CLOCK_MONOTONIC_RAW      = 4
	CLOCK_REALTIME_COARSE    = 5
	CLOCK_MONOTONIC_COARSE   = 6
	CLOCK_BOOTTIME           = 7
	CLOCK_REALTIME_ALARM     = 8
	CLOCK_BOOTTIME_ALARM     = 9
	CLOCK_TAI                = 11

	TIMER_ABSTIME = 1

	ITIMER_REAL    = 0
	ITIMER_VIRTUAL = 1
	ITIMER_PROF    = 2

	// CLOCKS_PER_SEC is USER_HZ, the unit of times(2) and /proc/PID/stat.
	CLOCKS_PER_SEC = 100
)

// Timespec is struct timespec.
type Timespec struct {
	_    structs.HostLayout
	Sec  int64
	Nsec int64
}

// Timeval is struct timeval.
type Timeval struct {
	_    structs.HostLayout
	Sec  int64
	Usec int64
}

// Timezone is struct timezone.
type Timezone struct {
	_           structs.HostLayout
	MinutesWest int32
	DSTTime     int32
}

// Itimerval is struct itimerval.
type Itimerval struct {
	_               structs.HostLayout
	Interval, Value Timeval
}

// Itimerspec is struct itimerspec.
type Itimerspec struct {
	_               structs.HostLayout
	Interval, Value Timespec
}
