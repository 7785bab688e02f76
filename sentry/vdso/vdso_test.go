package vdso

import (
	"bytes"
	"debug/elf"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func reopen(fd int) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// TestImage reads the headers; test/e2e has the linkers read the rest.
func TestImage(t *testing.T) {
	img := image()
	f, err := elf.NewFile(bytes.NewReader(img))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Progs) != 2 || f.Progs[0].Filesz != imageSize || f.Progs[1].Type != elf.PT_DYNAMIC {
		t.Errorf("%+v", f.Progs)
	}
	if !bytes.Contains(img[:textAt], []byte("\x00"+soname+"\x00"+version+"\x00")) {
		t.Error("no names")
	}
	if h := elfHash(version); h != 0x3ae75f6 { // as glibc and musl have it
		t.Errorf("hash %#x", h)
	}
}

// steps makes a clock whose host tells what the test says.
type steps struct {
	c    clock
	next sample
	got  line
}

func newSteps() *steps {
	s := &steps{}
	s.c.now = func() sample { return s.next }
	s.c.publish = func(l line) { s.got = l }
	return s
}

func (s *steps) follow(tsc uint64, mono int64) bool {
	s.next = sample{tsc: tsc, mono: mono, real: mono + 1e18}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.follow(s.next)
}

// TestFollow: a counter of 2 GHz against a host's clock that is set and
// changes its pace.
func TestFollow(t *testing.T) {
	s := newSteps()
	if s.follow(1000, 500) || s.follow(2000, 1000) {
		t.Fatal("the clock runs before the counter was measured")
	}
	if !s.follow(20_001_000, 10_000_500) {
		t.Fatal("the clock does not run after 10 ms")
	}
	if s.got.mult != 1<<31 || s.got.base.real-s.got.base.mono != 1e18 {
		t.Errorf("%+v", s.got)
	}
	if ns := s.got.limit / 2; ns < 9_900_000 || ns > 10_000_000 {
		t.Errorf("after 10 ms it is good for %d ns", ns)
	}
	// The host fell behind by 1 us: no step back, and a slower pace until
	// the line ends where the host will be.
	was := s.got
	tsc := uint64(20_001_000 + 10_000_000)
	if !s.follow(tsc, 15_000_500-1000) {
		t.Fatal("no new line")
	}
	if s.got.base.mono != was.at(tsc) || s.got.mult >= 1<<31 {
		t.Errorf("a step back, or no slower: %+v after %+v", s.got, was)
	}
	// The host jumped ahead.
	tsc += 10_000_000
	if !s.follow(tsc, 40_000_000) || s.got.base.mono != 40_000_000 {
		t.Errorf("%+v", s.got)
	}
	// A counter that stands still, or goes back, is not believed.
	if s.follow(500, 60_000_000) {
		t.Error("a counter that went back was believed")
	}
}

// TestMonotonic reads the real clock across many lines.
func TestMonotonic(t *testing.T) {
	now := func() (int64, int64) {
		var ts unix.Timespec
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		return ts.Nano(), ts.Nano() + 1e18
	}
	v, err := New(now, reopen)
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	for range 200_000 {
		mono, real := v.Read()
		if mono < last || real-mono != 1e18 {
			t.Fatalf("%d after %d, real time %d", mono, last, real)
		}
		last = mono
	}
}
