package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"glovebox/boot"
)

// A passing is the descriptors of runsc's caller that a process inside gets beside
// the standard streams: as listed, from 3 on, and by number.
type passing struct {
	preserve int
	pairs    listFlag // HOST:GUEST

	list   []boot.PassedFD
	listen int // how many the caller of a socket-activated runsc gave
}

func (p *passing) flags(fs *flag.FlagSet) {
	fs.IntVar(&p.preserve, "preserve-fds", 0, "give it that `number` of descriptors from 3 on")
	fs.Var(&p.pairs, "pass-fd", "give it a descriptor: `HOST:GUEST`, its numbers here and inside; may be given again")
}

// maxPassed and maxPassedFD bound how many there may be, and how they are numbered
// inside.
const maxPassed, maxPassedFD = 32, 1<<16 - 1

// firstFD is the first descriptor behind the standard streams.
const firstFD = 3

// find looks the descriptors up. It must be called before others are opened to be
// inherited.
func (p *passing) find() error {
	if p.preserve < 0 || p.preserve > maxPassed {
		return fmt.Errorf("--preserve-fds=%d: want 0 to %d", p.preserve, maxPassed)
	}
	for i := range p.listen {
		if err := p.add("LISTEN_FDS", firstFD+i, firstFD+i); err != nil {
			return err
		}
	}
	for i := range p.preserve {
		n := firstFD + p.listen + i
		if err := p.add("--preserve-fds="+strconv.Itoa(p.preserve), n, n); err != nil {
			return err
		}
	}
	for _, pair := range p.pairs {
		what := "--pass-fd=" + pair
		h, g, _ := strings.Cut(pair, ":")
		from, err1 := strconv.ParseUint(h, 10, 31)
		to, err2 := strconv.ParseUint(g, 10, 31)
		switch {
		case err1 != nil || err2 != nil:
			return fmt.Errorf("%s: want HOST:GUEST, numbers", what)
		case to < firstFD:
			return fmt.Errorf("%s: 0, 1 and 2 are the standard streams inside", what)
		case to > maxPassedFD:
			return fmt.Errorf("%s: %d is more than %d", what, to, maxPassedFD)
		}
		if err := p.add(what, int(from), int(to)); err != nil {
			return err
		}
	}
	return nil
}

// add adds descriptor fd as number guest.
func (p *passing) add(what string, fd, guest int) error {
	if slices.ContainsFunc(p.list, func(o boot.PassedFD) bool { return int(o.Guest) == guest }) {
		return fmt.Errorf("%s: %d is another one inside", what, guest)
	}
	if len(p.list) == maxPassed {
		return fmt.Errorf("%s: more than %d descriptors", what, maxPassed)
	}
	if err := passable(fd); err != nil {
		return fmt.Errorf("%s: descriptor %d %w", what, fd, err)
	}
	p.list = append(p.list, boot.PassedFD{FD: fd, Guest: int32(guest)})
	return nil
}

// passable returns an error that says what the descriptor is if it cannot be given to
// a guest.
func passable(fd int) error {
	// What is not inherited was not there when runsc started: it is runsc's own.
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return errors.New("is not open")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || mode&unix.O_PATH != 0 {
		return errors.New("is a path (O_PATH)")
	}
	const others = ": only regular files, pipes, connected stream sockets and terminals can be passed"
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFIFO:
		return nil
	case unix.S_IFCHR:
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil || st.Rdev == unix.Mkdev(1, 3) {
			return nil // a terminal, or /dev/null
		}
		return errors.New("is a device" + others)
	case unix.S_IFSOCK:
		kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		if err != nil || kind != unix.SOCK_STREAM {
			return errors.New("is a socket that is no stream" + others)
		}
		if l, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || l != 0 {
			return errors.New("is a socket that listens" + others)
		}
		return nil
	case unix.S_IFDIR:
		return errors.New("is a directory" + others)
	}
	return errors.New("is no file" + others)
}

// activated notes the descriptors that a runsc which was started for a socket got
// (sd_listen_fds(3)), and returns what its program is to find in its environment: as
// with runc.
func (p *passing) activated() ([]string, error) {
	count := os.Getenv("LISTEN_FDS")
	if count == "" || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxPassed {
		return nil, fmt.Errorf("LISTEN_FDS=%s: want 0 to %d", count, maxPassed)
	}
	if p.listen = n; n == 0 {
		return nil, nil
	}
	return []string{"LISTEN_FDS=" + count, "LISTEN_PID=1"}, nil
}

// guests are the numbers inside.
func (p *passing) guests() (list []int32) {
	for _, fd := range p.list {
		list = append(list, fd.Guest)
	}
	return list
}

// closePassed closes what was passed on: who reads a pipe is to see its end.
func closePassed(list []boot.PassedFD) {
	closed := map[int]bool{}
	for _, fd := range list {
		if fd.FD >= firstFD && !closed[fd.FD] {
			unix.Close(fd.FD)
			closed[fd.FD] = true
		}
	}
}
