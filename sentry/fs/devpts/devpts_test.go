package devpts

import (
	"encoding/binary"
	"testing"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// memory is guest memory from address 0 on.
type memory []byte

func (m memory) CopyIn(a guest.Addr, p []byte) (int, error)  { return copy(p, m[a:]), nil }
func (m memory) CopyOut(a guest.Addr, p []byte) (int, error) { return copy(m[a:], p), nil }
func (m memory) Windows(a guest.Addr, n int, _ guest.Access, f func([]byte) (int, error)) (int, error) {
	return f(m[a : int(a)+n])
}

// A pair is both ends of a terminal.
type pair struct {
	*testing.T
	c             *vfs.Ctx
	fs            *FS
	tty           *TTY
	master, slave vfs.FileOps
}

func newPair(t *testing.T) *pair {
	p := &pair{T: t, c: &vfs.Ctx{Creds: &auth.Creds{}}}
	p.fs = New(Options{Kernel: &kernel.Kernel{}, Mode: 0o620, PtmxMode: 0o666, GID: 5, FixGID: true})
	var err error
	if p.master, err = p.fs.openMaster(p.c, 0); err != nil {
		t.Fatal(err)
	}
	p.tty = p.master.(*master).t
	if _, err := p.tty.openSlave(p.c, 0); err != linux.EIO {
		t.Errorf("open of a locked terminal: %v", err)
	}
	p.ioctl(p.master, linux.TIOCSPTLCK, make(memory, 4))
	if p.slave, err = p.tty.openSlave(p.c, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) ioctl(f vfs.FileOps, cmd uint32, m memory) {
	p.Helper()
	if _, err := f.Ioctl(p.c, m, cmd, 0); err != nil {
		p.Errorf("ioctl %#x: %v", cmd, err)
	}
}

// set changes the terminal's settings.
func (p *pair) set(change func(*linux.Termios)) {
	v := p.tty.termios
	change(&v)
	m := memory(linux.Bytes(&v))
	p.ioctl(p.slave, linux.TCSETS, m)
}

func (p *pair) write(f vfs.FileOps, s string) {
	p.Helper()
	b := guest.Local([]byte(s))
	if n, err := f.Write(p.c, &b, -1); err != nil || n != int64(len(s)) {
		p.Errorf("write %q: %d, %v", s, n, err)
	}
}

func (p *pair) read(f vfs.FileOps, want string, wantErr error) {
	p.Helper()
	buf := make([]byte, 100)
	b := guest.Local(buf)
	n, err := f.Read(p.c, &b, -1)
	if got := string(buf[:n]); got != want || err != wantErr {
		p.Errorf("read %q, %v, want %q, %v", got, err, want, wantErr)
	}
}

func TestCanonical(t *testing.T) {
	for _, tt := range []struct{ typed, read, echo string }{
		{"hello\n", "hello\n", "hello\r\n"},
		{"hello\r", "hello\n", "hello\r\n"},
		{"helk\x7flo\n", "hello\n", "helk\b \blo\r\n"},
		{"one two\x17three\n", "one three\n", "one two\b \b\b \b\b \bthree\r\n"},
		{"junk\x15ok\n", "ok\n", "junk\b \b\b \b\b \b\b \bok\r\n"},
		{"a\x01b\n", "a\x01b\n", "a^Ab\r\n"},
		{"a\x01\x7fb\n", "ab\n", "a^A\b \b\b \bb\r\n"},
		{"\x16\x04x\n", "\x04x\n", "^\b^Dx\r\n"},
		{"\x7f\x7fx\n", "x\n", "x\r\n"},
		{"end\x04", "end", "end"},
		{"\x04", "", ""},
		{"lost\x03kept\n", "kept\n", "^Ckept\r\n"},
	} {
		p := newPair(t)
		p.write(p.master, tt.typed)
		p.read(p.slave, tt.read, nil)
		if tt.echo != "" {
			p.read(p.master, tt.echo, nil)
		}
		p.read(p.slave, "", linux.EAGAIN)
	}
}

func TestLines(t *testing.T) {
	p := newPair(t)
	p.write(p.master, "one\ntwo\nthree")
	p.read(p.slave, "one\n", nil)
	buf := make([]byte, 2)
	b := guest.Local(buf)
	if n, err := p.slave.Read(p.c, &b, -1); n != 2 || err != nil || string(buf) != "tw" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if p.slave.Ready()&wait.In == 0 {
		t.Error("the rest of a line is not readable")
	}
	p.read(p.slave, "o\n", nil)
	p.read(p.slave, "", linux.EAGAIN)
	if p.slave.Ready()&wait.In != 0 {
		t.Error("half a line is readable")
	}
	p.set(func(v *linux.Termios) { v.Lflag &^= linux.ICANON })
	p.read(p.slave, "three", nil)
}

func TestLongLine(t *testing.T) {
	p := newPair(t)
	for range 3 * bufSize / 128 {
		b := guest.Local(make([]byte, 128))
		p.master.Write(p.c, &b, -1)
	}
	p.write(p.master, "\n")
	total := 0
	for {
		b := guest.Local(make([]byte, 1000))
		n, err := p.slave.Read(p.c, &b, -1)
		if err != nil {
			break
		}
		total += int(n)
	}
	if total != bufSize {
		t.Errorf("a line of %d bytes, want %d", total, bufSize)
	}
}

func TestRaw(t *testing.T) {
	p := newPair(t)
	p.set(func(v *linux.Termios) { // cfmakeraw(3)
		v.Iflag, v.Oflag, v.Lflag = 0, 0, 0
		v.Cc[linux.VMIN], v.Cc[linux.VTIME] = 1, 0
	})
	p.write(p.master, "\x03\r\n\x7f")
	p.read(p.slave, "\x03\r\n\x7f", nil)
	p.read(p.master, "", linux.EAGAIN)
	p.write(p.slave, "a\nb")
	p.read(p.master, "a\nb", nil)
	p.set(func(v *linux.Termios) { v.Cc[linux.VMIN] = 3 })
	p.write(p.master, "ab")
	p.read(p.slave, "", linux.EAGAIN)
	p.write(p.master, "c")
	p.read(p.slave, "abc", nil)
	p.set(func(v *linux.Termios) { v.Cc[linux.VMIN] = 0 })
	p.read(p.slave, "", nil)
	p.set(func(v *linux.Termios) { v.Cc[linux.VTIME] = 1 })
	e, ch := wait.NewChan(wait.In)
	p.slave.Queue().Register(e)
	defer p.slave.Queue().Unregister(e)
	p.read(p.slave, "", linux.EAGAIN)
	select {
	case <-ch:
	case <-time.After(5 * time.Second):
		t.Fatal("VTIME did not end")
	}
	p.read(p.slave, "", nil)
}

func TestOutput(t *testing.T) {
	p := newPair(t)
	p.write(p.slave, "a\n\tb\n")
	p.read(p.master, "a\r\n\tb\r\n", nil)
	p.set(func(v *linux.Termios) { v.Oflag |= linux.XTABS })
	p.write(p.slave, "a\tb\n")
	p.read(p.master, "a       b\r\n", nil)
	p.write(p.master, "\x13")
	b := guest.Local([]byte("x"))
	if _, err := p.slave.Write(p.c, &b, -1); err != linux.EAGAIN {
		t.Errorf("write after ^S: %v", err)
	}
	p.write(p.master, "\x11")
	p.write(p.slave, "x")
	big := guest.Local(make([]byte, 10*bufSize))
	if n, err := p.slave.Write(p.c, &big, -1); n == 0 || err != linux.EAGAIN {
		t.Errorf("write into a full buffer: %d, %v", n, err)
	}
}

func TestHangup(t *testing.T) {
	p := newPair(t)
	p.write(p.slave, "last words")
	p.slave.Release()
	if p.master.Ready()&wait.Hup == 0 {
		t.Error("no hang-up")
	}
	p.read(p.master, "last words", nil)
	p.read(p.master, "", linux.EIO)
	s, err := p.tty.openSlave(p.c, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.read(p.master, "", linux.EAGAIN)
	p.master.Release()
	p.read(s, "", nil)
	b := guest.Local([]byte("x"))
	if _, err := s.Write(p.c, &b, -1); err != linux.EIO {
		t.Errorf("write after a hang-up: %v", err)
	}
	if _, err := p.tty.openSlave(p.c, 0); err != linux.EIO {
		t.Errorf("open after a hang-up: %v", err)
	}
	if p.fs.at(0) != nil {
		t.Error("the number is still taken")
	}
	s.Release()
}

func TestNames(t *testing.T) {
	p := newPair(t)
	m := make(memory, 4)
	p.ioctl(p.master, linux.TIOCGPTN, m)
	if n := binary.LittleEndian.Uint32(m); n != 0 {
		t.Errorf("number %d", n)
	}
	v := vfs.NewVFS(p.fs, "devpts", 0)
	c := &vfs.Ctx{Creds: p.c.Creds, VFS: v, Root: v.Root(), Cwd: v.Root()}
	at, err := v.Walk(c, c.Root, "/0", 0)
	if err != nil {
		t.Fatal(err)
	}
	a, err := at.Inode().Attr(c)
	if err != nil || a.Mode != linux.S_IFCHR|0o620 || a.GID != 5 || a.RDev != vfs.MakeDev(136, 0) {
		t.Errorf("%+v, %v", a, err)
	}
	if err := vfs.Chown(&vfs.Ctx{Creds: &auth.Creds{Effective: auth.AllCaps}}, at, 7, vfs.NoID); err != nil {
		t.Error(err)
	}
	if a, _ := at.Inode().Attr(c); a.UID != 7 {
		t.Errorf("owner %d", a.UID)
	}
	f, err := v.Open(c, c.Root, "/ptmx", linux.O_RDWR, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Walk(c, c.Root, "/1", 0); err != nil {
		t.Error(err)
	}
	f.Dec()
	if _, err := v.Walk(c, c.Root, "/1", 0); err != linux.ENOENT {
		t.Errorf("after its master was closed: %v", err)
	}
}

func FuzzInput(f *testing.F) {
	f.Add([]byte("hello\x7f\x17\x15\n\x04\x16\x12"), uint32(linux.ICANON|linux.ECHO|linux.ECHOE), uint32(0))
	f.Fuzz(func(t *testing.T, in []byte, lflag, iflag uint32) {
		tty := newTTY(&FS{})
		tty.termios.Lflag, tty.termios.Iflag = lflag, iflag
		var e effect
		tty.inputLocked(in, &e)
		for {
			p, err := tty.takeLocked(7)
			if err != nil || len(p) == 0 {
				break
			}
		}
		if tty.ready < 0 || tty.ready > len(tty.in) || len(tty.in) > 2*bufSize || len(tty.out) > maxOut {
			t.Fatalf("%d of %d bytes ready, %d out", tty.ready, len(tty.in), len(tty.out))
		}
	})
}
