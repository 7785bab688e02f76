package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/file/eventfd"
	"glovebox/sentry/file/pipe"
	"glovebox/sentry/file/signalfd"
	"glovebox/sentry/file/timerfd"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

const noInotify = "changes of files are not told yet"

// anonymous is the calls that make files without a name.
var anonymous = family{
	sysno.Pipe:            call1(makePipe),
	sysno.Pipe2:           call2(pipe2),
	sysno.Eventfd:         call1(makeEventfd),
	sysno.Eventfd2:        call2(eventfd2),
	sysno.TimerfdCreate:   call2(timerfdCreate),
	sysno.TimerfdSettime:  call4(timerfdSettime).except("TFD_TIMER_CANCEL_ON_SET never cancels: the clock is never set"),
	sysno.TimerfdGettime:  call2(timerfdGettime),
	sysno.Signalfd:        call3(makeSignalfd),
	sysno.Signalfd4:       call4(signalfd4),
	sysno.InotifyInit:     refuse(linux.ENOSYS, noInotify),
	sysno.InotifyInit1:    refuse(linux.ENOSYS, noInotify),
	sysno.InotifyAddWatch: refuse(linux.ENOSYS, noInotify),
	sysno.InotifyRmWatch:  refuse(linux.ENOSYS, noInotify),
}

// addAnon gives t a descriptor for a new file without a name; flags are
// open(2)'s.
func addAnon(t *kernel.Task, name string, ops vfs.FileOps, flags uint32) (uintptr, error) {
	return addFile(t, vfs.NewAnonFile(name, ops, flags&^linux.O_CLOEXEC), cloexec(flags))
}

// makePipe is pipe(2).
func makePipe(t *kernel.Task, to Addr) (uintptr, error) { return pipe2(t, to, 0) }

// pipe2 is pipe2(2).
func pipe2(t *kernel.Task, to Addr, flags Flags) (uintptr, error) {
	if flags&^(linux.O_CLOEXEC|linux.O_NONBLOCK|linux.O_DIRECT) != 0 {
		return 0, linux.EINVAL
	}
	a := pipe.AccountOf(t.User().PipePages(), t.Creds())
	a.Heap = ioCtx(t).Heap
	r, w := pipe.New(a)
	w.SetFlags(uint32(flags))
	status := uint32(flags) & (linux.O_NONBLOCK | linux.O_DIRECT)
	return 0, addPair(t, to, cloexec(uint32(flags)),
		vfs.NewAnonFile(r.Name(), r, linux.O_RDONLY|status),
		vfs.NewAnonFile(w.Name(), w, linux.O_WRONLY|status))
}

// addPair gives t descriptors for a and b and stores them at to: none, if it
// cannot.
func addPair(t *kernel.Task, to Addr, flags vfs.FDFlags, a, b *vfs.File) error {
	fds, limit := fdsOf(t), fdLimit(t)
	n, err := fds.Add(a, 0, flags, limit)
	if err != nil {
		a.Dec()
		b.Dec()
		return err
	}
	m, err := fds.Add(b, 0, flags, limit)
	if err != nil {
		b.Dec()
		_ = fds.Close(n) // it was just made
		return err
	}
	if err := copyOut(t, to, &[2]int32{n, m}); err != nil {
		_, _ = fds.Close(n), fds.Close(m)
		return err
	}
	return nil
}

// makeEventfd is eventfd(2)'s older call.
func makeEventfd(t *kernel.Task, initial Uint) (uintptr, error) { return eventfd2(t, initial, 0) }

// eventfd2 is eventfd(2).
func eventfd2(t *kernel.Task, initial Uint, flags Flags) (uintptr, error) {
	if flags&^(linux.EFD_CLOEXEC|linux.EFD_NONBLOCK|linux.EFD_SEMAPHORE) != 0 {
		return 0, linux.EINVAL
	}
	mode := eventfd.Counter
	if flags&linux.EFD_SEMAPHORE != 0 {
		mode = eventfd.Semaphore
	}
	return addAnon(t, "anon_inode:[eventfd]", eventfd.New(uint64(initial), mode),
		linux.O_RDWR|uint32(flags)&^linux.EFD_SEMAPHORE)
}

// A timerClock is a clock that a timerfd goes by.
type timerClock func() int64

// Now implements timerfd.Clock.
func (c timerClock) Now() int64 { return c() }

// timerfdCreate is timerfd_create(2).
func timerfdCreate(t *kernel.Task, id Clock, flags Flags) (uintptr, error) {
	if flags&^(linux.TFD_CLOEXEC|linux.TFD_NONBLOCK) != 0 {
		return 0, linux.EINVAL
	}
	now := timerClock(kernel.Now)
	switch id {
	case linux.CLOCK_MONOTONIC, linux.CLOCK_BOOTTIME:
	case linux.CLOCK_REALTIME:
		now = kernel.Realtime
	case linux.CLOCK_REALTIME_ALARM, linux.CLOCK_BOOTTIME_ALARM:
		return 0, linux.EPERM // it would wake the host
	default:
		return 0, linux.EINVAL
	}
	return addAnon(t, "anon_inode:[timerfd]", timerfd.New(now, int32(id)), linux.O_RDWR|uint32(flags))
}

// getTimerfd returns the timer at fd, and its file with a reference.
func getTimerfd(t *kernel.Task, fd FD) (*timerfd.TimerFD, *vfs.File, error) {
	f, err := getFile(t, fd)
	if err != nil {
		return nil, nil, err
	}
	tf, ok := f.Ops().(*timerfd.TimerFD)
	if !ok {
		f.Dec()
		return nil, nil, linux.EINVAL
	}
	return tf, f, nil
}

// timerfdSettime is timerfd_settime(2).
func timerfdSettime(t *kernel.Task, fd FD, flags Flags, value, old Addr) (uintptr, error) {
	var v linux.Itimerspec
	if err := copyIn(t, value, &v); err != nil {
		return 0, err
	}
	if flags&^(linux.TFD_TIMER_ABSTIME|linux.TFD_TIMER_CANCEL_ON_SET) != 0 {
		return 0, linux.EINVAL
	}
	var s timerfd.Setting
	var err error
	if s.Value, err = nanoseconds(v.Value); err != nil {
		return 0, err
	}
	if s.Interval, err = nanoseconds(v.Interval); err != nil {
		return 0, err
	}
	tf, f, err := getTimerfd(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	kind := timerfd.Relative
	if flags&linux.TFD_TIMER_ABSTIME != 0 {
		kind = timerfd.Absolute
	}
	was := tf.Set(s, kind)
	if old == 0 {
		return 0, nil
	}
	return 0, copyOutSetting(t, old, was)
}

// timerfdGettime is timerfd_gettime(2).
func timerfdGettime(t *kernel.Task, fd FD, to Addr) (uintptr, error) {
	tf, f, err := getTimerfd(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	return 0, copyOutSetting(t, to, tf.Get())
}

func copyOutSetting(t *kernel.Task, to Addr, s timerfd.Setting) error {
	v := linux.Itimerspec{Interval: kernel.Timespec(s.Interval), Value: kernel.Timespec(s.Value)}
	return copyOut(t, to, &v)
}

// makeSignalfd is signalfd(2)'s older call.
func makeSignalfd(t *kernel.Task, fd FD, set Addr, size Size) (uintptr, error) {
	return signalfd4(t, fd, set, size, 0)
}

// signalfd4 is signalfd(2).
func signalfd4(t *kernel.Task, fd FD, set Addr, size Size, flags Flags) (uintptr, error) {
	if size != linux.SigsetSize {
		return 0, linux.EINVAL
	}
	var s linux.Sigset
	if err := copyIn(t, set, &s); err != nil {
		return 0, err
	}
	if flags&^(linux.SFD_CLOEXEC|linux.SFD_NONBLOCK) != 0 {
		return 0, linux.EINVAL
	}
	if fd == -1 {
		return addAnon(t, "anon_inode:[signalfd]", signalfd.New(t, s), linux.O_RDWR|uint32(flags))
	}
	f, err := getFile(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Dec()
	sf, ok := f.Ops().(*signalfd.SignalFD)
	if !ok {
		return 0, linux.EINVAL
	}
	sf.SetMask(s)
	return uintptr(fd), nil
}
