package hostfd

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
)

// TestLate: of several who want the same, those who come too late are not kept by the
// host.
func TestLate(t *testing.T) {
	for name, pair := range map[string]func(fd []int) error{
		"pipe": func(fd []int) error { return unix.Pipe2(fd, unix.O_CLOEXEC) },
		"socket": func(fd []int) error {
			p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			copy(fd, p[:])
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			fd := make([]int, 2)
			if err := pair(fd); err != nil {
				t.Fatal(err)
			}
			f, err := New(fd[0])
			if err != nil {
				t.Fatal(err)
			}
			for range 2000 {
				if _, err := unix.Write(fd[1], []byte("x")); err != nil {
					t.Fatal(err)
				}
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() {
						b := guest.Local(make([]byte, 10))
						if n, err := f.Read(nil, &b, -1); n != 1 && err != linux.EAGAIN {
							t.Errorf("%d, %v", n, err)
						}
					})
				}
				done := make(chan struct{})
				go func() { all.Wait(); close(done) }()
				select {
				case <-done:
				case <-time.After(10 * time.Second):
					t.Fatal("somebody is blocked")
				}
			}
			f.Release()
			unix.Close(fd[1])
		})
	}
}

// TestPartial: of a write that the host takes only in part, the rest stays to be
// written.
func TestPartial(t *testing.T) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(p[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	in := make([]byte, 1<<20)
	for i := range in {
		in[i] = byte(i >> 8)
	}
	var out []byte
	read := make([]byte, 5000)
	for b := guest.Local(in); b.Len() > 0; {
		before := b.Len()
		n, err := f.Write(nil, &b, -1)
		if before-b.Len() != int(n) || err != nil && err != linux.EAGAIN {
			t.Fatalf("%d of %d are left after %d, %v", b.Len(), before, n, err)
		}
		for {
			m, _, err := unix.Recvfrom(p[1], read, unix.MSG_DONTWAIT)
			if err != nil {
				break
			}
			out = append(out, read[:m]...)
		}
	}
	if string(out) != string(in) {
		t.Errorf("%d of %d bytes, or others", len(out), len(in))
	}
	unix.Close(p[1])
}

// TestToldAgain: that a file was ready once, and is not for something else, keeps nobody
// from being told the next time.
func TestToldAgain(t *testing.T) {
	fd := make([]int, 2)
	if err := unix.Pipe2(fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	f, err := New(fd[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	defer unix.Close(fd[1])
	for i := range 200 {
		e, told := wait.NewChan(wait.In)
		f.Queue().Register(e)
		ready := f.Ready()&wait.In != 0
		if _, err := unix.Write(fd[1], []byte("x")); err != nil {
			t.Fatal(err)
		}
		for late := time.After(10 * time.Second); !ready; ready = f.Ready()&wait.In != 0 {
			select {
			case <-told:
			case <-late:
				t.Fatalf("round %d: nobody is told", i)
			}
		}
		f.Queue().Unregister(e)
		_ = f.Ready() // which is for reading alone
		b := guest.Local(make([]byte, 10))
		if n, err := f.Read(nil, &b, -1); n != 1 {
			t.Fatalf("%d, %v", n, err)
		}
	}
}
