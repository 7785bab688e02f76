package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fake is a sandbox whose first process ends when told to.
type fake struct {
	signals chan SignalArgs
	ended   chan struct{}
	waiting chan struct{} // has something when Wait was called
	hungUp  chan struct{} // closed when the client of Exec does
}

func (f *fake) Strace(ctx context.Context, calls []string, out *os.File) error {
	fmt.Fprintln(out, calls)
	out.Close()
	<-ctx.Done()
	return nil
}
func (f *fake) Container(id string) (Container, error) {
	if id != "" && id != "first" {
		return nil, Errorf(NotFound, "no %s", id)
	}
	return f, nil
}
func (f *fake) Create(a CreateArgs, files []*os.File) error {
	defer closeAll(files)
	return Errorf(Invalid, "%s with %d descriptors", a.Config, len(files))
}
func (f *fake) Archive(_ context.Context, out *os.File) (Omitted, error) {
	defer out.Close()
	_, err := out.WriteString("tar")
	return Omitted{Count: 2}, err
}
func (f *fake) WaitOOM(_ context.Context, seen int64) (int64, error) { return seen + 1, nil }

func (f *fake) Stacks(out *os.File) error { return out.Close() }
func (f *fake) Check() error              { return nil }
func (f *fake) Start(StartArgs, []*os.File) error {
	return Errorf(NoProgram, "/nix: no such file or directory")
}
func (f *fake) Signal(a SignalArgs) error {
	f.signals <- a
	return nil
}
func (f *fake) Wait(ctx context.Context, pid int32) (WaitStatus, error) {
	select {
	case f.waiting <- struct{}{}:
	default:
	}
	select {
	case <-f.ended:
		return 3 << 8, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
func (f *fake) Processes() ([]Process, error) { return []Process{{PID: 1, Args: []string{"sh"}}}, nil }
func (f *fake) Pause() error                  { return nil }
func (f *fake) Resume() error                 { return errors.New("not paused") }
func (f *fake) Limit(l Limits) error          { return Errorf(Failed, "to %d", *l.MaxTasks) }
func (f *fake) Stats() (Stats, error)         { return Stats{Tasks: 3}, nil }
func (f *fake) State() (State, error)         { return State{Status: "running"}, nil }
func (f *fake) Destroy() error                { return errors.New("will not") }
func (f *fake) Exec(ctx context.Context, a ExecArgs, files []*os.File) (ExecResult, error) {
	defer closeAll(files)
	// What it is told to write goes to descriptor 1.
	if _, err := files[1].Write(a.Process); err != nil {
		return ExecResult{}, err
	}
	context.AfterFunc(ctx, func() { close(f.hungUp) })
	return ExecResult{PID: 7, ID: 9}, nil
}
func (f *fake) WaitExec(_ context.Context, id uint64) (WaitStatus, error) {
	return WaitStatus(id << 8), nil
}

func serve(t *testing.T) (*fake, *Client, func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{signals: make(chan SignalArgs, 4), ended: make(chan struct{}), waiting: make(chan struct{}, 1), hungUp: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- Serve(l, f) }()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	return f, c, func() {
		l.Close()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Serve did not return")
		}
	}
}

func TestCalls(t *testing.T) {
	f, c, stop := serve(t)
	defer c.Close()
	defer stop()

	var e *Error
	if err := c.Start(StartArgs{}); !errors.As(err, &e) || e.Code != NoProgram {
		t.Errorf("Start: %v", err)
	}
	// A wait that blocks does not hold up the rest.
	status := make(chan WaitStatus, 1)
	go func() {
		s, err := c.Wait(0)
		if err != nil {
			t.Error(err)
		}
		status <- s
	}()
	if err := c.Signal(SignalArgs{Signal: 15, Scope: Everyone}); err != nil {
		t.Error(err)
	}
	if a := <-f.signals; a.Signal != 15 || a.Scope != Everyone {
		t.Errorf("signal %+v", a)
	}
	p, err := c.Processes()
	if err != nil || len(p) != 1 || p[0].Args[0] != "sh" {
		t.Errorf("processes %v, %v", p, err)
	}
	if err := c.Pause(); err != nil {
		t.Error(err)
	}
	if err := c.Resume(); err == nil || err.Error() != "not paused" {
		t.Errorf("resume: %v", err)
	}
	n := int64(7)
	if err := c.Limit(Limits{MaxTasks: &n}); err == nil || err.Error() != "to 7" {
		t.Errorf("limit: %v", err)
	}
	if n, err := c.WaitOOM(4); n != 5 || err != nil {
		t.Errorf("killed for memory: %d, %v", n, err)
	}
	if s, err := c.Stats(); err != nil || s.Tasks != 3 {
		t.Errorf("stats %+v, %v", s, err)
	}
	if err := c.Destroy(time.Minute); err == nil || err.Error() != "will not" {
		t.Errorf("destroy: %v", err)
	}
	close(f.ended)
	if s := <-status; s.ExitCode() != 3 {
		t.Errorf("status %#x", s)
	}
}

// TestArchive: a descriptor goes there, an answer comes back.
func TestArchive(t *testing.T) {
	_, c, stop := serve(t)
	defer stop()
	defer c.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	o, err := c.Archive(int(w.Fd()))
	w.Close()
	if b, rerr := io.ReadAll(r); string(b) != "tar" || o.Count != 2 || err != nil || rerr != nil {
		t.Errorf("%q, %+v, %v, %v", b, o, err, rerr)
	}
}

func TestServerGoneEndsCalls(t *testing.T) {
	_, c, stop := serve(t)
	defer c.Close()
	got := make(chan error, 1)
	go func() {
		_, err := c.Wait(0)
		got <- err
	}()
	if _, err := c.State(); err != nil {
		t.Error(err)
	}
	stop()
	// The context of a wait ends with the server, or its line is cut.
	if err := <-got; err == nil {
		t.Error("wait outlived the sandbox")
	}
	if err := c.Start(StartArgs{}); !errors.Is(err, ErrGone) {
		t.Errorf("Start afterwards: %v", err)
	}
}

// TestLastAnswer: who waits for the end hears of it, though the server ends then.
func TestLastAnswer(t *testing.T) {
	for range 50 {
		f, c, stop := serve(t)
		got := make(chan error, 1)
		var status WaitStatus
		go func() {
			var err error
			status, err = c.Wait(0)
			got <- err
		}()
		<-f.waiting
		close(f.ended)
		stop()
		if err := <-got; err != nil || status.ExitCode() != 3 {
			t.Errorf("%#x, %v", status, err)
		}
		c.Close()
	}
}

// TestExec: descriptors go along, and who hangs up is missed.
func TestExec(t *testing.T) {
	f, c, stop := serve(t)
	defer stop()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := c.Exec(ExecArgs{Process: []byte(`{"args":["sh"]}`)}, int(w.Fd()), int(w.Fd()), int(w.Fd()))
	w.Close()
	if err != nil || got != (ExecResult{7, 9}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if b, err := io.ReadAll(r); string(b) != `{"args":["sh"]}` || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if s, err := c.WaitExec(got.ID); s.ExitCode() != 9 || err != nil {
		t.Errorf("%#x, %v", s, err)
	}
	var e *Error
	if err := c.call(methodExec, ExecArgs{}, nil, 0); !errors.As(err, &e) || e.Code != Invalid {
		t.Errorf("one descriptor: %v", err)
	}
	if _, err := c.Exec(ExecArgs{Passed: []int32{5, 6}}, 0, 0, 0, 0); !errors.As(err, &e) || e.Code != Invalid {
		t.Errorf("four descriptors, not five: %v", err)
	}
	c.Close()
	<-f.hungUp
}

func TestOtherVersionIsRefused(t *testing.T) {
	_, err := call(context.Background(), &fake{}, &request{Version: 99, Method: methodState}, nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != Invalid {
		t.Errorf("%v", err)
	}
}

func TestExitCode(t *testing.T) {
	for s, want := range map[WaitStatus]int{0: 0, 7 << 8: 7, 9: 137, 0x8b: 139} {
		if got := s.ExitCode(); got != want {
			t.Errorf("%#x: %d, want %d", s, got, want)
		}
	}
}

// FuzzLine feeds a connection bytes from a hostile peer.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"v":1,"id":1,"method":"wait","args":0}` + "\n"))
	f.Add([]byte("{}\n{\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &conn{buf: append(b, '\n')}
		for len(c.buf) > 0 {
			var r request
			if c.receive(&r) != nil {
				return
			}
			if _, err := c.claim(r.FDs); err == nil && r.FDs != 0 {
				t.Fatal("descriptors out of nothing")
			}
			ended := make(chan struct{})
			close(ended)
			answer(t.Context(), &fake{ended: ended, signals: make(chan SignalArgs, 1)}, &r, nil)
		}
	})
}

func TestContainers(t *testing.T) {
	_, c, stop := serve(t)
	defer c.Close()
	defer stop()
	c.Container = "first"
	if s, err := c.State(); err != nil || s.Status != "running" {
		t.Errorf("%+v, %v", s, err)
	}
	c.Container = "other"
	var e *Error
	if _, err := c.State(); !errors.As(err, &e) || e.Code != NotFound || e.Msg != "no other" {
		t.Errorf("State: %v", err)
	}
	if err := c.Destroy(time.Minute); err != nil {
		t.Errorf("Destroy of what is not there: %v", err)
	}
	if err := c.Create([]byte(`{"a":1}`), 0, 1, 1); err == nil || err.Error() != `{"a":1} with 3 descriptors` {
		t.Errorf("Create: %v", err)
	}
	c.Container = "first"
	if err := c.call(methodExec, ExecArgs{}, nil, 0); !errors.As(err, &e) || e.Code != Invalid {
		t.Errorf("Exec with one descriptor: %v", err)
	}
}
