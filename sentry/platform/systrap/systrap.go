// Package systrap runs guest code in stub processes, one for each address
// space, whose system calls a seccomp filter turns into SIGSYS.
//
// A stub's text is assembly of this package. The template, a tiny process
// that never ran Go, forks stubs ahead of time. Guest and Sentry hand over
// through a slot: 32 KiB of memory shared between them, in which the stub's
// signal handler leaves the registers. All of a slot is hostile.
//
// Lock order: Context.mu, Space.mu, texts.mu, text.mu.
package systrap

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// A Platform is the template process and what all stubs share.
type Platform struct {
	x       xstate
	entries entries
	// reopen returns a read-only descriptor of the file behind another.
	reopen   func(fd int) (int, error)
	texts    texts
	sock     int // to the template
	spinners atomic.Int32
	patience patience
	// maxSpinners leaves the guests a processor.
	maxSpinners int32

	making sync.Mutex
	next   *stubProc // guarded by making; ordered from the template
}

var _ platform.Platform = (*Platform)(nil)

// New is NewIn with the host's /proc.
func New() (*Platform, error) {
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	fds, err := unix.Openat(proc, "self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc/self/fd: %w", err)
	}
	defer unix.Close(proc)
	return NewIn(proc, func(fd int) (int, error) {
		return unix.Openat(fds, strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
}

// NewIn starts the template. It must run before the process is sealed: it
// executes a program, by way of procFD, the root of a procfs of this process's
// pid namespace, which is the working directory meanwhile. reopen returns a
// read-only descriptor of the memory file behind another; it is used later.
func NewIn(procFD int, reopen func(fd int) (int, error)) (*Platform, error) {
	p := &Platform{x: hostXstate(), entries: stubEntries(stubText()), reopen: reopen, patience: patient}
	p.texts.byFile = map[textKey]*text{}
	if p.x.size == fxsaveSize || p.x.size > stackOff-sXS {
		return nil, fmt.Errorf("this processor's extended state of %d bytes is not supported: it takes XSAVE, and at most %d bytes",
			p.x.size, stackOff-sXS)
	}
	started := make(chan error)
	go func() {
		// The template dies with the thread that started it, which
		// therefore never ends.
		runtime.LockOSThread()
		started <- withoutASLR(func() error { return p.startTemplate(procFD) })
		select {}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting the template process: %w", err)
	}
	p.maxSpinners = int32(runtime.GOMAXPROCS(0) - 1)
	p.orderStub()
	return p, nil
}

// Limits implements platform.Platform.
func (p *Platform) Limits() guest.Range { return guest.Range{Start: 0x10000, End: textBase} }

func (p *Platform) startTemplate(procFD int) error {
	img := templateELF(stubFilter(stubRules, uint32(len(stubText()))))
	exe, err := executable(img, procFD)
	if err != nil {
		return err
	}
	defer unix.Close(exe)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[1])
	// The root of a sandbox is empty, and the program has no name in it.
	cwd, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(cwd)
	if err := unix.Fchdir(procFD); err != nil {
		return err
	}
	defer unix.Fchdir(cwd)
	sock := uintptr(pair[1])
	pid, err := syscall.ForkExec(fmt.Sprintf("self/fd/%d", exe), []string{"stub"}, &syscall.ProcAttr{
		Files: []uintptr{sock, sock, sock, sock},
		Sys:   &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return err
	}
	p.sock = pair[0]
	// A guest that took its stub over can make threads which nobody knows:
	// not more than this sandbox's user may have. A lower limit is as good.
	most := unix.Rlimit{Cur: slotCount, Max: slotCount}
	_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &most, nil)
	if _, err = p.readPID(); err != nil {
		return err
	}
	return sacrifice(procFD, pid)
}

// sacrifice makes a process, and those that it makes, the first that the host kills
// when it has no memory left: a guest's process, not the Sentry.
func sacrifice(procFD, pid int) error {
	fd, err := unix.Openat(procFD, fmt.Sprintf("%d/oom_score_adj", pid), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("oom_score_adj: %w", err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte("1000")); err != nil {
		return fmt.Errorf("oom_score_adj: %w", err)
	}
	return nil
}

// executable returns a read-only descriptor of a file that holds img: one that
// is open for writing cannot be executed. Its number is not one of those that
// the child is given.
func executable(img []byte, procFD int) (int, error) {
	fd, err := unix.MemfdCreate("stub", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, img, 0); err != nil {
		return -1, err
	}
	ro, err := unix.Openat(procFD, fmt.Sprintf("self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(ro)
	return unix.FcntlInt(uintptr(ro), unix.F_DUPFD_CLOEXEC, 10)
}

// readPID reads a report of the template.
func (p *Platform) readPID() (int, error) {
	var b [4]byte
	for {
		n, err := unix.Read(p.sock, b[:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n != 4:
			return 0, fmt.Errorf("the template process is gone")
		default:
			return int(int32(b[0])|int32(b[1])<<8|int32(b[2])<<16) | int(int8(b[3]))<<24, nil
		}
	}
}
