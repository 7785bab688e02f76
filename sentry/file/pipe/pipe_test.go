package pipe

import (
	"bytes"
	"sync"
	"testing"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
)

func put(t *testing.T, w *End, p []byte) (int64, error) {
	t.Helper()
	b := guest.Local(p)
	return w.Write(nil, &b, -1)
}

func get(t *testing.T, r *End, n int) ([]byte, error) {
	t.Helper()
	p := make([]byte, n)
	b := guest.Local(p)
	m, err := r.Read(nil, &b, -1)
	return p[:m], err
}

func TestReadWrite(t *testing.T) {
	r, w := New(Account{})
	if _, err := get(t, r, 10); err != linux.EAGAIN {
		t.Errorf("read of an empty pipe: %v", err)
	}
	if n, err := put(t, w, []byte("hello")); n != 5 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if got := r.Ready(); got != readable {
		t.Errorf("ready = %#x", got)
	}
	if got, _ := get(t, r, 3); string(got) != "hel" {
		t.Errorf("read %q", got)
	}
	if got, _ := get(t, r, 30); string(got) != "lo" {
		t.Errorf("read %q", got)
	}
	w.Release()
	if got, err := get(t, r, 30); len(got) != 0 || err != nil {
		t.Errorf("at the end: %q, %v", got, err)
	}
	if got := r.Ready(); got != wait.Hup {
		t.Errorf("ready = %#x at the end", got)
	}
	r.Release()
}

func TestFullAndAtomic(t *testing.T) {
	r, w := New(Account{})
	if n, err := put(t, w, make([]byte, DefaultSize+1)); n != DefaultSize || err != linux.EAGAIN {
		t.Errorf("write: %d, %v", n, err)
	}
	if w.Ready()&wait.Out != 0 {
		t.Error("writable though full")
	}
	if _, err := get(t, r, 100); err != nil {
		t.Fatal(err)
	}
	if n, err := put(t, w, make([]byte, 101)); n != 0 || err != linux.EAGAIN {
		t.Errorf("write beyond room: %d, %v; want none", n, err)
	}
	if n, err := put(t, w, make([]byte, 100)); n != 100 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if n, err := w.SetSize(&auth.Creds{}, 4096); err != linux.EBUSY {
		t.Errorf("SetSize: %d, %v", n, err)
	}
	r.Release()
	if _, err := put(t, w, []byte("x")); err != linux.EPIPE {
		t.Errorf("write without readers: %v", err)
	}
	if w.Ready()&wait.Err == 0 {
		t.Error("no POLLERR without readers")
	}
}

func TestWrapAndResize(t *testing.T) {
	r, w := New(Account{})
	var next, seen byte
	for i := range 400 {
		p := make([]byte, 1+i*37%5000)
		for j := range p {
			p[j] = next
			next++
		}
		if _, err := put(t, w, p); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 {
			if n, err := w.SetSize(&auth.Creds{}, uint64(16384<<(i/50%4))); err != nil && err != linux.EBUSY {
				t.Fatal(n, err)
			}
		}
		got, _ := get(t, r, 5000)
		for _, c := range got {
			if c != seen {
				t.Fatalf("round %d: got %d, want %d", i, c, seen)
			}
			seen++
		}
	}
	if n, err := w.SetSize(&auth.Creds{}, 2<<20); err != linux.EPERM {
		t.Errorf("SetSize: %d, %v", n, err)
	}
	if n, err := w.SetSize(&auth.Creds{}, 5000); n != 8192 || err != nil {
		t.Errorf("SetSize: %d, %v", n, err)
	}
}

func TestPackets(t *testing.T) {
	r, w := New(Account{})
	put(t, w, []byte("plain"))
	w.SetFlags(linux.O_DIRECT)
	put(t, w, []byte("first"))
	put(t, w, []byte("second"))
	w.SetFlags(0)
	put(t, w, []byte("tail"))
	put(t, w, []byte("more"))
	for _, want := range []string{"pl", "ainfirst", "sec", "tailmore"} {
		n := 100
		if len(want) < 4 {
			n = len(want)
		}
		if got, err := get(t, r, n); string(got) != want || err != nil {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	w.SetFlags(linux.O_DIRECT)
	for i := range DefaultSize / 4096 {
		if _, err := put(t, w, []byte{1}); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := put(t, w, []byte{1}); err != linux.EAGAIN {
		t.Errorf("packet beyond the capacity: %v", err)
	}
}

func TestFIFO(t *testing.T) {
	var f FIFO
	if _, err := f.Open(Write, NonBlock, nil); err != linux.ENXIO {
		t.Errorf("write-only open: %v", err)
	}
	r, _ := f.Open(Read, NonBlock, nil)
	if r.Opened() != nil || r.Ready() != 0 {
		t.Errorf("opened %v, ready %#x", r.Opened(), r.Ready())
	}
	if got, err := get(t, r, 1); len(got) != 0 || err != nil {
		t.Errorf("read without writers: %v", err)
	}
	w, _ := f.Open(Write, NonBlock, nil)
	w.Release()
	if r.Ready() != wait.Hup {
		t.Errorf("ready %#x after a writer left", r.Ready())
	}
	r.Release()

	r, _ = f.Open(Read, 0, nil)
	if r.Opened() != linux.EAGAIN {
		t.Error("a reader did not wait")
	}
	w, _ = f.Open(Write, 0, nil)
	w.Release()
	if r.Opened() != nil {
		t.Error("a reader missed the writer that came and went")
	}
	r.Release()
}

func TestSplice(t *testing.T) {
	r1, w1 := New(Account{})
	r2, w2 := New(Account{})
	put(t, w1, []byte("abcdef"))
	if n, err := Tee(w2, r1, 4); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := Move(w2, r1, 100); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if got, _ := get(t, r2, 100); string(got) != "abcdabcdef" {
		t.Errorf("got %q", got)
	}
	if _, err := get(t, r1, 1); err != linux.EAGAIN {
		t.Errorf("src not empty: %v", err)
	}
	n, err := w1.Fill(10, func(b *guest.Buf) (int64, error) {
		m, err := b.CopyOut([]byte("12345"))
		return int64(m), err
	})
	if n != 5 || err != nil {
		t.Fatal(n, err)
	}
	var out bytes.Buffer
	n, err = r1.Drain(3, func(b *guest.Buf) (int64, error) {
		p := make([]byte, b.Len())
		m, err := b.CopyIn(p)
		out.Write(p)
		return int64(m), err
	})
	if n != 3 || err != nil || out.String() != "123" {
		t.Errorf("%d %v %q", n, err, out.String())
	}
}

func TestConcurrent(t *testing.T) {
	r, w := New(Account{})
	e, ch := wait.NewChan(wait.In | wait.Out)
	r.Queue().Register(e)
	const total = 1 << 20
	var wg sync.WaitGroup
	wg.Go(func() {
		for left := total; left > 0; {
			n, _ := put(t, w, make([]byte, min(left, 3000)))
			left -= int(n)
		}
		w.Release()
	})
	got := 0
	for {
		p, err := get(t, r, 5000)
		if err == linux.EAGAIN {
			<-ch
			continue
		}
		if len(p) == 0 {
			break
		}
		got += len(p)
	}
	wg.Wait()
	if got != total {
		t.Errorf("read %d bytes, want %d", got, total)
	}
}

func BenchmarkPingPong(b *testing.B) {
	r, w := New(Account{})
	p := make([]byte, 1)
	buf := new(guest.Buf)
	for b.Loop() {
		*buf = guest.Local(p)
		w.Write(nil, buf, -1)
		*buf = guest.Local(p)
		r.Read(nil, buf, -1)
	}
}
