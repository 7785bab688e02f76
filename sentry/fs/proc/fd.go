package proc

import (
	"bytes"
	"fmt"
	"strconv"

	"glovebox/abi/linux"
	"glovebox/sentry/file/epoll"
	"glovebox/sentry/file/eventfd"
	"glovebox/sentry/file/signalfd"
	"glovebox/sentry/file/timerfd"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// withFiles runs f with the files of p; not at all for one that has exited.
func (p *process) withFiles(f func(kernel.Files)) {
	if v := p.live().SharedFiles(); v.FDs != nil {
		f(v)
		v.FDs.Dec()
		v.FS.Dec()
	}
}

// file returns p's open file fd with a reference, and the descriptor's flags:
// ENOENT if there is none.
func (p *process) file(fd int32) (file *vfs.File, flags vfs.FDFlags, err error) {
	err = linux.ENOENT
	p.withFiles(func(v kernel.Files) {
		if file, err = v.FDs.Get(fd); err == nil {
			flags, _ = v.FDs.Flags(fd) // it may be closed again by now
		}
	})
	if err != nil {
		return nil, 0, linux.ENOENT
	}
	return file, flags, nil
}

// name returns the path of file as p's processes would see it.
func (p *process) name(file *vfs.File) (name string) {
	name = file.Name()
	if !file.Path().IsZero() {
		p.withFiles(func(v kernel.Files) {
			root, _, _ := v.FS.Get()
			name = v.VFS.PathName(root, file.Path())
		})
	}
	return name
}

// parseFD reads a descriptor's number.
func parseFD(name string) (int32, bool) {
	if name == "0" {
		return 0, true
	}
	return parseID(name)
}

// list calls add with p's descriptors.
func (p *process) list(from int64, kind uint32, add func(int64, string, uint32) bool) error {
	var open []int32
	p.withFiles(func(v kernel.Files) { open = v.FDs.List() })
	for _, fd := range open {
		if int64(fd) >= from && !add(int64(fd), strconv.Itoa(int(fd)), kind) {
			break
		}
	}
	return nil
}

// fds are the links in /proc/PID/fd.
type fds struct{ p *process }

// An fdLink is one of them. Where it leads is asked each time; only its
// permissions say how the file was open when it was looked up.
type fdLink struct {
	*synth.Magic
	perm uint32
}

// permOf returns the permissions of the link to f (tid_fd_update_inode).
func permOf(f *vfs.File) (perm uint32) {
	if f.Readable() {
		perm |= 0o500
	}
	if f.Writable() {
		perm |= 0o300
	}
	return perm
}

// Lookup implements synth.Names.
func (l fds) Lookup(c *vfs.Ctx, name string) (vfs.Inode, error) {
	p := l.p
	if err := p.check(c); err != nil {
		return nil, err
	}
	fd, ok := parseFD(name)
	if !ok {
		return nil, linux.ENOENT
	}
	f, _, err := p.file(fd)
	if err != nil {
		return nil, err
	}
	defer f.Dec()
	perm := permOf(f)
	m := p.fs.Magic(p.meta(perm),
		func(c *vfs.Ctx) (string, error) {
			f, err := l.open(c, fd)
			if err != nil {
				return "", err
			}
			defer f.Dec()
			return p.name(f), nil
		},
		func(c *vfs.Ctx) (vfs.Path, error) {
			f, err := l.open(c, fd)
			if err != nil {
				return vfs.Path{}, err
			}
			defer f.Dec()
			return f.Place(), nil
		})
	return fdLink{m, perm}, nil
}

// open returns the open file fd, if c may see it.
func (l fds) open(c *vfs.Ctx, fd int32) (*vfs.File, error) {
	if err := l.p.check(c); err != nil {
		return nil, err
	}
	f, _, err := l.p.file(fd)
	return f, err
}

// Valid implements synth.Names.
func (l fds) Valid(_ *vfs.Ctx, name string, child vfs.Inode) bool {
	fd, _ := parseFD(name)
	link, ok := child.(fdLink)
	if !ok {
		return false
	}
	f, _, err := l.p.file(fd)
	if err != nil {
		return false
	}
	defer f.Dec()
	return permOf(f) == link.perm
}

// List implements synth.Names.
func (l fds) List(c *vfs.Ctx, from int64, add func(int64, string, uint32) bool) error {
	if err := l.p.check(c); err != nil {
		return err
	}
	return l.p.list(from, linux.S_IFLNK, add)
}

// fdinfos are the files in /proc/PID/fdinfo.
type fdinfos struct{ p *process }

// Lookup implements synth.Names.
func (l fdinfos) Lookup(c *vfs.Ctx, name string) (vfs.Inode, error) {
	fd, ok := parseFD(name)
	if !ok {
		return nil, linux.ENOENT
	}
	if err := l.p.check(c); err != nil {
		return nil, err
	}
	f, _, err := l.p.file(fd)
	if err != nil {
		return nil, err
	}
	f.Dec()
	return l.p.fs.File(l.p.secret(0o400), func(c *vfs.Ctx, w *bytes.Buffer) error {
		f, flags, err := l.p.file(fd)
		if err != nil {
			return err
		}
		defer f.Dec()
		return writeFDInfo(c, w, f, flags)
	}, nil), nil
}

// Valid implements synth.Names.
func (l fdinfos) Valid(_ *vfs.Ctx, name string, _ vfs.Inode) bool {
	fd, _ := parseFD(name)
	f, _, err := l.p.file(fd)
	if err == nil {
		f.Dec()
	}
	return err == nil
}

// List implements synth.Names.
func (l fdinfos) List(c *vfs.Ctx, from int64, add func(int64, string, uint32) bool) error {
	if err := l.p.check(c); err != nil {
		return err
	}
	return l.p.list(from, linux.S_IFREG, add)
}

// writeFDInfo writes a file of /proc/PID/fdinfo.
func writeFDInfo(c *vfs.Ctx, w *bytes.Buffer, f *vfs.File, flags vfs.FDFlags) error {
	a, err := f.Attr(c)
	if err != nil {
		return err
	}
	status := f.Flags()
	if flags&vfs.CloseOnExec != 0 {
		status |= linux.O_CLOEXEC
	}
	mount := 0
	if !f.Path().IsZero() {
		mount = f.Path().Mount.ID
	}
	fmt.Fprintf(w, "pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\nino:\t%d\n", f.Offset(), status, mount, a.Ino)
	switch o := f.Ops().(type) {
	case *eventfd.EventFD:
		fmt.Fprintf(w, "eventfd-count: %16x\n", o.Count())
	case *signalfd.SignalFD:
		fmt.Fprintf(w, "sigmask:\t%016x\n", uint64(o.Mask()))
	case *timerfd.TimerFD:
		s := o.Get()
		fmt.Fprintf(w, "clockid: %d\nticks: %d\nsettime flags: 0\nit_value: (%d, %d)\nit_interval: (%d, %d)\n",
			o.ClockID(), o.Ticks(), s.Value/1e9, s.Value%1e9, s.Interval/1e9, s.Interval%1e9)
	case *epoll.Instance:
		for _, v := range o.Watches() {
			data := uint64(v.Data[0]) | uint64(v.Data[1])<<32
			fmt.Fprintf(w, "tfd: %8d events: %8x data: %16x \n", v.FD, v.Events, data)
		}
	}
	return nil
}
